"""A small untrained translator."""

import pytest
from small_models import make_model

from hf_attn_model.text.tokenizer import train_tokenizer

TEXTS = ["The ball is blue.", "I love my dog", "La bola es azul.", "Amo a mi perro!"]


@pytest.fixture(scope="package")
def tokenizer():
    return train_tokenizer(TEXTS, vocab_size=300)


@pytest.fixture
def model(tokenizer):
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 3}
    return make_model(vocab_size=len(tokenizer), encoder_layers=1, decoder_layers=2, dropout=0.5, **heads).train()
