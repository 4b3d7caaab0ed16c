"""The oracle of tools that change a model: what `intervene` makes of it."""

import torch

from hf_attn_model import intervene


def zeroed_logits(model, tokenizer):
    batch = tokenizer("The ball is blue", text_target="La bola es azul", return_tensors="pt")
    with intervene(model, [("cross", 1, 2)], mode="zero"), torch.no_grad():
        zeroed = model(**batch).logits
    with torch.no_grad():
        assert (model(**batch).logits - zeroed).abs().max() > 1
    return zeroed
