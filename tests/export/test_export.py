"""The way from sentences to a folder: what is asked for, what is chosen, and going on after an interruption."""

import json
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from small_exports import IDS, PAIRS, SMALL_SHARDS, assert_same, contents, expected_records, export, make_translator
from transformers import T5Config, T5ForConditionalGeneration

from hf_attn_model.attention.places import PLACES
from hf_attn_model.attention.teacher_forcing import teacher_forced_attention, teacher_forced_pass
from hf_attn_model.attention.tokenized import tokenize_with_words
from hf_attn_model.errors import UserError
from hf_attn_model.export import fill
from hf_attn_model.export.arrow_rows import check_rebuildable, find_places, largest_error
from hf_attn_model.export.export import export_attention
from hf_attn_model.export.passes import cut, read_rows
from hf_attn_model.export.schema import Layout
from hf_attn_model.export.store import open_maps
from hf_attn_model.files import UNFINISHED
from hf_attn_model.translation.search import translate_to_ids


def test_pairs_may_come_from_a_stream_and_are_named_by_their_position(tmp_path):
    export(tmp_path / "list")
    metadata = export(tmp_path / "stream", pairs=iter(PAIRS), **SMALL_SHARDS)
    assert [record.id for record in open_maps(tmp_path / "stream")] == [str(i) for i in range(15)]
    assert len(metadata["shards"]) > 1
    for one, other in zip(open_maps(tmp_path / "stream"), open_maps(tmp_path / "list"), strict=True):
        np.testing.assert_allclose(one.cross, other.cross, atol=1e-6 + 2**-11)


@pytest.mark.parametrize("options", [{}, SMALL_SHARDS])
def test_a_stream_is_read_no_further_than_a_window_ahead(tmp_path, monkeypatch, options):
    read, done, ahead = [], 0, []

    def stream():
        for pair in PAIRS * 9:
            read.append(pair)
            yield pair

    def watch(model, tokenizer, rows, *options):
        nonlocal done
        assert len(rows) <= 7
        done += len(rows)
        ahead.append(len(read) - done)
        return read_rows(model, tokenizer, rows, *options)

    monkeypatch.setattr(fill, "WINDOW", 7)
    monkeypatch.setattr(fill, "read_rows", watch)
    export(tmp_path, pairs=stream(), **options)
    assert done == len(read) == 15 * 9
    assert max(ahead) < 64
    assert set(ahead[len(ahead) // 2 :]) == {0}, "after those that were looked at first none is read before its time"


def test_sentences_without_a_target_are_translated_into_the_tokens_of_the_search(tmp_path):
    model, tokenizer = make_translator()
    sources = [source for source, _ in PAIRS[:5]]
    export(tmp_path, pairs=[(source, None) for source in sources], num_beams=3, keep="weights")
    hypotheses = translate_to_ids(model, tokenizer, sources, num_beams=3)
    assert any(ids != tokenizer(tokenizer.decode(ids, skip_special_tokens=True)).input_ids for ids in hypotheses), (
        "else this shows nothing"
    )
    for actual, expected in zip(
        open_maps(tmp_path), teacher_forced_attention(model, tokenizer, sources, hypotheses), strict=True
    ):
        assert_same(actual, expected, atol=2**-11)


def test_by_default_the_smaller_is_kept(tmp_path):
    short = export(tmp_path / "short", pairs=PAIRS)
    assert short["keep"] == "weights"
    long = export(tmp_path / "long", pairs=[("dog " * 57, "perro " * 9)])
    assert long["keep"] == "qk", "head_dim is 11, so that queries and keys are the smaller above about 44 tokens"
    for metadata, (folder, columns) in zip(
        (short, long), [("short", ["{}"]), ("long", ["{}_query", "{}_key"])], strict=True
    ):
        sizes = metadata["bytes_per_sentence"]
        assert metadata["keep"] == min(("weights", "qk"), key=sizes.__getitem__)
        numbers = sum(
            getattr(record, place).columns[column.format(place)].nbytes
            for record in open_maps(tmp_path / folder)
            for place in PLACES
            for column in columns
        )
        assert sizes[metadata["keep"]] == round(numbers / metadata["sentences"])


@pytest.fixture
def t5():
    torch.manual_seed(5)
    _, tokenizer = make_translator()
    sizes = {"d_model": 22, "d_kv": 11, "d_ff": 17, "num_layers": 2, "num_heads": 3, "decoder_start_token_id": 0}
    return T5ForConditionalGeneration(T5Config(vocab_size=len(tokenizer), **sizes)).eval(), tokenizer


def test_a_position_bias_needs_weights(tmp_path, t5):
    with pytest.raises(UserError, match=r"T5ForConditionalGeneration adds a position bias .* keep weights"):
        export_attention(*t5, PAIRS, tmp_path / "qk", keep="qk")
    assert not (tmp_path / "qk").exists()
    long = [("dog " * 13, "perro " * 13)]
    metadata = export_attention(*t5, long, tmp_path / "weights")
    assert (metadata["keep"], "qk" in metadata["bytes_per_sentence"]) == ("weights", False)
    expected = teacher_forced_attention(*t5, *zip(*long, strict=True))[0]
    np.testing.assert_allclose(open_maps(tmp_path / "weights")[0].cross, expected.cross, atol=2**-11)


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        ("cross", {"mask": torch.zeros(1, 1, 5, 7)}, "cross layer 1: the mask says more than padding and order"),
        ("decoder", {"causal": False}, "decoder layer 1: the mask says more"),
        ("decoder", {"causal_offset": 1}, "decoder layer 1: the mask says more"),
        ("encoder", {"causal": True}, "encoder layer 1: the mask says more"),
        ("cross", {"scaling": 0.5}, "scales the scores of each layer in another way"),
    ],
)
def test_what_queries_and_keys_do_not_tell_needs_weights(place, change, message):
    model, tokenizer = make_translator()
    source, target = PAIRS[0]
    forward = teacher_forced_pass(
        model, tokenize_with_words(tokenizer, [source]), tokenize_with_words(tokenizer, [target], is_target=True)
    )
    check_rebuildable(forward, model)
    forward.calls[place, 1] = replace(forward.calls[place, 1], **change)
    with pytest.raises(UserError, match=message):
        check_rebuildable(forward, model)


def test_the_error_told_is_the_largest_there_is(tmp_path):
    for keep in ("weights", "qk", "top-2"):
        metadata = export(tmp_path / keep, keep=keep)
        differences = [
            np.abs(np.asarray(getattr(actual, place)) - expected.place(place)).max()
            for actual, expected in zip(open_maps(tmp_path / keep), expected_records(), strict=True)
            for place in PLACES
        ]
        assert metadata["largest_error"] == pytest.approx(max(differences), rel=0.02, abs=1e-6)


def test_no_error_is_stated_where_there_are_no_numbers():
    model, tokenizer = make_translator()
    source, target = PAIRS[0]
    sides = tokenize_with_words(tokenizer, [source]), tokenize_with_words(tokenizer, [target], is_target=True)
    lengths = [len(sides[0][0].ids)], [len(sides[1][0].ids)]
    forward = teacher_forced_pass(model, *sides)
    layout = Layout("weights", find_places(forward))
    assert 0 < largest_error(forward, lengths, layout) < 2**-11
    call = forward.calls["encoder", 0]  # the first of many: those after it have their numbers
    forward.calls["encoder", 0] = replace(call, query=call.query.clone().index_fill(2, torch.tensor([1]), torch.nan))
    with pytest.raises(UserError, match="the attention of the first sentences is NaN or infinite"):
        largest_error(forward, lengths, layout)


def test_batches_have_sentences_of_like_length_within_the_budget():
    lengths = [7, 5, 3, 11, 2, 13], [2, 3, 5, 7, 11, 13]
    batches = cut(*lengths, max_tokens=36)
    assert sorted(i for batch in batches for i in batch) == list(range(6))
    assert max(map(len, batches)) > 1
    for batch in batches:
        longest = sum(max(side[i] for i in batch) for side in lengths)
        assert len(batch) == 1 or len(batch) * longest <= 36
    targets = [max(lengths[1][i] for i in batch) for batch in batches]
    assert targets == sorted(targets)
    assert cut([50], [60], max_tokens=36) == [[0]]


def test_going_on_keeps_finished_shards_and_ends_as_if_nothing_had_happened(tmp_path, monkeypatch):
    export(tmp_path / "whole", **SMALL_SHARDS)
    fill_shard = fill.Filler.fill

    def stop_at_third(self, shard, rows, bar):
        if shard.name == "maps-00002.arrow":
            raise KeyboardInterrupt
        fill_shard(self, shard, rows, bar)

    monkeypatch.setattr(fill.Filler, "fill", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        export(tmp_path / "twice", **SMALL_SHARDS)
    assert not any(name.endswith(UNFINISHED) for name in contents(tmp_path / "twice"))
    with pytest.raises(UserError, match="is not finished"):
        open_maps(tmp_path / "twice")
    begun = open_maps(tmp_path / "twice", allow_unfinished=True)
    assert [record.id for record in begun] == IDS[: len(begun)] != []

    filled = []
    monkeypatch.setattr(
        fill.Filler, "fill", lambda self, shard, *rest: filled.append(shard.name) or fill_shard(self, shard, *rest)
    )
    export(tmp_path / "twice", **SMALL_SHARDS)
    assert filled[0] == "maps-00002.arrow"
    assert contents(tmp_path / "twice") == contents(tmp_path / "whole")
    filled.clear()
    export(tmp_path / "twice", **SMALL_SHARDS)
    assert filled == []
    assert contents(tmp_path / "twice") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keep": "qk"}, "begun with keep None, now it is qk"),
        ({"layers": [0]}, r"begun with layers None, now it is \[0\]"),
        ({"places": ["cross"]}, r"begun with places .*, now it is \['cross'\]"),
        ({"shard_bytes": 61_000}, "begun with shard_bytes 60000, now it is 61000"),
        ({"to": "parquet"}, "begun with to arrow, now it is parquet"),
        ({"corpus": {"split": "dev"}}, "begun with split None, now it is dev"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, change, message):
    export(tmp_path, **SMALL_SHARDS)
    before = contents(tmp_path)
    with pytest.raises(UserError, match=message + ": choose another folder"):
        export(tmp_path, **SMALL_SHARDS | change)
    assert contents(tmp_path) == before


def test_another_model_is_refused(tmp_path):
    model, _ = make_translator()
    export(tmp_path)
    weight = model.model.shared.weight
    with torch.no_grad():
        weight[5, 7] += 1
    try:
        with pytest.raises(UserError, match="begun with model_sha256"):
            export(tmp_path)
    finally:
        with torch.no_grad():
            weight[5, 7] -= 1


@pytest.mark.parametrize("side", [0, 1])
def test_other_sentences_are_refused(tmp_path, side):
    export(tmp_path, **SMALL_SHARDS)
    changed = [list(pair) for pair in PAIRS]
    changed[6][side] += "!"
    with pytest.raises(UserError, match=r"maps-00001\.arrow was made from other sentences 4 and on"):
        export(tmp_path, pairs=changed, ids=IDS, **SMALL_SHARDS)
    with pytest.raises(UserError, match="beyond the end of the corpus"):
        export(tmp_path, pairs=PAIRS[:8], ids=IDS[:8], **SMALL_SHARDS)


def test_overwriting_leaves_nothing_of_the_old_export(tmp_path):
    export(tmp_path, **SMALL_SHARDS)
    export(tmp_path, pairs=[("My dog", "Mi perro")], overwrite=True)
    assert [record.source for record in open_maps(tmp_path)] == ["My dog"]
    assert contents(tmp_path).keys() == {"maps-00000.arrow", "metadata.json"}
    (tmp_path / "thesis.txt").write_text("years of work")
    before = contents(tmp_path)
    with pytest.raises(UserError, match=r"holds thesis\.txt, which is no export's"):
        export(tmp_path, overwrite=True)
    assert contents(tmp_path) == before


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match=r"holds thesis\.txt, which is no export's"):
        export(tmp_path)
    assert contents(tmp_path).keys() == {"thesis.txt"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"places": ["croos"]}, "choose from encoder, decoder, cross"),
        ({"keep": "top-0"}, "choose weights, qk, or top-4"),
        ({"keep": "half"}, "choose weights, qk, or top-4"),
        ({"to": "csv"}, "choose arrow or parquet"),
        ({"layers": [7]}, "there is no layer 7"),
        ({"heads": [4]}, "there is no head 4"),
        ({"ids": IDS[:14]}, "ids and the sentence pairs differ in number"),
        ({"pairs": []}, "there is no sentence to export"),
        ({"pairs": [("dog " * 100, "perro")]}, "sentence 0: 101 tokens, but the model reads"),
        ({"pairs": [("dog " * 100, None)]}, "sentence 0: 101 tokens, but the model reads at most 61"),
    ],
)
def test_mistakes_are_refused_before_anything_is_written(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        export(tmp_path, **options)
    assert not list(tmp_path.iterdir())


def test_a_sentence_that_is_too_long_stops_only_its_shard(tmp_path):
    with pytest.raises(UserError, match="sentence 99: 101 tokens"):
        export(tmp_path, pairs=[*PAIRS * 6, *PAIRS[:9], ("dog " * 100, "perro")], **SMALL_SHARDS)
    done = open_maps(tmp_path, allow_unfinished=True)
    assert len(done) == 99 // done.metadata["sentences_per_shard"] * done.metadata["sentences_per_shard"]


def test_progress_counts_sentences_on_standard_error(tmp_path, capsys):
    export(tmp_path / "quiet")
    assert capsys.readouterr().err == ""
    export(tmp_path / "shown", progress=True)
    shown = capsys.readouterr().err
    assert "15/15" in shown
    assert "sentences/s" in shown
    assert "keeping weights in float16" in shown
    export(tmp_path / "shown", progress=True)
    assert "15/15" in capsys.readouterr().err, "what is there already counts too"


def test_the_metadata_is_there_before_the_first_shard(tmp_path, monkeypatch):
    seen = []
    fill_shard = fill.Filler.fill

    def look(self, shard, rows, bar):
        seen.append(json.loads((tmp_path / "metadata.json").read_text()))
        fill_shard(self, shard, rows, bar)

    monkeypatch.setattr(fill.Filler, "fill", look)
    export(tmp_path)
    assert [metadata["finished"] for metadata in islice(seen, 1)] == [False]
