"""`hf-attn` as people type it: what it prints, what it writes, and how it answers mistakes."""

import io
import json
import os
import shutil
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from processes import python

from hf_attn_model.cli.app import EXAMPLES
from hf_attn_model.export.store import open_maps

SENTENCES = ["two seven one", "", "six six three"]


@pytest.fixture
def sentences_file(tmp_path):
    path = tmp_path / "sentences.txt"
    path.write_text("".join(sentence + "\n" for sentence in SENTENCES))
    return path


def test_train_evaluate_and_the_card(small_recipe, tmp_path, hf_attn, corpus):
    folder = tmp_path / "run"
    small_recipe.save(tmp_path)
    recipe = tmp_path / "recipe.yaml"
    assert hf_attn("train", recipe, "training.max_steps=8", "--out", folder)[0] == 0
    assert json.loads((folder / "manifest.json").read_text())["steps"] == 8

    translations = tmp_path / "translations.txt"
    status, out, _ = hf_attn("evaluate", folder, "--translations", translations, "--num-beams", 1)
    assert status == 0
    scores = json.loads(out[out.index("{") :])
    assert scores == json.loads((folder / "evaluation.json").read_text())
    assert len(translations.read_text().splitlines()) == scores["sentences"] == 7
    assert f"{scores['bleu']:.2f}" in (folder / "README.md").read_text()


def test_average_checkpoints_then_translate(translator_folder, tmp_path, hf_attn, refused):
    one, two = (translator_folder / f"checkpoint-{step}" for step in (150, 100))
    status, out, _ = hf_attn("average", one, two, "--out", tmp_path / "named")
    assert status == 0
    assert out.endswith(f"next: hf-attn evaluate {tmp_path / 'named'}\n")
    for which in ("last", "best"):
        assert hf_attn("average", translator_folder, f"--{which}", 2, "--out", tmp_path / which)[0] == 0
        weights = (tmp_path / which / "model.safetensors").read_bytes()
        assert weights == (tmp_path / "named" / "model.safetensors").read_bytes()
    assert hf_attn("translate", tmp_path / "last", "one two")[1].strip()
    for mistake in (
        [one, "--out", tmp_path / "out"],
        [one, two, "--out", tmp_path / "named"],
        [one, two, "--last", 2, "--out", tmp_path / "out"],
        [translator_folder, "--best", 0, "--out", tmp_path / "out"],
    ):
        refused("average", *mistake)
    assert not (tmp_path / "out").exists()


def test_translate_an_argument_a_file_and_standard_input_alike(translator_folder, sentences_file, hf_attn, monkeypatch):
    by_argument = [hf_attn("translate", translator_folder, sentence)[1].rstrip("\n") for sentence in SENTENCES[::2]]
    status, by_file, _ = hf_attn("translate", translator_folder, "--file", sentences_file)
    assert status == 0
    assert by_file == f"{by_argument[0]}\n\n{by_argument[1]}\n"

    stdin = io.TextIOWrapper(io.BytesIO(sentences_file.read_bytes()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert hf_attn("translate", translator_folder)[1] == by_file


def test_translate_in_batches_keeps_the_lines(translator_folder, tmp_path, hf_attn, monkeypatch):
    lines = ["one", "", "two three", "four", "", "five six seven", "one two"]
    path = tmp_path / "lines.txt"
    path.write_bytes("\r\n".join(lines).encode())
    whole = hf_attn("translate", translator_folder, "--file", path)[1]
    monkeypatch.setattr("hf_attn_model.translation.stream.FIRST_WINDOW", 3)
    assert hf_attn("translate", translator_folder, "--file", path, "--batch-tokens", 1)[1] == whole
    assert [bool(line) for line in whole.splitlines()] == [bool(line) for line in lines]


def test_export_then_view(translator_folder, sentences_file, corpus, tmp_path, hf_attn):
    maps = tmp_path / "maps"
    assert hf_attn("export", translator_folder, "--data", sentences_file, "--out", maps)[0] == 0
    records = open_maps(maps)
    assert [record.source for record in records] == ["two seven one", "", "six six three"], "a row for each line"
    np.testing.assert_allclose(records[0].place("cross").sum(-1), 1, atol=1e-3)
    translation = hf_attn("translate", translator_folder, "two seven one")[1].rstrip("\n")
    assert records[0].target == translation

    picture = tmp_path / "pictures" / "first.png"
    assert hf_attn("view", maps, "--index", 2, "--out", picture)[0] == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_export_over_the_references(translator_folder, corpus, tmp_path, hf_attn):
    maps = tmp_path / "maps"
    status = hf_attn("export", translator_folder, "--data", corpus, "--forced", "--out", maps)[0]
    assert status == 0
    references = [json.loads(line)["de"] for line in (corpus / "test.jsonl").read_text().splitlines()]
    assert [record.target for record in open_maps(maps)] == references


def test_export_of_a_part_over_translations_made_elsewhere_and_once_more_as_parquet(
    translator_folder, sentences_file, tmp_path, hf_attn
):
    maps, table, hypotheses = tmp_path / "maps", tmp_path / "table", tmp_path / "hypotheses.txt"
    hypotheses.write_text("eins sieben zwei\n\ndrei sechs\n")
    chosen = ["--places", "cross", "--layers", 1, "--heads", "1,0", "--keep", "top-2"]
    command = [
        "export",
        translator_folder,
        "--data",
        sentences_file,
        "--hypotheses",
        hypotheses,
        *chosen,
        "--out",
        maps,
    ]
    for _ in range(2):  # the second time it finds everything there
        status, out, _ = hf_attn(*command)
        assert status == 0
        assert "attention of 3 sentences" in out
    records = open_maps(maps)
    assert [record.target for record in records] == ["eins sieben zwei", "", "drei sechs"]
    assert (records[0].places, records[0].cross.layers, records[0].cross.heads) == (["cross"], (1,), (1, 0))
    assert hf_attn("view", maps, "--layer", 1, "--head", 1, "--out", tmp_path / "cross.png")[0] == 0
    assert hf_attn("export", maps, "--to", "parquet", "--out", table)[0] == 0
    rows = pq.read_table(table / "data").to_pylist()
    np.testing.assert_allclose(rows[2]["cross"], np.ravel(records[2].cross))


def test_view_of_a_model(translator_folder, tmp_path, hf_attn):
    picture = tmp_path / "cross.svg"
    arguments = ["two three", "--place", "cross", "--layer", 1, "--head", 0, "--target", "drei zwei"]
    status, out, _ = hf_attn("view", translator_folder, *arguments, "--out", picture)
    assert status == 0
    assert "drei zwei" in out
    assert "<svg" in picture.read_text()


def test_explain(translator_folder, hf_attn):
    status, out, _ = hf_attn("explain", translator_folder, "two seven one", "--word", "seven")
    assert status == 0
    assert "softmax" in out


MISTAKES = [
    (["train", "texbook", "--out", "{new}"], 'there is no recipe "texbook"'),
    (["train", "textbook-en-es", "vocab_sise=3", "--out", "{new}"], "did you mean vocab_size"),
    (["train", "textbook-en-es", "--out", "{full}"], "is not empty"),
    (["train", "textbook-en-es", "--out", "{new}", "--resume"], "no training to resume in"),
    (["train", "tatoeba-en-es", "--out", "{new}"], "needs a value for corpus"),
    (["train", "tatoeba-en-es", "corpus=./nowhere", "--out", "{new}"], "nowhere"),
    (["evaluate", "{new}"], "there is no such folder"),
    (["evaluate", "{model}", "--split", "tset"], "tset"),
    (["evaluate", "{model}", "--num-beams", "0"], "--num-beams must be at least 1"),
    (["translate", "{new}", "one"], "cannot load a translator"),
    (["translate", "{model}", "--file", "{new}"], "No such file"),
    (["translate", "{model}", "--file", "{latin}", "--on-bad-row", "error"], "line 2: not UTF-8"),
    (["translate", "{model}", "one " * 50, "--on-long", "error"], "line 1: "),
    (["export", "{model}", "--data", "{new}.jsonl", "--out", "{new}"], "no such file"),
    (["export", "{model}", "--data", "{empty}", "--out", "{new}"], "empty.jsonl"),
    (["export", "{model}", "--data", "{text}", "--out", "{full}"], "holds letter.txt"),
    (["export", "{model}", "--data", "{text}", "--hypotheses", "{latin}", "--out", "{new}"], "line 2: not UTF-8"),
    (
        ["export", "{model}", "--data", "{text}", "--hypotheses", "{lines}", "--out", "{new}"],
        "3 lines, but the corpus 1",
    ),
    (["export", "{model}", "--data", "{text}", "--layers", "9", "--out", "{new}"], "there is no layer 9"),
    (["export", "{model}", "--out", "{new}"], "give --data"),
    (["export", "{full}", "--to", "parquet", "--out", "{new}"], "has no metadata.json"),
    (["export", "{model}", "--data", "{text}", "--forced", "--out", "{new}"], "plain text has one language"),
    (["view", "{model}"], "give a sentence to translate"),
    (["view", "{model}", "one", "--layer", "7", "--out", "{new}.png"], "layer"),
    (["view", "{model}", "one", "--out", "{new}.bmp"], "pictures end in"),
    (["view", "{full}"], "has no metadata.json"),
    (["train", "textbook-en-es", "--out", "{text}"], "is a file"),
    (["evaluate", "{model}", "--translations", "{text}"], "exists: choose another name"),
    (["evaluate", "{model}", "--translations", "{new}/x.txt"], "there is no folder"),
    (["export", "{model}", "--data", "{text}", "--out", "{text}"], "{text}"),
    (["translate", "{cut}", "one"], "cannot load a translator"),
    (["explain", "{model}", "two one", "--word", "blue"], "blue"),
    (["explain", "{model}", "two one", "--word", "two", "--head", "5"], "head"),
    (["demo", "{recipe}"], "no recipe on the built-in corpus"),
    (["push", "{model}", "counting"], "write user/name"),
    (["push", "{full}", "user/name"], "is no checkpoint"),
    (["push", "{model}", "user/name", "--dataset", "{full}"], "has no metadata.json"),
    (["push", "{model}", "user/name", "--sentence", "one " * 50, "--dry-run"], "line 1 has"),
]


@pytest.fixture(scope="module")
def places(translator_folder, tmp_path_factory):
    """What mistakes are made with; nothing may write there."""
    root = tmp_path_factory.mktemp("mistakes")
    full = root / "full"
    full.mkdir()
    (full / "letter.txt").write_text("keep me")
    (root / "latin.txt").write_bytes("one\nfünf\n".encode("latin-1"))
    (root / "empty.jsonl").write_text("")
    (root / "text.txt").write_text("one two\n")
    (root / "lines.txt").write_text("eins\nzwei\ndrei\n")
    cut = root / "cut"
    shutil.copytree(translator_folder, cut, ignore=shutil.ignore_patterns("checkpoint-*"))
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:97])
    files = {name: root / f"{name}.txt" for name in ("latin", "text", "lines")}
    return files | {
        "cut": cut,
        "full": full,
        "model": translator_folder,
        "empty": root / "empty.jsonl",
        "recipe": translator_folder / "recipe.yaml",
    }


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=[" ".join(arguments) for arguments, _ in MISTAKES])
def test_a_mistake_gets_one_line_and_status_2(arguments, message, places, tmp_path, refused):
    places = {**places, "new": tmp_path / "new"}
    assert message.format(**places) in refused(*(argument.format(**places) for argument in arguments))
    assert [path.name for path in places["full"].iterdir()] == ["letter.txt"]


def test_only_the_recipes_own_test_set_counts_as_its_evaluation(translator_folder, corpus, tmp_path, hf_attn):
    folder = tmp_path / "copy"
    shutil.copytree(translator_folder, folder)
    for arguments in (
        ["--split", "dev"],
        ["--corpus", corpus, "--split", "dev"],
        ["--source-lang", "de", "--target-lang", "en"],
    ):
        assert hf_attn("evaluate", folder, *arguments)[0] == 0
        assert not (folder / "evaluation.json").exists()


def test_the_search_of_a_model_without_a_recipe_is_its_own(translator_folder, tmp_path, hf_attn, monkeypatch):
    folder = tmp_path / "copy"
    shutil.copytree(translator_folder, folder)
    (folder / "recipe.yaml").unlink()
    widths = []
    monkeypatch.setattr(
        "hf_attn_model.translation.translate_stream",
        lambda model, tokenizer, rows, settings, **_: widths.append(settings.num_beams) or [],
    )
    settings = json.loads((folder / "generation_config.json").read_text())
    for own in (3, None):
        (folder / "generation_config.json").write_text(json.dumps(settings | {"num_beams": own}))
        assert hf_attn("translate", folder, "one")[0] == 0
    assert widths == [3, 5]


def test_interrupting_ends_without_a_traceback(translator_folder, hf_attn, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("hf_attn_model.translation.hypotheses.find_written", interrupt)
    status, _, error = hf_attn("translate", translator_folder, "one", "--engine", "transformers")
    assert (status, error.splitlines()[-1]) == (130, "hf-attn: interrupted")


def test_a_closed_pipe_ends_quietly():
    nobody_reads, stdout = os.pipe()
    os.close(nobody_reads)
    done = python("-m", "hf_attn_model.cli", "translate", "textbook", "I love my dog", stdout=stdout)
    os.close(stdout)
    assert (done.returncode, done.stderr) == (0, "engine: ctranslate2\n")


@pytest.mark.parametrize("verb", [verb.__name__ for verb in EXAMPLES])
def test_every_verb_has_help_with_an_example_in_80_columns(verb, hf_attn, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = hf_attn(verb, "--help")
    assert status == 0
    assert f"Usage: hf-attn {verb} [OPTIONS] " in out
    assert f"  Example: hf-attn {verb} " in out.splitlines()[-1]
    assert max(map(len, out.splitlines())) <= 80
    assert not {"<str>", "list[str]", "{", "...]"} & set(out.replace("[", " [").split())
