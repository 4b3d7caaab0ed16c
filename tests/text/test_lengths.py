import numpy as np
import pytest
import torch
from datasets import Dataset

from hf_attn_model.errors import UserError
from hf_attn_model.text.lengths import LENGTH_STEP, pair_lengths, round_up, row_lengths

ROWS = [{"input_ids": [2] * (i % 7), "labels": [3] * (1 + i % 5), "id": i} for i in range(37)]
SOURCES, TARGETS = ([len(row[column]) for row in ROWS] for column in ("input_ids", "labels"))


class Changing(torch.utils.data.Dataset):
    """Other token ids in every epoch."""

    def lengths_in(self, epoch):
        return [5 + epoch, 7], [11, 13]

    def __len__(self):
        return 2

    def __getitem__(self, i):
        raise AssertionError("lengths are known without reading a pair")


@pytest.mark.parametrize("kind", [Dataset.from_list, list])
def test_lengths_of_columns_and_of_rows(kind):
    sources, targets = pair_lengths(kind(ROWS))
    assert (sources.tolist(), targets.tolist()) == (SOURCES, TARGETS)
    assert sources.dtype == targets.dtype == np.int32


def test_lengths_follow_a_filter_and_a_shuffle():
    chosen = Dataset.from_list(ROWS).filter(lambda row: row["id"] % 3 == 1).shuffle(seed=5)
    sources, targets = pair_lengths(chosen)
    assert sources.tolist() == [SOURCES[i] for i in chosen["id"]]
    assert targets.tolist() == [TARGETS[i] for i in chosen["id"]]


def test_lengths_that_the_dataset_states_go_first():
    sources, targets = pair_lengths(Changing())
    assert (sources.tolist(), targets.tolist()) == ([5, 7], [11, 13])


def test_no_pairs_have_no_lengths():
    sources, targets = pair_lengths(Dataset.from_dict({"input_ids": [], "labels": []}))
    assert len(sources) == len(targets) == 0


@pytest.mark.parametrize("read", [lambda row: pair_lengths(Dataset.from_list([row])), row_lengths])
def test_pairs_that_are_no_tokens_yet_are_refused(read):
    with pytest.raises(UserError, match='have no "labels", only input_ids, target: tokenize them first'):
        read({"input_ids": [1], "target": "La bola es azul"})


def test_rounding_up():
    assert round_up(range(1, 41)).tolist() == [
        next(n for n in range(i, 99) if n % LENGTH_STEP == 0) for i in range(1, 41)
    ]
