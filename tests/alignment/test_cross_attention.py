"""Cross-attention as maps of words, against the maps that `force` makes and loops over tokens."""

import numpy as np
import pytest
import torch

from hf_attn_model.alignment.cross_attention import (
    cross_attention_of,
    head_products,
    norms,
    output_projections,
    read_cross_attention,
)
from hf_attn_model.alignment.pairs import Pair
from hf_attn_model.attention.record import record_attention
from hf_attn_model.attention.teacher_forcing import teacher_forced_attention
from hf_attn_model.errors import UserError
from hf_attn_model.export.export import export_attention
from hf_attn_model.export.store import open_maps

PAIRS = [
    Pair("The ball is blue.", "La bola es azul."),
    Pair("I love my dog", "Amo a mi perro!"),
    Pair("My dog", "Mi perro azul"),
]


def maps_of(model, tokenizer):
    return teacher_forced_attention(model, tokenizer, [pair.source for pair in PAIRS], [pair.target for pair in PAIRS])


def word_map_by_hand(weights, attention, shift):
    """Add up (T,S) token by token: over the tokens of a source word, as a mean over those of a target word."""
    words = np.zeros((len(attention.target_words), len(attention.source_words)))
    for i in range(words.shape[0]):
        tokens = [t for t, word in enumerate(attention.target_word_of_token) if word == i]
        for j in range(words.shape[1]):
            for s, word in enumerate(attention.source_word_of_token):
                if word == j:
                    words[i, j] += np.mean([weights[t + shift, s] for t in tokens])
    return words


@pytest.mark.parametrize("shift", [False, True])
def test_word_maps_are_made_of_the_tokens_of_words(model, tokenizer, shift):
    sets = [[(0, 2)], [(1, 0), (0, 1)], [(layer, head) for layer in range(2) for head in range(3)]]
    for attention in read_cross_attention(model, tokenizer, PAIRS, batch_size=2):
        maps = attention.word_maps(sets, shift)
        for heads, found in zip(sets, maps, strict=True):
            weights = np.mean([attention.weights[layer, head] for layer, head in heads], axis=0)
            np.testing.assert_allclose(found, word_map_by_hand(weights, attention, shift), rtol=1e-5)


def test_a_model_and_its_maps_say_the_same(model, tokenizer):
    live = list(read_cross_attention(model, tokenizer, PAIRS, batch_size=2))
    for one, record, number in zip(live, maps_of(model, tokenizer), "012", strict=True):
        stored = cross_attention_of(record)
        assert (one.id, one.source, one.target) == (number, record.source, record.target)
        assert (one.source_words, one.target_words) == (stored.source_words, stored.target_words)
        np.testing.assert_allclose(one.weights, stored.weights, atol=1e-6)
        sets = [[head] for head in one.heads]
        words = record.words("cross").weights[..., : len(one.target_words), : len(one.source_words)]
        np.testing.assert_allclose(stored.word_maps(sets, False), words.reshape(6, *words.shape[2:]), atol=1e-6)


def test_an_export_of_some_heads_calls_them_by_their_numbers(model, tokenizer, tmp_path):
    pairs = [(pair.source, pair.target) for pair in PAIRS]
    export_attention(model, tokenizer, pairs, tmp_path, places=["cross"], layers=[1], heads=[0, 2], keep="weights")
    for some, record in zip(open_maps(tmp_path), maps_of(model, tokenizer), strict=True):
        stored, whole = cross_attention_of(some), cross_attention_of(record)
        assert stored.heads == [(1, 0), (1, 2)]
        sets = [[(1, 2)], [(1, 0), (1, 2)]]
        np.testing.assert_allclose(stored.word_maps(sets, False), whole.word_maps(sets, False), atol=1e-3)
        with pytest.raises(IndexError, match=r"no layer and head \(0, 0\)"):
            stored.word_maps([[(0, 0)]], False)


def test_norms_of_heads_of_a_layer_are_joint_and_rows_sum_to_one(model, tokenizer):
    (attention,) = read_cross_attention(model, tokenizer, PAIRS[:1], "norms")
    projections = output_projections(model)
    source = tokenizer(PAIRS[0].source, return_tensors="pt").input_ids
    target = tokenizer(text_target=PAIRS[0].target, return_tensors="pt").input_ids
    model.eval()
    with torch.no_grad(), record_attention(model, places=["cross"], keep=("query", "key", "value")) as record:
        model(input_ids=source, labels=target)
    layers = []
    for layer, heads in ((0, [0, 2]), (1, [1])):
        steps = record[0].cross[layer]
        products = head_products(steps.value, projections[layer]).numpy()
        lengths = norms(steps.attention_weights[heads].numpy(), products[:, heads][..., heads])
        layers.append(lengths / lengths.sum(axis=1, keepdims=True))
    found = attention.token_map([(0, 0), (1, 1), (0, 2)])
    np.testing.assert_allclose(found, np.mean(layers, axis=0), rtol=1e-4)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_words_of_the_caller_are_kept(model, tokenizer):
    pair = Pair("The ball is blue.", "La bola es azul.", ["The ball", "is", "blue", "."], ["La", "bola es", "azul."])
    (attention,) = read_cross_attention(model, tokenizer, [pair])
    assert (attention.source_words, attention.target_words) == (pair.source_words, pair.target_words)
    assert attention.word_maps([attention.heads], False).shape == (1, 3, 4)


def test_a_target_that_ends_early_has_no_last_shifted_row(model, tokenizer):
    (attention,) = read_cross_attention(model, tokenizer, [Pair("My dog", "perro")])
    rows = attention.row_words(True)
    assert rows == [None, *attention.target_word_of_token[:-1]]
    assert len(rows) == attention.weights.shape[2]


def test_mistakes_are_told(model, tokenizer):
    long = [*PAIRS, Pair("dog! " * 50, "perro")]
    with pytest.raises(UserError, match="sentence 3: 251 tokens, but the model reads at most 61"):
        list(read_cross_attention(model, tokenizer, long, batch_size=2))
