"""What the page reads of a sentence is the sentence: texts as they are, numbers within the error that it states."""

import json

import numpy as np
import pytest
from pages import SIZES_30_WORDS, make_record, make_vectors, random_sentence

from hf_attn_model.attention.places import PLACES
from hf_attn_model.view.page import payload
from hf_attn_model.view.page.payload import TYPES, bytes_as, pack, record_payload, unpack


@pytest.mark.parametrize(("kind", "error"), [("u8", 0.5 / 255), ("f16", 2**-12), ("f32", 0)])
def test_arrays_come_back(kind, error):
    array = np.random.default_rng(0).uniform(size=(2, 3, 5, 7)).astype(np.float32)
    packed = pack(array, kind)
    assert set(packed) == {"type", "data"}
    assert len(packed["data"]) == pytest.approx(bytes_as(kind, [array]), abs=4)
    assert np.abs(unpack(packed, array.shape) - array).max() <= error + 1e-9


def test_the_ends_of_the_scale_are_exact():
    ends = np.array([0.0, 1.0])
    for kind in TYPES:
        assert (unpack(pack(ends, kind), (2,)) == ends).all()


@pytest.mark.parametrize("precise", [10**9, 0])
def test_weights_come_back_within_the_stated_error(precise, monkeypatch):
    monkeypatch.setattr(payload, "PRECISE_WEIGHTS", precise)
    record = make_record()
    told = json.loads(json.dumps(record_payload(record, {})))
    for place in PLACES:
        facts = told["places"][place]
        weights = record.place(place)
        assert facts["weights"]["type"] == ("f16" if precise else "u8")
        assert facts["shape"] == list(weights.shape)
        error = np.abs(unpack(facts["weights"], weights.shape) - weights).max()
        assert error == pytest.approx(facts["error"])
        assert 0 < facts["error"] <= (2**-12 if precise else 0.5 / 255) + 1e-9


@pytest.mark.parametrize("precise", [10**9, 0])
def test_vectors_come_back_and_their_error_is_that_of_the_weights_made_from_them(precise, monkeypatch):
    monkeypatch.setattr(payload, "PRECISE_VECTORS", precise)
    record = make_record()
    vectors = make_vectors(record)
    for place in PLACES:
        told = record_payload(record, vectors)["places"][place]["vectors"]
        read = {name: unpack(told[name], getattr(vectors[place], name).shape) for name in ("query", "key", "value")}
        for name, array in read.items():
            np.testing.assert_allclose(array, getattr(vectors[place], name), rtol=0 if precise else 2**-10, atol=1e-7)
        scores = np.einsum("lhtk,lhsk->lhts", read["query"], read["key"]) * told["scaling"]
        if told["is_causal"]:
            scores = np.where(np.tri(*scores.shape[2:], dtype=bool), scores, -np.inf)
        weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
        assert np.abs(weights - record.place(place)).max() == pytest.approx(told["error"], rel=1e-3, abs=1e-9)
        assert told["error"] < (1e-6 if precise else 6e-3)


def test_texts_words_and_spaces_come_with_it():
    record = make_record()
    told = record_payload(record, {})
    for side in ("source", "target"):
        assert told[side]["text"] == getattr(record, side)
        assert told[side]["tokens"] == getattr(record, f"{side}_tokens")
        assert told[side]["word_of_token"] == getattr(record, f"{side}_word_of_token")
        words, text = getattr(record, f"{side}_words"), getattr(record, side)
        assert told[side]["words"] == [word.text for word in words]
        assert told[side]["gaps"] == [int(text[: word.start].endswith(" ")) for word in words]


def test_thirty_words_of_a_base_model_are_small():
    """Six and six layers of eight heads, 64 wide; four tokens to three words."""
    record = random_sentence(**SIZES_30_WORDS)
    alone = len(json.dumps(record_payload(record, {})))
    vectors = make_vectors(record, width=64)
    assert alone < 1_200_000
    assert len(json.dumps(record_payload(record, vectors))) <= 3_800_000


def test_many_sentences_share_the_room():
    record = make_record()
    kinds = {share: record_payload(record, {}, share)["places"]["cross"]["weights"]["type"] for share in (1.0, 1e-4)}
    assert kinds == {1.0: "f16", 1e-4: "u8"}
