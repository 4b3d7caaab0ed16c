"""sentence pairs -> token ids, segmented anew in every epoch.

A model that sees one word in several segmentations learns what its parts mean, and translates rare and misspelt words
better (subword regularisation; Provilkov et al., 2020). It is for training; to evaluate and translate, text is
tokenized as ever.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain

import datasets
import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import PreTrainedTokenizerBase

from ..errors import UserError
from .bpe_dropout import BPEDropout, random_bits

WORDS_AT_ONCE = PAIRS_AT_ONCE = 10_000  # enough for NumPy, little memory


class ResegmentedPairs(Dataset[dict[str, list[int]]]):
    """Pairs whose item `i` is `{"input_ids": ..., "labels": ...}`, lists of token ids, the end mark last.

    The items of epoch e depend on `seed`, e and `i` alone: not on the order of access, the loader's workers, the
    ranks, or what was read before an interruption. The Trainer's loader says which epoch it is.

    Args:
        pairs: string columns `source` and `target`.
        tokenizer: as `train_tokenizer` makes it.
        dropout: probability, 0 to 1, that a merge is left out at a step; the paper has 0.1. With 0 the items are what
            the tokenizer gives.
        seed: of the segmentations.
        max_length: tokens the model can take. Longer pairs are left out; a sentence that gets longer only with
            dropout keeps the tokenizer's segmentation in that epoch.

    Attributes:
        left_out: how many pairs were longer than `max_length`.

    Raises:
        ValueError: `dropout` is no probability, or the tokenizer is not byte-pair encoding with byte fallback.
        UserError: no pair is left.
    """

    def __init__(
        self,
        pairs: datasets.Dataset,
        tokenizer: PreTrainedTokenizerBase,
        dropout: float,
        seed: int,
        max_length: int,
    ):
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout must lie in 0 to 1, got {dropout}")
        self.dropout, self.seed, self.max_length = dropout, seed, max_length
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # workers that outlive an epoch see the next
        self._end = tokenizer.eos_token_id
        self._bpe = BPEDropout(tokenizer)

        words, ends = array("i"), array("q", [0])
        for table in pairs.with_format("arrow").iter(PAIRS_AT_ONCE):
            for pair in zip(*(table[side].to_pylist() for side in ("source", "target")), strict=True):
                for text in pair:
                    words.extend(self._bpe.read(text))
                    ends.append(len(words))
        self._words = np.array(words)
        # (pairs, 3): where in `_words` the source begins, the target begins, and the target ends
        self._bounds = np.stack([ends[0:-1:2], ends[1::2], ends[2::2]], axis=1)

        counts = [_token_counts(self._bpe.segment(words)) for words in _chunks(len(self._bpe), WORDS_AT_ONCE)]
        lengths = _sentence_lengths(np.concatenate(counts)[self._words], self._bounds)
        kept = lengths.max(axis=1, initial=0) <= max_length
        if not kept.any():
            raise UserError(f"no pair is left: all are longer than max_length={max_length} tokens")
        self.left_out = int((~kept).sum())
        self._bounds = self._bounds[kept]

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose segmentations the items have from now on."""
        self._epoch.fill_(epoch)

    def lengths_in(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Count the source and target tokens of each item of an epoch, end mark included: (pairs) int64 each.

        With a dropout of 0.1 there are about a quarter more than without. Counting takes about as long as reading.
        """
        parts = [
            _sentence_lengths(_token_counts(tokens), bounds)
            for tokens, bounds in (self._sample(numbers, epoch) for numbers in _chunks(len(self), PAIRS_AT_ONCE))
        ]
        source, target = np.concatenate(parts).T
        return source, target

    def __len__(self) -> int:
        return len(self._bounds)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, list[int]]]:
        """Return many items at once, as loaders ask for them: much faster than one by one."""
        numbers = np.arange(len(self))[np.asarray(indices, np.int64)]
        tokens, bounds = self._sample(numbers, int(self._epoch))
        return [
            {"input_ids": self._join(tokens[begin:middle]), "labels": self._join(tokens[middle:stop])}
            for begin, middle, stop in bounds.tolist()
        ]

    def _sample(self, numbers: np.ndarray, epoch: int) -> tuple[list[tuple[int, ...]], np.ndarray]:
        """Segment the words of pairs: the tokens of each word, and where in this list the sentences are, as `_bounds`.

        The key of a word is drawn from the seed, the epoch, the pair and the place in the pair.
        """
        bounds = self._bounds[numbers]
        counts = bounds[:, 2] - bounds[:, 0]
        starts = counts.cumsum() - counts
        places = np.arange(counts.sum()) - np.repeat(starts, counts)
        words = self._words[np.repeat(bounds[:, 0], counts) + places]
        key = np.array([self.seed % 2**64], np.uint64)
        keys = random_bits(random_bits(key, epoch), numbers)
        tokens = self._bpe.sample(words, random_bits(np.repeat(keys, counts), places), self.dropout)
        bounds = bounds + (starts - bounds[:, 0])[:, None]
        for pair, side in np.argwhere(_sentence_lengths(_token_counts(tokens), bounds) > self.max_length).tolist():
            begin, stop = bounds[pair, side : side + 2]
            tokens[begin:stop] = self._bpe.segment(words[begin:stop])
        return tokens, bounds

    def _join(self, tokens: Iterable[tuple[int, ...]]) -> list[int]:
        """Join the tokens of the words of a sentence, and end it."""
        return [*chain.from_iterable(tokens), self._end]


def _chunks(size: int, most: int) -> list[np.ndarray]:
    """Cut 0 ... size - 1 into parts of about `most`."""
    return np.array_split(np.arange(size), size // most + 1)


def _token_counts(tokens: list[tuple[int, ...]]) -> np.ndarray:
    """Count the tokens of each word: (words) int64."""
    return np.array([len(those) for those in tokens], np.int64)


def _sentence_lengths(token_counts: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Add up the tokens of words, and the end mark: (pairs, 2) for sources and targets at `bounds` (pairs, 3)."""
    before = np.concatenate([[0], token_counts.cumsum()])
    return np.diff(before[bounds], axis=1) + 1
