"""The models that the parts are tried on: a stock Marian, and ours of the same sizes."""

import torch
from families import SIZES
from transformers import MarianConfig, MarianMTModel

from hf_attn_model.model import AttnConfig, AttnForConditionalGeneration


def build(family, **sizes):
    """A model with fresh weights, "marian" or "ours"; `sizes` take the place of those of all families."""
    torch.manual_seed(11)
    sizes = SIZES | {"dropout": 0.1} | sizes
    if family == "marian":
        return MarianMTModel(MarianConfig(**sizes))
    return AttnForConditionalGeneration(AttnConfig(**sizes, head_dim=7))
