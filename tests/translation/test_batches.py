import random

import pytest

from hf_attn_model.translation.batches import Source, Waiting


def waiting_of(lengths, tokens):
    waiting = Waiting(lambda length: length / tokens)
    for row, length in enumerate(lengths):
        waiting.add(Source(length, row, 0, [row] * length))
    return waiting


def test_a_batch_holds_the_one_asked_for_and_its_nearest_neighbours():
    waiting = waiting_of([5, 19, 7, 3, 6, 23, 7], 30)
    batch = waiting.take(4, 0)  # of length 6
    assert sorted(source.length for source in batch) == [5, 6, 7, 7]
    assert [source.length for source in waiting.take(5, 0)] == [23], "19 would fit by itself, both do not"
    assert [source.length for source in waiting.take(3, 0)] == [3]
    assert [source.row for source in waiting.take(1, 0)] == [1]
    with pytest.raises(KeyError):
        waiting.take(1, 0)


def test_every_source_comes_once_and_no_batch_is_too_large():
    random.seed(0)
    lengths = [random.randint(1, 60) for _ in range(211)]
    waiting, seen = waiting_of(lengths, 97), []
    for row in range(len(lengths)):
        if row in seen:
            continue
        batch = waiting.take(row, 0)
        assert row in {source.row for source in batch}
        assert len(batch) == 1 or len(batch) * max(source.length for source in batch) <= 97
        assert all(source.ids == [source.row] * source.length for source in batch)
        seen += [source.row for source in batch]
    assert sorted(seen) == list(range(len(lengths)))
