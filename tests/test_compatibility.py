"""What commit df48eb6 wrote opens today, and computes what it computed there.

`scripts/make_compatibility_data.py` had the code of that commit write `data/df48eb6`, and `expected` in it. Across
processors, numbers are compared to 1e-5; `--check` compares bit for bit, on one machine.
"""

import base64
import gzip
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from make_compatibility_data import EXPORTS, TRAINING, courses, hf_attn, overrides, page_blocks, resume
from processes import python
from safetensors.torch import load_file

from hf_attn_model import Checkpoint, load_translator, open_maps

DATA = Path(__file__).parent / "data" / "df48eb6"
EXPECTED = DATA / "expected"
ATOL = 1e-5
WITHOUT_PACKAGE = """
import sys
sys.modules["hf_attn_model"] = None  # importing it fails, as where it is not installed
import json
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, dynamic_module_utils

dynamic_module_utils.HF_MODULES_CACHE = sys.argv[1] + ".modules"  # there are no modules of checkpoints yet
model = AutoModelForSeq2SeqLM.from_pretrained("translator", trust_remote_code=True).eval()
tokenizer = AutoTokenizer.from_pretrained("translator", trust_remote_code=True)
pairs = [json.loads(line) for line in open("corpus/test.jsonl", encoding="utf-8")]
batches = [tokenizer(pair["en"], text_target=pair["es"], return_tensors="pt") for pair in pairs]
torch.save([model(**batch).logits[0].detach() for batch in batches], sys.argv[1])
"""


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A copy of the data, in which the commands run as they ran then."""
    shutil.copytree(DATA, tmp_path / "data", ignore=shutil.ignore_patterns("expected"))
    monkeypatch.chdir(tmp_path / "data")
    return tmp_path / "data"


def read_json(path):
    packed = path.suffix == ".gz"
    return json.loads(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())


def read_lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_logits(found):
    with np.load(EXPECTED / "logits.npz") as expected:
        assert len(found) == len(expected) == 3
        for logits, name in zip(found, expected, strict=True):
            largest = np.abs(expected[name]).max()
            np.testing.assert_allclose(np.asarray(logits) / largest, expected[name] / largest, atol=ATOL, rtol=0)


def test_a_checkpoint_computes_the_same_logits(data):
    model, tokenizer = load_translator("translator")
    found = []
    for pair in read_lines(data / "corpus" / "test.jsonl"):
        batch = tokenizer(pair["en"], text_target=pair["es"], return_tensors="pt").to(model.device)
        with torch.no_grad():
            found.append(model(**batch).logits[0].cpu())
    assert_logits(found)


def test_the_code_in_a_checkpoint_computes_the_same_logits_without_the_package(data, tmp_path):
    done = python("-c", WITHOUT_PACKAGE, tmp_path / "logits.pt")
    assert done.returncode == 0, done.stderr
    assert_logits(torch.load(tmp_path / "logits.pt"))


def test_it_translates_alike(data):
    expected = read_json(EXPECTED / "translations.json")
    assert expected["beams"]["1"] != expected["beams"]["5"]
    for width, translations in expected["beams"].items():
        found = hf_attn(
            "translate", "translator", *expected["sources"], "--num-beams", width, "--engine", "transformers"
        )
        assert found.splitlines() == translations  # each as it was translated alone


def test_it_scores_alike_and_its_card_keeps_what_is_known_of_the_training(data):
    scores = json.loads(hf_attn("evaluate", "translator").partition("\n")[2])
    expected = read_json(EXPECTED / "scores.json")
    for name, value in expected.items():
        if isinstance(value, str):  # a signature, but for the versions in it
            assert re.sub(r":\d[\d.]+", "", scores[name]) == re.sub(r":\d[\d.]+", "", value)
        else:
            assert scores[name] == pytest.approx(value, abs=1e-9)
    card, manifest = Path("translator", "README.md").read_text("utf-8"), read_json(Path("translator", "manifest.json"))
    digest = manifest["data"]["train"]["sha256"][:16]
    for fact in (manifest["sessions"][0]["command"], f"{manifest['tokens']:,}", f"{manifest['steps']:,}", digest):
        assert fact in card


@pytest.mark.parametrize("recipe", [("textbook-en-es", *overrides(TRAINING)), ("training/recipe.yaml",)])
def test_an_interrupted_training_goes_on_to_the_same_weights(data, recipe):
    resume(*recipe)
    for name, numbers in read_json(EXPECTED / "resumed.json").items():
        np.testing.assert_allclose(courses()[name], numbers, rtol=ATOL)
    weights, expected = load_file("training/model.safetensors"), load_file(EXPECTED / "resumed.safetensors")
    assert weights.keys() == expected.keys()
    for name, tensor in weights.items():
        if not name.endswith("encoder_attn.k_proj.bias"):  # moves by rounding errors alone: its gradient is zero
            torch.testing.assert_close(tensor, expected[name], atol=ATOL, rtol=ATOL, msg=name)
    sessions = read_json(Path("training", "manifest.json"))["sessions"]
    assert [session["first_step"] for session in sessions] == [0, 3]
    assert sessions[0] == read_json(DATA / "training" / "manifest.json")["sessions"][0]


def test_the_saved_alignment_is_read_as_it_was_chosen(data):
    saved = read_json(DATA / "translator" / "alignment.json")
    assert set(saved) == {"heads", "step", "measure", "rule", "least", "dev", "profiles"}
    found = Checkpoint("translator")
    assert found.alignment.heads == tuple(map(tuple, saved["heads"]))
    assert (found.alignment.shift, found.alignment.measure) == (saved["step"] == "input", saved["measure"])
    assert (found.alignment.rule, found.alignment.threshold) == (saved["rule"], saved["least"])
    known = [(head.layer, head.head, head.role, head.aer, head.shift) for head in found.head_summaries]
    roles = [tuple(head[key] for key in ("layer", "head", "role", "aer")) for head in saved["profiles"]]
    assert known == [(*role, head["step"] == "input") for role, head in zip(roles, saved["profiles"], strict=True)]


def test_the_same_heads_are_chosen_anew(data):
    chosen = Checkpoint("translator")
    chosen = chosen.alignment, chosen.head_summaries
    Path("translator", "alignment.json").unlink()
    hf_attn("heads", "translator", "--gold", "gold.jsonl")
    anew = Checkpoint("translator")
    assert (anew.alignment, anew.head_summaries) == chosen


LINKS = {
    "translator": ["translator", "--data", "gold.jsonl"],
    "translator, norms": ["translator", "--data", "gold.jsonl", "--norms"],
    "maps-weights": ["maps-weights"],
    "maps-column": ["maps-column", "--heads", "1:0,1:1", "--rule", "source"],
}


@pytest.mark.parametrize("name", LINKS)
def test_words_are_linked_alike(data, name):
    assert hf_attn("align", *LINKS[name]).splitlines() == read_json(EXPECTED / "links.json")[name]


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_reads_alike(data, name):
    atol = 1e-6 if name == "maps-qk" else 0  # rebuilt; what is stored is read as it is
    maps = open_maps(name)
    assert not maps.verify()
    assert maps.metadata == read_json(DATA / name / "metadata.json")
    with np.load(EXPECTED / f"weights-{name}.npz") as expected:
        found = set()
        for number, record in enumerate(maps):
            for place in record.places:
                stored = getattr(record, place)
                found.add(f"{number}-{place}")
                np.testing.assert_allclose(record.place(place), expected[f"{number}-{place}"], atol=atol, rtol=0)
                if name == "maps-top-2":
                    rest = [[stored.rest(layer, head) for head in stored.heads] for layer in stored.layers]
                    found.add(f"{number}-{place}-rest")
                    np.testing.assert_array_equal(rest, expected[f"{number}-{place}-rest"])
            if "cross" in record.places:
                words = record.words("cross").weights  # sums in float32
                found.add(f"{number}-cross-words")
                np.testing.assert_allclose(words, expected[f"{number}-cross-words"], atol=1e-6)
        assert found == set(expected)


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_taken_up_and_made_anew_by_the_same_command(data, name):
    before = contents(data / name)
    hf_attn("export", "translator", *EXPORTS[name], "--out", name)  # finished: there is nothing to do
    assert contents(data / name) == before

    searching = [] if {"--forced", "--hypotheses"} & {*EXPORTS[name]} else ["--engine", "transformers"]
    hf_attn("export", "translator", *EXPORTS[name], *searching, "--out", "anew")
    for one, other in zip(open_maps("anew"), open_maps(name), strict=True):
        assert (one.id, one.source, one.target, one.places) == (other.id, other.source, other.target, other.places)
        assert (one.source_tokens, one.target_words) == (other.source_tokens, other.target_words)
        for place in one.places:
            np.testing.assert_allclose(one.place(place), other.place(place), atol=5e-4)  # float16


def test_an_export_becomes_the_same_parquet_table(data):
    hf_attn("export", "maps-column", "--to", "parquet", "--out", "anew")
    file = Path("data", "maps-00000.parquet")
    assert pq.read_table("anew" / file).equals(pq.read_table("maps-parquet" / file), check_metadata=True)


def assert_same_data(found, expected, atol):
    """Two JSON values are equal; of numbers, packed ones too, only nearly."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        if expected.keys() == {"type", "data"}:
            assert found["type"] == expected["type"]
            kind = {"u8": "u1", "f16": "<f2", "f32": "<f4"}[expected["type"]]
            one, other = (np.frombuffer(base64.b64decode(packed["data"]), kind) for packed in (found, expected))
            np.testing.assert_allclose(one.astype("f8"), other.astype("f8"), atol=5e-4 if kind == "<f2" else atol)
            return
        for name, value in expected.items():
            assert_same_data(found[name], value, atol)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same_data(one, other, atol)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=atol)
    else:
        assert found == expected


@pytest.mark.parametrize("name", EXPORTS)
def test_the_page_of_an_export_holds_the_same_data(data, name):
    expected = read_json(EXPECTED / f"page-{name}.json.gz")
    found = page_blocks(name, "--index", "0")
    if name == "maps-qk":  # rebuilt
        assert_same_data(found, expected, ATOL)
    else:
        assert found == expected


def test_the_page_of_a_sentence_holds_the_same_data(data):
    source = read_lines(data / "corpus" / "test.jsonl")[0]["en"]
    assert_same_data(page_blocks("translator", source), read_json(EXPECTED / "page-translator.json.gz"), ATOL)


def test_the_data_tells_of_no_machine():
    for path, content in contents(DATA).items():
        for trace in (b"/tmp/", b"/home/", os.fsencode(Path.home()), os.fsencode(DATA.parents[2])):
            assert trace not in content, path
