"""Norms of what a query gets from a key, against sums of vectors written as loops, on every family of models."""

import numpy as np
import pytest
import torch
from families import build

from hf_attn_model.alignment.cross_attention import head_products, norms, output_projections
from hf_attn_model.attention.modules import attention_modules
from hf_attn_model.attention.record import record_attention
from hf_attn_model.errors import UserError

B, T, S, HEADS = 2, 5, 7, 3
SIZES = {"encoder_layers": 1, "decoder_layers": 2, "decoder_attention_heads": HEADS}  # T5 has as many heads


@pytest.fixture(params=["ours", "marian", "bart", "m2m_100", "t5"])
def model(request):
    model = build(request.param, **SIZES)
    for name, parameter in model.named_parameters():
        if name.endswith("proj.bias"):  # zero at first: they would prove nothing
            torch.nn.init.normal_(parameter)
    return model


def carried_by_hand(module, states, head):
    """f_h(x) of every key, (S,D), from the modules' own weights."""
    value, output = (module.v, module.o) if hasattr(module, "o") else (module.v_proj, module.out_proj)
    size = value.out_features // HEADS
    part = slice(head * size, (head + 1) * size)
    return value(states)[:, part] @ output.weight[:, part].T


@torch.no_grad()
def test_norms_are_lengths_of_weighted_sums(model):
    modules = {layer: m for m, ((place, layer),) in attention_modules(model).items() if place == "cross"}
    outputs = {}
    for layer, module in modules.items():
        module.register_forward_hook(lambda module, args, output, layer=layer: outputs.update({layer: output[0]}))
    ids, decoder_ids = torch.randint(2, 37, (B, S)), torch.randint(2, 37, (B, T))
    with record_attention(model, places=["cross"], keep=("query", "key", "value")) as record:
        states = model(input_ids=ids, decoder_input_ids=decoder_ids).encoder_last_hidden_state
    projections = output_projections(model)
    assert list(projections) == [0, 1]
    for layer, module in modules.items():
        for sentence in range(B):
            carried = torch.stack([carried_by_hand(module, states[sentence], head) for head in range(HEADS)])
            steps = record[sentence].cross[layer]
            weights = steps.attention_weights
            total = torch.einsum("hts,hsd->td", weights, carried)
            bias = getattr(getattr(module, "out_proj", None), "bias", None)
            torch.testing.assert_close(total + (0 if bias is None else bias), outputs[layer][sentence])
            products = head_products(steps.value, projections[layer]).numpy()
            for heads in ([1], [0, 2], [0, 1, 2]):
                expected = np.zeros((T, S))
                for i, j in np.ndindex(T, S):
                    expected[i, j] = sum(weights[h, i, j] * carried[h, j] for h in heads).norm()
                found = norms(weights[heads].numpy(), products[:, heads][..., heads])
                np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_models_without_a_known_projection_are_refused():
    model = build("ours")
    for module in model.modules():
        if hasattr(module, "out_proj"):
            module.somewhere_else = module.out_proj
            del module.out_proj
    with pytest.raises(UserError, match="no output projection called out_proj, o, o_proj"):
        output_projections(model)
