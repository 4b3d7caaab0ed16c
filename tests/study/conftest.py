"""A small model that reads the textbook, with initial weights and with attention that is even everywhere."""

import pytest
import torch
from small_models import make_model

from hf_attn_model.study.relevance import textbook_pairs
from hf_attn_model.text.tokenizer import train_tokenizer


@pytest.fixture(scope="session")
def textbook():
    """41 pairs of the dev split, and a tokenizer that cuts their words into pieces."""
    pairs = textbook_pairs("en-es", "en", "dev", 0, 41)
    tokenizer = train_tokenizer([text for pair in pairs for text in (pair.source, pair.target)], 331)
    return pairs, tokenizer


@pytest.fixture
def model(textbook):
    torch.manual_seed(0)
    model = make_model(vocab_size=len(textbook[1]))
    for name, parameter in model.named_parameters():
        if "q_proj" in name or "k_proj" in name:
            parameter.data.mul_(3)  # initial weights attend almost evenly: larger ones tell more apart
    return model


@pytest.fixture
def even_model(model):
    for name, parameter in model.named_parameters():
        if "q_proj" in name:
            parameter.data.zero_()
    return model
