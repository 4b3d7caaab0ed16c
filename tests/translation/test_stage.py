"""A stage of a pipeline: batches of rows come back with their translations."""

import pickle
import sys

import numpy as np
import pytest
from datasets import Dataset

from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.cluster import connected
from hf_attn_model.errors import UserError
from hf_attn_model.translation import Sampling, SearchSettings, TranslateBatch, translate_stream

LINES = ["two seven one", "", "six", "three three five", "one one one two three four"]
SETTINGS = SearchSettings(num_beams=2, with_scores=True)


@pytest.fixture(scope="module")
def expected(translator_folder):
    checkpoint = Checkpoint(translator_folder)
    return [row.translations[0] for row in translate_stream(checkpoint.model, checkpoint.tokenizer, LINES, SETTINGS)]


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_datasets_get_the_translations_of_the_stream_whatever_the_batches(translator_folder, expected, batch_size):
    stage = pickle.loads(pickle.dumps(TranslateBatch(str(translator_folder), SETTINGS, column="en")))
    found = Dataset.from_dict({"en": LINES}).map(stage, batched=True, batch_size=batch_size)
    assert found["en"][:] == LINES
    assert found["translation"][:] == [each.text for each in expected]
    assert found["is_cut"][:] == [each.is_cut for each in expected]
    for score, each in zip(found["score"], expected, strict=True):
        assert score == (each.score if each.score is None else pytest.approx(each.score, abs=1e-5))


def test_arrays_do_as_well_and_several_translations_are_lists(translator_folder, expected):
    stage = TranslateBatch(str(translator_folder), SearchSettings(num_beams=2, n_best=2))
    found = stage({"source": np.array(LINES, dtype=object), "id": np.arange(5)})
    assert [texts[0] for texts in found["translation"]] == [each.text for each in expected]
    assert [len(texts) for texts in found["translation"]] == [2, 1, 2, 2, 2]
    assert found["id"].tolist() == [0, 1, 2, 3, 4]


def test_what_it_cannot_do_is_said_in_a_line(translator_folder):
    with pytest.raises(UserError, match=r"there is no column source; there are en, es"):
        TranslateBatch(str(translator_folder))({"en": [], "es": []})
    with pytest.raises(UserError, match=r"what is drawn depends on the number of a row"):
        TranslateBatch(str(translator_folder), SearchSettings(sampling=Sampling()))({"source": ["six"]})


def test_the_number_of_a_row_decides_what_is_drawn_for_it(translator_folder):
    stage = TranslateBatch(str(translator_folder), SearchSettings(sampling=Sampling(temperature=3.0)))
    whole, _ = stage.translate(LINES)
    rest, _ = stage.translate(LINES[2:], first=2)
    assert rest == whole[2:]


def test_a_cluster_without_ray_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"needs Ray: pip install 'hf-attn-model\[ray\]'"), connected("local"):
        pass
