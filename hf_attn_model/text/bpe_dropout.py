"""words -> segmentations into subwords, with merges left out at random.

BPE-dropout (Provilkov et al., 2020, https://arxiv.org/abs/1910.13267, algorithm 1): a word starts as characters; at
each step each merge that could be applied is dropped with probability p, and of the others the first is applied (the
earliest learned; of equals, the leftmost); a step that leaves none ends. Hence the number of merges passed over at a
step is geometric, P(k) = (1 - p) p^k, and what comes next depends on the subwords of the moment alone: a segmentation
is a random walk over a graph whose nodes are words in subwords, and whose edges are merges. Here all words of a batch
walk at once, and the graph grows where a walk comes by for the first time.

The `dropout` of `tokenizers` cannot be seeded, and its frequencies are near those of the paper, not equal: where an
outdated merge comes up in its queue, the merges dropped at that step get another chance.
"""

import json
from collections.abc import Callable
from itertools import count, pairwise
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from .tokenizer import BYTES, END, PAD

SETTINGS = {  # of the models of `tokenizers` whose merges are read here
    "type": "BPE",
    "byte_fallback": True,
    "ignore_merges": False,
    "continuing_subword_prefix": None,
    "end_of_word_suffix": None,
}
MAX_TOKENS = 2**23  # of all nodes, about 250 MB, before the graph is grown anew


class BPEDropout:
    """Segments words as a tokenizer does, or with merges left out at random.

    Args:
        tokenizer: byte-pair encoding with byte fallback, as `train_tokenizer` makes it.

    Raises:
        ValueError: the tokenizer is another, or whole tokens were added to it.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        backend: Any = getattr(tokenizer, "backend_tokenizer", None)
        model = json.loads(backend.to_str())["model"] if backend else {}
        as_ours = all(model.get(setting) == value for setting, value in SETTINGS.items())
        if not (as_ours and backend.normalizer and backend.pre_tokenizer):
            kind = model.get("type") or type(tokenizer).__name__
            raise ValueError(f"BPE-dropout needs a tokenizer as train_tokenizer makes it; this one, {kind}, is another")
        if added := sorted(set(tokenizer.added_tokens_encoder) - {PAD, END}):
            raise ValueError(f"BPE-dropout knows subwords alone, and whole tokens were added here, such as {added[0]}")
        self._backend = backend
        self._vocab: dict[str, int] = model["vocab"]
        self._merges = {  # of two tokens: the rank, and the token they become
            (self._vocab[left], self._vocab[right]): (rank, self._vocab[left + right])
            for rank, (left, right) in enumerate(model["merges"])
        }
        self._numbers: dict[str, int] = {}
        self._words: list[str] = []
        self._forget()

    def read(self, text: str) -> list[int]:
        """Return the words of a text, that is the pieces the tokenizer encodes one by one, each as its number."""
        normal = self._backend.normalizer.normalize_str(text)
        numbers = []
        for piece, _ in self._backend.pre_tokenizer.pre_tokenize_str(normal):
            number = self._numbers.setdefault(piece, len(self._words))
            if number == len(self._words):
                self._words.append(piece)
            numbers.append(number)
        return numbers

    def __len__(self) -> int:
        """How many different words were read; their numbers are smaller."""
        return len(self._words)

    def segment(self, words: np.ndarray) -> list[tuple[int, ...]]:
        """Segment words as the tokenizer does.

        Args:
            words: (N) integers, numbers that `read` gave.

        Returns:
            The token ids of each word.
        """
        return self._walk(words, lambda active, step: np.zeros(len(active)))

    def sample(self, words: np.ndarray, keys: np.ndarray, dropout: float) -> list[tuple[int, ...]]:
        """Segment words at random.

        Args:
            words: (N) integers, numbers that `read` gave.
            keys: (N) uint64; the segmentation depends on the word, its key and `dropout` alone.
            dropout: probability, 0 to 1, that a merge is left out at a step; 1 gives characters.

        Returns:
            The token ids of each word.
        """
        with np.errstate(divide="ignore"):
            scale = 1 / abs(np.log(np.float64(dropout)))  # 0 without dropout, infinite where every merge is dropped

        def passed_over(active: np.ndarray, step: int) -> np.ndarray:
            uniform = ((random_bits(keys[active], step) >> 12) + 0.5) * 2.0**-52  # within (0, 1)
            return np.floor(-np.log(uniform) * scale)

        return self._walk(words, passed_over)

    def _walk(self, words: np.ndarray, passed_over: Callable[[np.ndarray, int], np.ndarray]) -> list[tuple[int, ...]]:
        """Walk from characters on; `passed_over(active, step)` says how many merges the active words pass over."""
        if self._tokens > MAX_TOKENS:
            self._forget()
        nodes = self._start(words)
        active = np.arange(len(nodes))
        for step in count():
            first, stop = self._first[nodes[active]], self._first[nodes[active] + 1]
            passed = passed_over(active, step)
            goes_on = passed < stop - first
            active = active[goes_on]
            if not len(active):
                break
            edges = (first + passed)[goes_on].astype(np.int64)
            nodes[active] = self._follow(nodes[active], edges)
        return [self._subwords[node] for node in nodes.tolist()]

    def _forget(self) -> None:
        """Begin the graph: no nodes, and of each word -1 for its node, not made yet."""
        self._subwords: list[tuple[int, ...]] = []  # of each node
        self._nodes: dict[tuple[int, ...], int] = {}  # and back
        self._tokens = 0  # of all nodes
        self._first = np.zeros(1, np.int64)  # edges of node n: from _first[n] to _first[n + 1], first merge first
        self._ends = np.zeros(0, np.int32)  # of each edge: the node it leads to; before that is made, ~(its position)
        self._starts = np.zeros(0, np.int32)

    def _start(self, words: np.ndarray) -> np.ndarray:
        """Find the nodes of the words in characters."""
        self._starts = _grown(self._starts, len(self._words))
        for word in np.unique(words[self._starts[words] < 0]).tolist():
            self._starts[word] = self._node(self._spell(self._words[word]))
        return self._starts[words].astype(np.int64)

    def _spell(self, word: str) -> tuple[int, ...]:
        """List the characters of a word, and the bytes of those that are not in the vocabulary."""
        tokens: list[int] = []
        for character in word:
            known = self._vocab.get(character)
            tokens.extend([self._vocab[BYTES[byte]] for byte in character.encode()] if known is None else [known])
        return tuple(tokens)

    def _follow(self, nodes: np.ndarray, edges: np.ndarray) -> np.ndarray:
        """Find the nodes to which edges lead that begin at `nodes`."""
        unknown = self._ends[edges] < 0
        for node, edge in zip(nodes[unknown].tolist(), edges[unknown].tolist(), strict=True):
            position = ~int(self._ends[edge])
            if position >= 0:  # else it was twice among the unknown
                subwords = self._subwords[node]
                _, merged = self._merges[subwords[position], subwords[position + 1]]
                end = self._node((*subwords[:position], merged, *subwords[position + 2 :]))
                self._ends[edge] = end
        return self._ends[edges]

    def _node(self, subwords: tuple[int, ...]) -> int:
        """Find or make the node of a word in these subwords."""
        node = self._nodes.get(subwords)
        if node is None:
            node = self._nodes[subwords] = len(self._subwords)
            self._subwords.append(subwords)
            self._tokens += len(subwords)
            pairs = enumerate(pairwise(subwords))
            merges = sorted((self._merges[pair][0], position) for position, pair in pairs if pair in self._merges)
            first = int(self._first[node])
            stop = first + len(merges)
            self._first, self._ends = _grown(self._first, node + 2), _grown(self._ends, stop)
            self._first[node + 1] = stop
            self._ends[first:stop] = [~position for _, position in merges]
        return node


@np.errstate(over="ignore")  # the arithmetic is modulo 2^64
def random_bits(keys: np.ndarray, number: np.ndarray | int) -> np.ndarray:
    """Return the random 64 bits that stand at a place of the sequence of a key.

    The sequences are those of SplitMix64 (Steele et al., 2014, https://doi.org/10.1145/2660193.2660195), from which
    any place can be had without those before it.

    Args:
        keys: uint64.
        number: the place, from 0; integers that broadcast with `keys`.
    """
    bits = keys + (np.asarray(number, np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> 30)) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> 27)) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> 31)


def _grown(array: np.ndarray, size: int) -> np.ndarray:
    """Return an array with room for `size` entries, the new ones -1; it doubles, so that growth costs little."""
    if size <= len(array):
        return array
    return np.concatenate([array, np.full(max(size, 2 * len(array)) - len(array), -1, array.dtype)])
