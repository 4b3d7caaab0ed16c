"""A small untrained translator."""

import pytest
import torch

from hf_attn_model.model import AttnConfig, AttnForConditionalGeneration
from hf_attn_model.text.tokenizer import train_tokenizer

TEXTS = ["The ball is blue.", "I love my dog", "La bola es azul.", "Amo a mi perro!"]


@pytest.fixture(scope="package")
def tokenizer():
    return train_tokenizer(TEXTS, vocab_size=300)


@pytest.fixture
def model(tokenizer):
    torch.manual_seed(3)
    sizes = {"encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 3}
    config = AttnConfig(
        vocab_size=len(tokenizer),
        d_model=11,
        head_dim=5,
        encoder_ffn_dim=13,
        decoder_ffn_dim=17,
        max_position_embeddings=41,
        dropout=0.5,
        **sizes,
    )
    return AttnForConditionalGeneration(config)
