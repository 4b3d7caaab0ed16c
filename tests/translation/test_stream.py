"""Rows that come out in order, as soon as they can, one for each that went in."""

import pytest
import torch
from small_models import make_model

from hf_attn_model.checkpoint.checkpoint import load_translator
from hf_attn_model.errors import UserError
from hf_attn_model.text.tally import Tally
from hf_attn_model.translation import Sampling, SearchSettings, engine, translate_stream
from hf_attn_model.translation import stream as streaming
from hf_attn_model.translation.hypotheses import search_batch
from hf_attn_model.translation.risk import least_risk
from hf_attn_model.translation.search import best_translations, translate

ROWS = ["two seven one", "", "six", "three three five", "   ", "one one one two three four", "seven"]
LONG = "one two three four five six seven " * 5


@pytest.fixture(scope="module")
def translator(translator_folder):
    return load_translator(str(translator_folder))


def texts(rows):
    return [row.translations[0].text for row in rows]


@pytest.mark.parametrize("num_beams", [1, 3])
@pytest.mark.parametrize(("batch_tokens", "first_window"), [(8192, 64), (30, 2), (1, 1)])
def test_rows_are_those_of_a_list_translated_at_once(translator, num_beams, batch_tokens, first_window):
    found = translate_stream(
        *translator, iter(ROWS), SearchSettings(num_beams), batch_tokens=batch_tokens, first_window=first_window
    )
    found = list(found)
    assert texts(found) == translate(*translator, ROWS, num_beams=num_beams)
    assert [(row.number, row.source) for row in found] == list(enumerate(ROWS))
    assert [len(row.parts) for row in found] == [1, 0, 1, 1, 0, 1, 1]


def test_rows_come_out_before_all_are_read(translator, monkeypatch):
    monkeypatch.setattr(streaming, "LARGEST_WINDOW", 8)
    read = []

    def rows():
        for i in range(40):
            read.append(i)
            yield "six" if i % 2 else "one two three four"

    ahead = []
    for row in translate_stream(*translator, rows(), SearchSettings(1), batch_tokens=12, first_window=3):
        ahead.append(len(read) - row.number)
    assert len(ahead) == 40
    assert ahead[0] == 3
    assert max(ahead) == 8


def test_a_text_that_is_too_long_ends_nothing(translator):
    rows = ["six", LONG, "seven"]
    expected = texts(translate_stream(*translator, ["six", "seven"]))
    for on_long, kind, parts in (
        (None, "too long, split", 3),
        ("split", "too long, split", 3),
        ("truncate", "too long, cut", 1),
        ("skip", "too long, left out", 0),
    ):
        tally = Tally()
        found = list(translate_stream(*translator, rows, on_long=on_long, tally=tally, name="line {}".format))
        assert tally.summary() == f"1 {kind} (line 1)"
        assert [texts(found)[0], texts(found)[2]] == expected
        assert len(found[1].parts) == parts or (parts == 3 and len(found[1].parts) > 1)
        one_by_one = translate(*translator, [part.text for part in found[1].parts])
        assert texts(found)[1] == " ".join(one_by_one)
    with pytest.raises(UserError, match=r"row 1: \d+ tokens, but the model reads at most 31"):
        list(translate_stream(*translator, rows, on_long="error"))


def test_sentences_are_translated_by_themselves_and_put_together_again(translator):
    (row,) = translate_stream(*translator, ["six / seven one / two"], split=lambda text: text.split(" / "))
    assert [part.text for part in row.parts] == ["six", "seven one", "two"]
    assert row.translations[0].text == " ".join(translate(*translator, ["six", "seven one", "two"]))


def test_the_score_of_a_row_is_that_of_its_tokens_together(translator):
    settings = SearchSettings(2, with_scores=True, length_penalty=0.5)
    (row,) = translate_stream(*translator, ["six / seven one"], settings, split=lambda text: text.split(" / "))
    parts = [part.found[0] for part in row.parts]
    total, length = sum(part.log_probability for part in parts), sum(len(part.ids) for part in parts)
    assert row.translations[0].log_probability == pytest.approx(total)
    assert row.translations[0].score == pytest.approx(total / length**0.5)
    (blank,) = translate_stream(*translator, [" "], settings)
    assert (blank.translations[0].text, blank.translations[0].score) == ("", None)


def test_the_n_best_are_those_of_a_sentence_alone(translator):
    model, tokenizer = make_model(vocab_size=len(translator[1])), translator[1]
    for row in translate_stream(model, tokenizer, ROWS, SearchSettings(4, n_best=3), batch_tokens=100):
        expected = best_translations(model, tokenizer, row.source, 3, num_beams=4)
        found = [each.ids for part in row.parts for each in part.found]
        assert found == (expected if row.source.strip() else [])
        assert len(row.translations) == (3 if row.source.strip() else 1)


def test_least_risk_keeps_one_of_the_samples_of_its_row(translator):
    model, tokenizer = make_model(vocab_size=len(translator[1])), translator[1]
    sampling = Sampling(seed=3, temperature=0.7)
    kept = list(translate_stream(model, tokenizer, ROWS, SearchSettings(sampling=sampling, mbr=5)))
    drawn = list(translate_stream(model, tokenizer, ROWS, SearchSettings(sampling=sampling, n_best=5)))
    for one, all_of_it in zip(kept, drawn, strict=True):
        candidates = [translation.text for translation in all_of_it.translations]
        assert [each.text for each in one.translations] == [candidates[least_risk(candidates)]]


def test_rows_that_have_to_stay_whole_are_not_cut(translator):
    for settings in (SearchSettings(3, n_best=2), SearchSettings(prefix="eins")):
        for way in ({"on_long": "split"}, {"split": str.split}):
            with pytest.raises(UserError, match="do not split it"):
                translate_stream(*translator, ROWS, settings, **way)
        tally = Tally()
        (row,) = translate_stream(*translator, [LONG], settings, tally=tally)
        assert (len(row.parts), list(tally.counts)) == (1, ["too long, cut"])


def test_a_row_that_cannot_be_read_is_left_out_or_raised(translator):
    rows = ["six", UserError("in.txt, line 2: not UTF-8"), "seven"]
    tally = Tally()
    found = texts(translate_stream(*translator, rows, on_bad_row="skip", tally=tally))
    assert (found[1], all(found[::2])) == ("", True)
    assert tally.summary() == "1 unreadable (row 1)"
    with pytest.raises(UserError, match="line 2: not UTF-8"):
        list(translate_stream(*translator, rows))


def test_scores_of_a_beam_have_a_bound_of_memory(translator, monkeypatch):
    sizes = []

    def search(*arguments):
        sizes.append(len(arguments[2]))
        return search_batch(*arguments)

    monkeypatch.setattr(engine, "search_batch", search)
    of_one = 4 * 3 * len(translator[1]) * (2 * len(translator[1]("six").input_ids) + 11)
    monkeypatch.setattr(streaming, "MOST_BYTES", 5 * of_one)
    list(translate_stream(*translator, ["six"] * 12, SearchSettings(3, with_scores=True)))
    assert sizes == [5, 5, 2]
    sizes.clear()
    list(translate_stream(*translator, ["six"] * 12, SearchSettings(3)))
    assert sizes == [12]


def test_a_model_without_numbers_ends_it_with_the_row(translator):
    model = make_model(vocab_size=len(translator[1]))
    with torch.no_grad():
        model.model.decoder.layers[0].fc1.weight[3, 2] = torch.nan
    with pytest.raises(UserError, match=r'line 2 \("six"\): the model computes NaN'):
        list(translate_stream(model, translator[1], ["", "six"], name=lambda number: f"line {number + 1}"))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"num_beams": 1001}, "a beam must be 1 to 1000 wide, got 1001"),
        ({"n_best": 0}, "n best must lie in 1 to 1,000, got 0"),
        ({"length_penalty": float("inf")}, "length penalty must lie in -10 to 10, got inf"),
        ({"no_repeat_ngram_size": -1}, "no repeat ngram size must lie"),
        ({"max_length_ratio": -1}, "max length ratio must lie"),
        ({"mbr": 4}, "chooses among samples"),
        ({"mbr": 1, "sampling": Sampling()}, "mbr must lie in 2"),
        ({"mbr": 4, "n_best": 2, "sampling": Sampling()}, "keeps one translation"),
    ],
)
def test_settings_that_no_search_can_obey(values, message):
    with pytest.raises(UserError, match=message):
        SearchSettings(**values)
