"""Small models of distinct prime sizes, for all tests."""

import torch

from hf_attn_model import AttnConfig, AttnForConditionalGeneration

B, S, T, V, D, K = 2, 7, 5, 37, 22, 11  # batch, source, target, vocabulary, d_model, head_dim

# what a model can be built with, beside sizes: every promise is tried with each
BUILDS = [
    {"norm_position": "pre"},
    {"norm_position": "post"},
    {"position_embedding": "rotary", "head_dim": 10},
    {"position_embedding": "learned", "position_offset": 2, "normalize_embedding": True, "logits_bias": True},
]


def build_name(build):
    return next(iter(build.values()))


def make_config(**changes):
    sizes = {
        "vocab_size": V,
        "d_model": D,
        "head_dim": K,
        "encoder_layers": 2,
        "decoder_layers": 3,
        "encoder_attention_heads": 3,
        "decoder_attention_heads": 5,
        "encoder_ffn_dim": 17,
        "decoder_ffn_dim": 19,
        "dropout": 0.0,
        "max_position_embeddings": 61,
    }
    return AttnConfig(**(sizes | changes))


def make_model(**changes):
    torch.manual_seed(0)
    model = AttnForConditionalGeneration(make_config(**changes)).eval()
    if model.final_logits_bias is not None:
        model.final_logits_bias.normal_()
    return model
