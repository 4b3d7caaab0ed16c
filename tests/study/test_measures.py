"""What is measured of a model, against one sentence at a time and against attention known beforehand."""

import numpy as np
import pytest

from hf_attn_model.alignment.pairs import GoldPair, Pair
from hf_attn_model.alignment.scores import alignment_error_rate
from hf_attn_model.attention.places import PLACES
from hf_attn_model.attention.teacher_forcing import teacher_forced_attention
from hf_attn_model.study.measures import inspect_pair, measure, measure_one, row_entropies, word_maps_of, word_weights
from hf_attn_model.study.relevance import textbook_pairs

LAYERS_AND_HEADS = {"encoder": (2, 3), "decoder": (3, 5), "cross": (3, 5)}


def record_of(model, tokenizer, pair):
    words = {"source_words": [pair.source_words], "target_words": [pair.target_words]}
    return teacher_forced_attention(model, tokenizer, [pair.source], [pair.target], **words)[0]


def test_entropy_is_that_of_all_rows(model, textbook):
    pairs, tokenizer = textbook
    measured = measure(model, tokenizer, pairs, batch_size=7, samples=3)
    assert measured["sentences"] == len(pairs)
    for place, shape in LAYERS_AND_HEADS.items():
        rows = []
        for pair in pairs:
            weights = record_of(model, tokenizer, pair).place(place).astype(float)
            for i in range(weights.shape[2]):
                row = weights[:, :, i, : i + 1] if place == "decoder" else weights[:, :, i]
                rows.append(-(row * np.log(row)).sum(axis=-1))
        expected = np.mean(rows, axis=0)
        assert expected.shape == shape
        np.testing.assert_allclose(measured["entropy"][place]["heads"], expected, rtol=1e-4)
        assert measured["entropy"][place]["mean"] == pytest.approx(expected.mean(), rel=1e-4)


def test_entropies_of_known_rows():
    rows = np.array([[1, 0, 0, 0, 0], [0.2] * 5])
    assert row_entropies(rows) == pytest.approx([0, np.log(5)])


def test_error_rates_are_those_of_the_words_looked_at_most(model, textbook):
    pairs, tokenizer = textbook
    alignment = measure(model, tokenizer, pairs, samples=101)["alignment"]
    links = np.empty((3, 6, len(pairs)), dtype=object)
    for n, pair in enumerate(pairs):
        words = record_of(model, tokenizer, pair).words("cross").weights[..., : len(pair.target_words), :]
        words = words[..., : len(pair.source_words)]  # the end mark comes last
        heads = np.concatenate([words, words.mean(axis=1, keepdims=True)], axis=1)
        for layer, head in np.ndindex(3, 6):
            links[layer, head, n] = [(int(row.argmax()), i) for i, row in enumerate(heads[layer, head])]
    rates = np.array(
        [
            [alignment_error_rate(head, [p.sure for p in pairs], [p.possible for p in pairs]) for head in layer]
            for layer in links
        ]
    )
    np.testing.assert_allclose(alignment["heads"], rates[:, :-1])
    np.testing.assert_allclose(alignment["layers"], rates[:, -1])
    assert alignment["best"] == pytest.approx(rates[:, :-1].min())
    assert rates[tuple(alignment["best_head"])] == alignment["best"]
    assert rates[alignment["best_layer"], -1] == pytest.approx(alignment["layer"])
    low, high = alignment["best_interval"]
    assert low < alignment["best"] < high


@pytest.mark.parametrize("place", PLACES)
def test_words_sum_over_keys_and_average_over_queries(model, textbook, place):
    pairs, tokenizer = textbook
    cut = 0
    for pair in pairs[:7]:
        record = record_of(model, tokenizer, pair)
        rows, columns = {"encoder": "ss", "decoder": "tt", "cross": "ts"}[place]
        words = {"s": pair.source_words, "t": pair.target_words}
        merged = record.words(place).weights  # words as the record orders them, the start mark first, the end mark last
        first = 1 if place == "decoder" else 0
        expected = merged[:, :, : len(words[rows]), first : first + len(words[columns])]
        weights, even = word_weights(record, place)
        if place == "decoder":  # the last word is read only where the end mark is written
            expected = np.pad(expected, [(0, 0)] * 3 + [(0, weights.shape[-1] - expected.shape[-1])])
        np.testing.assert_allclose(weights, expected, atol=1e-6)
        tokens = record.source_word_of_token
        cut += len(tokens) > len(pair.source_words) + 1
        if place != "decoder":
            share = [tokens.count(j) / len(tokens) for j in range(len(words[columns]))]
            np.testing.assert_allclose(even, np.tile(share, (len(even), 1)))
        else:
            assert not np.triu(even, 1).any()
    assert cut, "every word is one token: nothing was merged"


def test_even_attention_is_one_times_an_even_look_everywhere(even_model, textbook):
    pairs, tokenizer = textbook
    found = measure(even_model, tokenizer, pairs, samples=11)["relevance"]
    assert set(found) == set(PLACES)
    for place, kinds in found.items():
        assert {"verb-object", "subject-verb", "adjective-noun"} <= kinds.keys()
        for comparison in kinds.values():
            heads = comparison["heads"]
            assert np.shape(heads["related"]) == LAYERS_AND_HEADS[place]
            np.testing.assert_allclose(heads["related"], 1, rtol=1e-5)
            np.testing.assert_allclose(heads["control"], 1, rtol=1e-5)


def test_cross_attention_is_read_through_the_words_that_translate(model, textbook):
    pairs, tokenizer = textbook
    for pair in pairs[:11]:
        record = record_of(model, tokenizer, pair)
        weights, even = word_weights(record, "cross")
        word_map = word_maps_of(record, pair)["cross"]
        for i in range(len(pair.source_words)):
            translations = [target for source, target in pair.sure if source == i]
            if translations:
                np.testing.assert_allclose(
                    word_map.weights[:, :, i], weights[:, :, translations].mean(axis=2), atol=1e-6
                )
                np.testing.assert_allclose(word_map.even[i], even[0])
            else:
                assert not word_map.even[i].any()


def test_what_is_known_of_the_pairs_decides_what_is_measured(model, textbook):
    pairs, tokenizer = textbook
    plain = [Pair(pair.source, pair.target) for pair in pairs[:5]]
    gold = [GoldPair(p.source, p.target, p.source_words, p.target_words, p.sure, p.possible) for p in pairs[:5]]
    assert set(measure(model, tokenizer, plain, samples=3)) == {"sentences", "entropy"}
    assert set(measure(model, tokenizer, gold, samples=3)) == {"sentences", "entropy", "alignment"}


def test_one_sentence_has_the_kinds_that_the_tutorials_compare(even_model, textbook):
    (cat,) = textbook_pairs("en-es", "en", "test", 1, 1)
    assert cat.source == "The black cat drank the milk"
    found = measure_one(inspect_pair(even_model, textbook[1], cat), cat)
    for place in PLACES:
        assert set(found[place]) == {
            "verb-object",
            "subject-verb",
            "adjective-noun",
            "subject-object",
            "adjective-object",
        }
        assert all(look["mean"] == pytest.approx(1, rel=1e-5) for look in found[place].values())


def test_pairs_turn_round_with_all_that_is_known_of_them():
    (there,), (back,) = (textbook_pairs("en-es", language, "dev", 1, 1) for language in ("en", "es"))
    assert there.source_roles != there.target_roles
    assert (back.source, back.target, back.source_roles) == (there.target, there.source, there.target_roles)
    assert sorted((j, i) for i, j in back.sure) == sorted(map(tuple, there.sure))
    assert back.swapped().source_words == there.source_words
