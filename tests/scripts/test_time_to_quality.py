"""Scores of the weights that a training kept: each once, also over several runs of the script."""

import json
from types import SimpleNamespace

import pytest
import time_to_quality as quality

from hf_attn_model.text.corpora import load_corpus


@pytest.fixture
def scored(monkeypatch):
    folders = []
    marks = [
        {"minute": minute, "training_seconds": 60 * minute, "steps": 10, "tokens": 6000 * minute}
        for minute in (1.0, 2.5)
    ]
    monkeypatch.setattr(quality, "run_course", lambda *_: marks)
    load = SimpleNamespace(from_pretrained=lambda folder: folders.append(folder))
    monkeypatch.setattr(quality, "AutoModelForSeq2SeqLM", load)
    monkeypatch.setattr(quality, "evaluate", lambda *_, **__: ({"bleu": 41.0, "seconds": 7.0}, []))
    return folders


def test_what_is_scored_is_not_scored_again(scored, small_recipe, tmp_path):
    train, test = (load_corpus(small_recipe.corpus, "en", "de", split) for split in ("train", "test"))
    for name in ("ours", "MarianMT, best flags", "ours"):
        quality.measure(name, small_recipe, train, test, [1.0, 2.5], tmp_path)
    assert [folder.relative_to(tmp_path).as_posix() for folder in scored] == [
        "ours-2.5/1",
        "ours-2.5/2.5",
        "marianmt-best-flags-2.5/1",
        "marianmt-best-flags-2.5/2.5",
    ]
    results = quality.read_results(tmp_path)
    assert [result["minute"] for result in results] == [1.0, 2.5, 1.0, 2.5]
    assert {(result["tokens_per_second"], result["bleu"], result["of_minutes"]) for result in results} == {
        (100, 41.0, 2.5)
    }
    lines = (tmp_path / quality.RESULTS_FILE).read_text().splitlines()
    (tmp_path / quality.RESULTS_FILE).write_text("\n".join(lines[:1]) + "\n")
    quality.measure("ours", small_recipe, train, test, [1.0, 2.5], tmp_path)
    assert len(scored) == 5
    assert json.loads((tmp_path / quality.RESULTS_FILE).read_text().splitlines()[1])["minute"] == 2.5
