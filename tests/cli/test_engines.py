"""`--engine`: what is chosen, what is said of it, and what is refused."""

import json
import shutil
import sys

import pytest

from hf_attn_model import AlignmentConfig, Checkpoint, open_maps
from hf_attn_model.checkpoint.alignment_config import save_alignment
from hf_attn_model.checkpoint.checkpoint import TEXTBOOK_FOLDER
from hf_attn_model.engines import ctranslate2_folder
from hf_attn_model.engines.ctranslate2_folder import convert_for_ctranslate2

PAIR = ("The ball is blue", "La bola es azul")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """The translator of the package, with two heads of one layer that align; and what it was converted to."""
    folder = tmp_path_factory.mktemp("engines")
    shutil.copytree(TEXTBOOK_FOLDER, folder / "origin")
    save_alignment(folder / "origin", AlignmentConfig(heads=((1, 2), (1, 3)), rule="source"), [], {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ctranslate2_folder, "SENTENCES", 7)
        convert_for_ctranslate2(Checkpoint(folder / "origin"), folder / "ct2")
    return folder / "origin", folder / "ct2"


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [PAIR, ("I love my dog", "Quiero a mi perro"), ("The red cat is small", "El gato rojo es pequeño")]
    path.write_text("".join(json.dumps({"en": one, "es": other}) + "\n" for one, other in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "engine: ctranslate2"),
        (("--engine", "transformers"), "engine: transformers"),
        (("--num-beams", 1, "--prefix", "La bola"), "engine: ctranslate2"),
        (("--sample",), "engine: transformers (CTranslate2 draws no samples that can be drawn again)"),
        (("--n-best", 2), "engine: transformers (CTranslate2 stops when the best translation is found"),
    ],
)
def test_the_default_is_the_faster_one_that_does_the_same(hf_attn, options, said):
    status, out, error = hf_attn("translate", "textbook", PAIR[0], *options)
    assert status == 0
    assert any(line.startswith(said) for line in error.splitlines())
    assert "bola" in out


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--sample",), "--engine ctranslate2: CTranslate2 draws no samples"),
        (("--mbr", 4), "--engine ctranslate2: CTranslate2 draws no samples"),
        (("--n-best", 2), "the next ones are others"),
        (("--prefix", "La", "--num-beams", 2), "ranks translations with a prefix in another way"),
    ],
)
def test_what_it_has_not_is_refused_where_it_was_asked_for(refused, folders, options, why):
    assert why in refused("translate", "textbook", PAIR[0], "--engine", "ctranslate2", *options)
    assert why.removeprefix("--engine ctranslate2: ") in refused("translate", folders[1], PAIR[0], *options)


def test_without_ctranslate2_transformers_translates(hf_attn, refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "ctranslate2", None)
    for name in ("ctranslate2", "ctranslate2_spec"):
        monkeypatch.delitem(sys.modules, f"hf_attn_model.engines.{name}", raising=False)
    status, out, error = hf_attn("translate", "textbook", PAIR[0])
    assert (status, out) == (0, f"{PAIR[1]}\n")
    assert "engine: transformers (CTranslate2 cannot be loaded" in error
    line = refused("translate", "textbook", PAIR[0], "--engine", "ctranslate2")
    assert line.endswith('pip install "hf-attn-model[ctranslate2]"')


def test_convert_writes_a_model_for_translate_evaluate_and_align(hf_attn, refused, folders, tmp_path, pairs):
    origin, converted = folders
    assert hf_attn("translate", converted, *PAIR)[1] == hf_attn("translate", origin, *PAIR)[1]

    both = [hf_attn("evaluate", each, "--corpus", pairs, "--num-beams", 2)[1] for each in folders]
    scores = [json.loads(out[out.index("{") :]) for out in both]
    assert [each["engine"] for each in scores] == ["ctranslate2"] * 2
    assert scores[0]["bleu"] == scores[1]["bleu"]
    status, out, _ = hf_attn("evaluate", origin, "--corpus", pairs, "--engine", "transformers", "--num-beams", 2)
    assert status == 0
    assert "engine" not in json.loads(out[out.index("{") :])

    status, out, error = hf_attn("evaluate", origin, "--corpus", pairs, "--against", converted, "--num-beams", 2)
    assert (status, json.loads(out[out.index("{") :])["comparison"]["bleu"]["difference"]) == (0, 0.0)
    assert f"engine of {converted}: ctranslate2" in error

    runs = [(origin,), (converted,), (origin, "--engine", "ctranslate2")]
    links = [hf_attn("align", *run, "--data", pairs) for run in runs]
    assert [status for status, *_ in links] == [0, 0, 0]
    assert links[0][1] == links[1][1] == links[2][1] != "\n\n\n"
    said = [next(line for line in error.splitlines() if line.startswith("engine: ")) for *_, error in links]
    assert said == ["engine: transformers", "engine: ctranslate2", "engine: ctranslate2"]
    for run in runs:
        out = tmp_path / f"links{len(list(tmp_path.iterdir()))}"
        assert hf_attn("translate", run[0], PAIR[0], "--alignments", out)[0] == 0
        assert out.read_text() == links[0][1].splitlines()[0] + "\n"


def test_attention_that_the_engine_does_not_give_is_refused(refused, folders, pairs):
    align = ("align", folders[1], "--data", pairs)
    assert "it was not converted to give heads 0:1" in refused(*align, "--heads", "0:1")
    assert "gives attention of one layer" in refused(*align, "--heads", "0:1,1:1")
    assert "gives attention weights, and links are read off norms" in refused(*align, "--norms")
    assert "--engine transformers: " in refused(*align, "--engine", "transformers")
    line = refused("align", "textbook", "--data", pairs, "--engine", "ctranslate2")
    assert "--engine ctranslate2: CTranslate2 gives attention of one layer" in line


@pytest.mark.parametrize(
    "verb",
    [
        ("view", PAIR[0], "--out", "page.html"),
        ("export", "--data", "textbook:en-es", "--out", "maps"),
        ("convert", "--to", "pegasus", "--out", "other"),
        ("ablate", "--heads", "all"),
        ("push", "user/name", "--dry-run"),
    ],
    ids=lambda verb: verb[0],
)
def test_all_else_names_the_model_that_it_was_made_of(refused, folders, verb):
    line = refused(verb[0], folders[1], *verb[1:])
    assert "hf-attn translate, evaluate and align run it" in line
    assert line.endswith("origin")


def test_an_export_says_what_translated_and_is_taken_up_by_that_alone(hf_attn, refused, pairs, tmp_path):
    export = ("export", "textbook", "--data", pairs, "--out", tmp_path / "maps", "--num-beams", 2)
    status, _, error = hf_attn(*export)
    assert status == 0
    assert "engine: ctranslate2, for the translations" in error
    assert open_maps(tmp_path / "maps").metadata["settings"]["engine"] == "ctranslate2"
    line = refused(*export, "--engine", "transformers")
    assert "was begun with engine ctranslate2, now it is transformers" in line
    assert "leave out --engine: it translates" in refused(*export, "--forced", "--engine", "ctranslate2")


def test_a_quantisation_is_for_ctranslate2(refused, tmp_path):
    line = refused("convert", "textbook", "--to", "pegasus", "--quantization", "int8", "--out", tmp_path / "x")
    assert line == "hf-attn: leave out --quantization int8: it is for --to ctranslate2"
    assert "choose another" in refused("convert", "textbook", "--to", "ctranslate2", "--out", TEXTBOOK_FOLDER)
