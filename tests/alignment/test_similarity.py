"""Encoder similarity, against cosines computed sentence by sentence."""

import numpy as np
import torch

from hf_attn_model.alignment.baselines import similarity_maps
from hf_attn_model.alignment.pairs import Pair
from hf_attn_model.attention.tokenized import tokenize_with_words

PAIRS = [Pair("The ball is blue.", "La bola es azul."), Pair("I love my dog", "perro"), Pair("azul", "azul dog")]


def word_vectors(model, tokenizer, text):
    (side,) = tokenize_with_words(tokenizer, [text])
    with torch.no_grad():
        states = model.get_encoder()(input_ids=torch.tensor([side.ids])).last_hidden_state[0]
    return [
        torch.stack([state for state, word in zip(states, side.word_of_token, strict=True) if word == i]).sum(dim=0)
        for i in range(len(side.words))
    ]


def test_it_is_the_cosine_of_words(model, tokenizer):
    found = list(similarity_maps(model.eval(), tokenizer, PAIRS, batch_size=2))
    for pair, similarity in zip(PAIRS, found, strict=True):
        source, target = (word_vectors(model, tokenizer, text) for text in (pair.source, pair.target))
        for (i, one), (j, other) in ((a, b) for a in enumerate(target) for b in enumerate(source)):
            expected = torch.cosine_similarity(one, other, dim=0).item()
            np.testing.assert_allclose(similarity[i, j], expected, atol=1e-5)
