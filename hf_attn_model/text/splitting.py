"""One corpus -> pairs to train on, to choose by and to test on; and what two splits have in common."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from ..errors import UserError

SPLITS = ("train", "dev", "test")


def hold_out(sources: Iterable[str], count: int, seed: int = 0) -> np.ndarray:
    """Say of each pair in which split it lies, by its source alone: pairs of one source lie together.

    Sources are drawn by a hash of the seed and their text, so the order of the corpus does not matter, and a corpus
    that grows keeps most of what it held out.

    Args:
        sources: of all pairs; read once.
        count: pairs to hold out for each of dev and test; a source with several pairs may bring a few more.
        seed: another one holds out others.

    Returns:
        (N,), uint8: indices into `SPLITS`.

    Raises:
        UserError: less than half of the pairs would be left to train on.
    """
    hashes = _hashes(sources, seed)
    if count < 1 or len(hashes) < 4 * count:
        raise UserError(f"cannot hold out {count:,} pairs each for dev and test: there are {len(hashes):,} in all")
    order = np.argsort(hashes, kind="stable")
    drawn = hashes[order]
    splits = np.zeros(len(hashes), dtype=np.uint8)
    start = 0
    for split in (2, 1):
        end = int(np.searchsorted(drawn, drawn[start + count - 1], side="right"))  # all pairs of the last source
        splits[order[start:end]] = split
        start = end
    return splits


def usual_count(pairs: int) -> int:
    """How many pairs to hold out where nobody says it: a twentieth of all, at most 2,000."""
    return max(1, min(2000, pairs // 20))


class Overlap(NamedTuple):
    """How many pairs of a split also lie in another: as pairs, by their source, by their target."""

    pairs: int
    sources: int
    targets: int


def overlap(test: Sequence[Iterable[str]], train: Sequence[Iterable[str]]) -> Overlap:
    """Count what of a test set is also in the training set.

    Args:
        test, train: sources and targets, read once; 8 bytes of each are held.
    """
    test_sources, test_targets = (_hashes(texts) for texts in test)
    sources, targets = (_hashes(texts) for texts in train)
    return Overlap(
        pairs=int(np.isin(_both(test_sources, test_targets), _both(sources, targets)).sum()),
        sources=int(np.isin(test_sources, sources).sum()),
        targets=int(np.isin(test_targets, targets).sum()),
    )


def _hashes(texts: Iterable[str], seed: int = 0) -> np.ndarray:
    """Hash texts to 64 bits each, (N,)."""
    salt = seed.to_bytes(8, "little")
    digests = b"".join(blake2b(text.encode(), digest_size=8, salt=salt).digest() for text in texts)
    return np.frombuffer(digests, dtype="<u8")


def _both(sources: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """One hash of two, (N,)."""
    return sources * np.uint64(0x9E3779B97F4A7C15) + targets  # wraps around
