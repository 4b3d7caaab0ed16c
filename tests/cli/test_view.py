"""hf-attn view ... --out page.html: an export, a sentence, its best translations, several checkpoints."""

import json
import re

import pytest
from small_exports import PAIRS, export, make_translator

from hf_attn_model.cli import main

SENTENCE = "My dog drank warm milk!"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "small"
    for each in make_translator():
        each.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / "maps"
    export(folder)
    return folder


@pytest.fixture
def view(tmp_path):
    """Write a page, and read what is told of its sentences."""

    def write(*arguments):
        out = tmp_path / "page.html"
        assert main(["view", *map(str, arguments), "--out", str(out)]) == 0
        return json.loads(re.search(r'id="page-data">(.*?)</script>', out.read_text(encoding="utf-8"))[1])

    return write


def test_the_sentences_of_an_export(maps, view, capsys):
    assert len(view(maps)["records"]) == len(PAIRS)
    assert f"{len(PAIRS)} sentences" in capsys.readouterr().out
    assert [record[0] for record in view(maps, "--first", 2)["records"]] == ["pair-0", "pair-1"]
    assert f"--first {len(PAIRS)}" in capsys.readouterr().out
    assert [record[0] for record in view(maps, "--index", 2)["records"]] == ["pair-2"]
    assert ": 1 sentence, " in capsys.readouterr().out


def test_a_sentence_through_a_model(model, view, capsys):
    ((name, source, target, places),) = view(model, SENTENCE)["records"]
    assert (name, source, places) == ("small", SENTENCE, ["encoder", "decoder", "cross"])
    out = capsys.readouterr().out
    assert "vectors" in out
    assert target in out
    ((_, _, target, _),) = view(model, SENTENCE, "--target", "Mi perro")["records"]
    assert target == "Mi perro"


def test_the_best_translations_of_a_beam(model, view):
    names, sources, _, _ = zip(*view(model, SENTENCE, "--best", 3)["records"], strict=True)
    assert names == ("translation 1", "translation 2", "translation 3")
    assert set(sources) == {SENTENCE}


def test_checkpoints_over_one_translation(model, view):
    page = view(model, SENTENCE, "--compare", model, model)
    assert len(page["records"]) == 3
    assert len({record[2] for record in page["records"]}) == 1


def test_what_is_known_of_heads_comes_with_it(model, view):
    facts = {"layer": 1, "head": 3, "role": "aligning", "aer": 0.25, "step": "output"}
    path = model / "alignment.json"
    how = {"heads": None, "step": "output", "measure": "weights", "rule": "union", "least": 0}
    path.write_text(json.dumps(how | {"profiles": [facts]}))
    try:
        assert view(model, SENTENCE)["heads"] == {"1:3": {"role": "aligning", "aer": 0.25, "step": "output"}}
    finally:
        path.unlink()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{model}"], "give a sentence"),
        (["{model}", "one", "--best", "2", "--compare", "{model}"], "leave out --compare"),
        (["{model}", "one", "--best", "0"], "--best must be at least 1"),
        (["{model}", "one", "--layer", "1"], "leave out --layer: a page shows all of it"),
        (["{model}", "one", "--index", "1"], "leave out --index: it is for exports"),
        (["{model}", "one", "--first", "1", "--out", "new.png"], "leave out --first: it is for pages"),
        (["{maps}", "--target", "uno"], "leave out --target: it needs a model"),
        (["{maps}", "--index", "99"], "holds sentences 0 to"),
    ],
)
def test_mistakes_get_one_line(model, maps, tmp_path, arguments, said, capsys):
    typed = [argument.format(model=model, maps=maps) for argument in arguments]
    if "--out" not in typed:
        typed += ["--out", str(tmp_path / "page.html")]
    assert main(["view", *typed]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
