from collections import Counter
from itertools import islice

import numpy as np
import pytest
from accelerate import skip_first_batches
from datasets import Dataset
from torch.utils.data import DataLoader, IterableDataset

from hf_attn_model.errors import UserError
from hf_attn_model.text.batch_stream import TokenBatchStream
from hf_attn_model.text.lengths import round_up

PAIRS, BUDGET, WINDOW = 499, 211, 7


def rows():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 41, (PAIRS, 2)).tolist()
    return [{"input_ids": [i] * source, "labels": [i] * target} for i, (source, target) in enumerate(lengths)]


class Stream(IterableDataset):
    """The rows of a list, that remembers how often and for which epochs it was read."""

    def __init__(self, rows):
        self.rows = rows
        self.epochs = []

    def set_epoch(self, epoch):
        self.epochs.append(epoch)

    def __iter__(self):
        return iter(self.rows)


STREAMS = {
    "torch": lambda: Stream(rows()),
    "datasets": lambda: Dataset.from_list(rows()).to_iterable_dataset(num_shards=3),
    "plain": rows,
}


def make(pairs=None, **changes):
    return TokenBatchStream(
        rows() if pairs is None else pairs, **({"max_tokens": BUDGET, "seed": 3, "window": WINDOW} | changes)
    )


def ids(batch):
    """Numbers of the pairs in a batch, which are the tokens of their sources."""
    return tuple(pair["input_ids"][0] for pair in batch)


def cost(batch):
    return len(batch) * sum(int(round_up(max(len(pair[side]) for pair in batch))) for side in ("input_ids", "labels"))


@pytest.mark.parametrize("kind", STREAMS)
def test_every_pair_comes_once_per_epoch_within_the_budget(kind):
    stream = make(STREAMS[kind]())
    for epoch in (0, 1):
        batches = list(stream.batches_of(epoch))
        assert Counter(i for batch in batches for i in ids(batch)) == Counter(range(PAIRS))
        assert max(map(cost, batches)) <= BUDGET


def test_batches_of_a_window_are_of_like_length_and_in_random_order():
    batches = list(make().batches_of(0))
    real = sum(len(pair["input_ids"]) + len(pair["labels"]) for pair in rows())
    in_order = [rows()[start : start + 5] for start in range(0, PAIRS, 5)]
    assert sum(map(cost, batches)) / real < sum(map(cost, in_order)) / real / 1.2
    assert 0.25 < np.mean(np.diff([cost(batch) for batch in batches]) < 0) < 0.75

    seen = np.cumsum([len(batch) for batch in batches])
    latest = np.maximum.accumulate([max(ids(batch)) for batch in batches])
    pairs_of_window = WINDOW * BUDGET / (real / PAIRS)
    assert max(latest - seen) <= pairs_of_window + 1  # it never reads far ahead of what it yields


def test_order_depends_on_seed_and_epoch_alone():
    def order(seed, epoch):
        return [ids(batch) for batch in make(seed=seed).batches_of(epoch)]

    assert order(3, 1) == order(3, 1)
    assert order(3, 1) != order(3, 2)
    assert order(3, 1) != order(5, 1)
    assert {frozenset(batch) for batch in order(3, 1)} != {frozenset(batch) for batch in order(3, 2)}


def test_iterating_goes_on_from_epoch_to_epoch():
    source = Stream(rows())
    stream = make(source)
    stream.set_epoch(2)
    expected = [*stream.batches_of(2), *stream.batches_of(3)]
    source.epochs.clear()
    assert list(islice(stream, len(expected))) == expected
    assert source.epochs == [2, 3]


@pytest.mark.parametrize(("replicas", "window"), [(2, WINDOW), (3, WINDOW), (5, 1)])
def test_replicas_share_every_window_evenly(replicas, window):
    shares = [list(make(num_replicas=replicas, rank=rank, window=window).batches_of(1)) for rank in range(replicas)]
    assert len({len(share) for share in shares}) == 1
    times = Counter(ids(batch) for share in shares for batch in share)
    assert Counter(i for batch in times for i in batch) == Counter(range(PAIRS))
    assert sum(times.values()) - len(times) < replicas  # few batches come twice: those that complete the last step


def test_more_replicas_than_batches_still_get_one_each():
    shares = [list(make(rows()[:3], num_replicas=5, rank=rank).batches_of(0)) for rank in range(5)]
    assert [len(share) for share in shares] == [1] * 5
    assert {i for share in shares for i in ids(share[0])} == {0, 1, 2}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("kind", STREAMS)
def test_a_stream_is_taken_up_where_it_was_left(kind, workers):
    per_epoch = len(list(make().batches_of(0)))
    for skipped in (11, per_epoch + 5):
        loader = DataLoader(make(STREAMS[kind]()), batch_size=None, num_workers=workers, collate_fn=ids)
        uninterrupted = list(islice(loader, skipped + 13))
        assert list(islice(skip_first_batches(loader, skipped), 13)) == uninterrupted[skipped:]


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (iter(rows()), "gives none in epoch 1: give one that can be read again, or fewer max_steps"),
        ([], "gives none in epoch 0: give one that is not empty"),
        ([{"source": "The ball is blue", "target": "La bola es azul"}], 'no "input_ids", only source, target'),
    ],
)
def test_streams_that_cannot_be_trained_on_are_refused(pairs, message):
    with pytest.raises(UserError, match=message):
        list(islice(make(pairs), 10**4))


def test_a_rank_beyond_the_replicas_is_refused():
    with pytest.raises(UserError, match="rank must lie in 0 to num_replicas - 1 = 2, got 3"):
        make(num_replicas=3, rank=3)
