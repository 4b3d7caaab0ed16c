"""Hypotheses of a batch, with the scores that the search gives them: held against a pass over what was found."""

import pytest
import torch
from families import build
from small_models import make_model

from hf_attn_model.checkpoint.checkpoint import load_translator
from hf_attn_model.errors import UserError
from hf_attn_model.translation import Sampling, SearchSettings
from hf_attn_model.translation.hypotheses import given_ids, search_batch

SOURCES = ["two seven one", "six", "three three five one two"]


@pytest.fixture(scope="module")
def translator(translator_folder):
    return load_translator(str(translator_folder))


@pytest.fixture(params=["ours", "marian", "t5"])
def untrained(request, translator):
    tokenizer = translator[1]
    model = build(request.param)
    model.resize_token_embeddings(len(tokenizer))
    return model, tokenizer


def found_by(model, tokenizer, **settings):
    sources = [tokenizer(text).input_ids for text in SOURCES]
    return search_batch(model, tokenizer, sources, SearchSettings(**settings))


def teacher_forced(model, tokenizer, source, found, given=()):
    """Log-probabilities of tokens behind what is given, by one pass; of an end mark that was forced, 0."""
    ids = found.ids
    begin = list(given) or [model.generation_config.decoder_start_token_id]
    wanted = ids[len(begin) - 1 :]
    inputs = tokenizer(source, return_tensors="pt")
    decoder = torch.tensor([[*begin, *wanted[:-1]]])
    with torch.no_grad():
        logits = model(**inputs, decoder_input_ids=decoder).logits[0].double()
    rows = logits.log_softmax(-1)[len(begin) - 1 :]
    steps = [float(row[token]) for row, token in zip(rows, wanted, strict=True)]
    is_forced = model.generation_config.forced_eos_token_id is not None and found.is_cut
    return [*steps[:-1], 0.0] if is_forced else steps


WAYS = [
    {"num_beams": 1},
    {"num_beams": 3, "n_best": 3},
    {"num_beams": 3, "n_best": 2, "length_penalty": 0.3},
    {"sampling": Sampling(seed=5), "n_best": 3},
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_scores_are_those_of_one_teacher_forced_pass(untrained, way):
    model, tokenizer = untrained
    for source, hypotheses in zip(SOURCES, found_by(model, tokenizer, **way, with_scores=True), strict=True):
        assert len(hypotheses) == way.get("n_best", 1)
        for found in hypotheses:
            steps = teacher_forced(model, tokenizer, source, found)
            assert found.log_probability == pytest.approx(sum(steps), abs=1e-4)
            power = way.get("length_penalty", 1)
            assert found.score == pytest.approx(sum(steps) / len(steps) ** power, abs=1e-4)


def test_the_n_best_and_their_scores_are_those_of_transformers(untrained):
    model, tokenizer = untrained
    found = found_by(model, tokenizer, num_beams=5, n_best=3, length_penalty=0.7, with_scores=True)
    for source, hypotheses in zip(SOURCES, found, strict=True):
        inputs = tokenizer(source, return_tensors="pt")
        limit = min(2 * inputs["input_ids"].shape[1] + 11, getattr(model.config, "max_position_embeddings", 997))
        theirs = model.generate(
            **inputs,
            num_beams=5,
            num_return_sequences=3,
            length_penalty=0.7,
            max_length=limit,
            return_dict_in_generate=True,
            output_scores=True,
        )
        assert [each.score for each in hypotheses] == pytest.approx(theirs.sequences_scores.tolist(), abs=1e-5)
        ids = [row[: len(each.ids)] for each, row in zip(hypotheses, theirs.sequences[:, 1:].tolist(), strict=True)]
        assert [each.ids for each in hypotheses] == ids
        assert [each.score for each in hypotheses] == sorted((each.score for each in hypotheses), reverse=True)


def test_without_scores_the_same_is_found(translator):
    for way in WAYS:
        plain, scored = (found_by(*translator, **way, with_scores=wanted) for wanted in (False, True))
        assert [[each.ids for each in row] for row in plain] == [[each.ids for each in row] for row in scored]
        assert {each.score for row in plain for each in row} == {None}


@pytest.mark.parametrize("num_beams", [1, 3])
def test_a_prefix_is_given_and_not_scored(untrained, num_beams):
    model, tokenizer = untrained
    prefix = tokenizer("sieben eins").input_ids[:-1]
    settings = {"prefix": "sieben eins", "num_beams": num_beams, "with_scores": True}
    given = given_ids(model, tokenizer, "sieben eins")
    assert given == [model.generation_config.decoder_start_token_id, *prefix]
    for source, (found,) in zip(SOURCES, found_by(model, tokenizer, **settings), strict=True):
        assert found.ids[: len(prefix)] == prefix
        steps = teacher_forced(model, tokenizer, source, found, given)
        assert found.log_probability == pytest.approx(sum(steps), abs=1e-4)
        assert found.score == pytest.approx(sum(steps) / len(steps), abs=1e-4)


def test_the_mark_of_a_language_stands_before_a_prefix(translator):
    model, tokenizer = make_model(vocab_size=len(translator[1])), translator[1]
    model.generation_config.forced_bos_token_id = 7
    given = given_ids(model, tokenizer, "eins")
    assert given == [0, 7, *tokenizer("eins").input_ids[:-1]]
    plain = found_by(model, tokenizer, num_beams=2)
    assert {hypotheses[0].ids[0] for hypotheses in plain} == {7}
    assert [row[0].ids[: len(given) - 1] for row in found_by(model, tokenizer, num_beams=2, prefix="eins")] == [
        given[1:]
    ] * 3
    with pytest.raises(UserError, match=r"the prefix has \d+ tokens, too many for a model of 61 positions"):
        given_ids(model, tokenizer, "eins " * 90)


def test_what_is_forced_costs_nothing_greedily_as_in_a_beam(translator):
    model, tokenizer = make_model(vocab_size=len(translator[1])), translator[1]
    model.generation_config.forced_bos_token_id = 7
    found = found_by(model, tokenizer, num_beams=1, with_scores=True)[0][0]
    steps = teacher_forced(model, tokenizer, SOURCES[0], found)
    assert found.ids[0] == 7
    assert steps[0] < -1, "else this shows nothing"
    assert found.log_probability == pytest.approx(sum(steps[1:]), abs=1e-4)


def test_no_sequence_of_tokens_comes_twice(untrained):
    model, tokenizer = untrained
    pairs = [
        [tuple(ids[i : i + 2]) for i in range(len(ids) - 1)]
        for size in (None, 2)
        for ids in (row[0].ids for row in found_by(model, tokenizer, num_beams=2, no_repeat_ngram_size=size))
    ]
    twice = [len(each) > len(set(each)) for each in pairs]
    assert any(twice[:3]), "else this shows nothing"
    assert not any(twice[3:])


@pytest.mark.parametrize("ratio", [0.5, 3.0])
def test_the_limit_follows_from_the_ratio(translator, ratio):
    model, tokenizer = make_model(vocab_size=len(translator[1])), translator[1]
    model.generation_config.eos_token_id = None
    for source, (found,) in zip(SOURCES, found_by(model, tokenizer, num_beams=2, max_length_ratio=ratio), strict=True):
        assert len(found.ids) == int(ratio * len(tokenizer(source).input_ids)) + 10
