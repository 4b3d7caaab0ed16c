"""Sentence pairs -> one digest of their texts, their order and their sides, and of nothing else."""

import hashlib
from weakref import WeakKeyDictionary

import datasets
import pyarrow as pa
import pyarrow.compute as pc

ROWS_AT_ONCE = 100_000
PARTS = tuple((side, part) for side in ("source", "target") for part in ("lengths", "texts"))

_known: WeakKeyDictionary[datasets.Dataset, str] = WeakKeyDictionary()


class PairsDigest:
    """The fingerprint of pairs that come piece by piece; see `fingerprint`."""

    def __init__(self) -> None:
        self._hashes = {part: hashlib.sha256() for part in PARTS}

    def update(self, pairs: pa.Table) -> None:
        """Read on. Texts are hashed as they lie in memory, hundreds of megabytes a second."""
        for side in ("source", "target"):
            texts = pairs[side].cast(pa.large_string()).combine_chunks()  # a copy: it begins where its buffers begin
            lengths = pc.binary_length(texts).to_numpy(zero_copy_only=False).astype("<i8")
            self._hashes[side, "lengths"].update(lengths)
            self._hashes[side, "texts"].update((texts.buffers()[2] or b"")[: lengths.sum()])

    def hexdigest(self) -> str:
        """Return the fingerprint of all pairs so far."""
        return hashlib.sha256(b"".join(self._hashes[part].digest() for part in PARTS)).hexdigest()


def fingerprint(pairs: datasets.Dataset) -> str:
    """Hash the pairs: equal for the same texts in the same order, from any format, folder or way of cutting files.

    The SHA-256 digest of, for each side, the lengths of its texts and the texts themselves, both in UTF-8 bytes. It is
    computed once for each data set.

    Args:
        pairs: rows with the texts `source` and `target`.

    Returns:
        64 hexadecimal digits.
    """
    if pairs not in _known:
        digest = PairsDigest()
        for table in pairs.with_format("arrow").iter(ROWS_AT_ONCE):
            digest.update(table)
        _known[pairs] = digest.hexdigest()
    return _known[pairs]


def remember_fingerprint(pairs: datasets.Dataset, digest: str) -> None:
    """Take over the fingerprint that was computed while the pairs were read."""
    _known[pairs] = digest
