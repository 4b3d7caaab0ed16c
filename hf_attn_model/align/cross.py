"""The cross-attention of sentence pairs, from a model or from an export, as maps of words.

A row can be read at two steps: the decoder writes a target token at its output step, and reads it at the next one, its
input step. Which of the two looks at the source of the token differs from head to head.

Shapes: L layers, H heads, T target tokens, S source tokens, Tw and Sw their words, N sets of heads.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, product

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..maps.forced import forced_pass
from ..maps.sentence import SentenceMaps
from ..maps.sides import Side, read_texts
from .norms import head_products, norms, output_projections
from .pairs import Pair

STEPS = ("output", "input")
MEASURES = ("weights", "norms")
BATCH_SIZE = 32

Head = tuple[int, int]
"""Layer and head, counted from 0."""


@dataclass(frozen=True, eq=False)
class CrossAttention:
    """The cross-attention of one sentence pair.

    Attributes:
        id: the name of the pair: its number, or its name in the export.
        source, target: the texts.
        weights: (L,H,T,S) float32, row i is where target token i is written.
        products: (L,S,H,H) float32 of `norms.head_products`, or `None` where only weights are to be read.
        source_words, target_words: the words.
        source_word_of_token, target_word_of_token: for each token the index of its word, `None` outside all words.
        numbers: those of the L layers and of the H heads in the model; 0, 1, ... unless given.
    """

    id: str
    source: str
    target: str
    weights: np.ndarray
    products: np.ndarray | None
    source_words: list[str]
    target_words: list[str]
    source_word_of_token: list[int | None]
    target_word_of_token: list[int | None]
    numbers: tuple[Sequence[int], Sequence[int]] | None = None

    @property
    def heads(self) -> list[Head]:
        """All heads there are, by their numbers in the model."""
        layers, heads = self.numbers or map(range, self.weights.shape[:2])
        return list(product(layers, heads))

    def word_maps(self, head_sets: Sequence[Sequence[Head]], step: str) -> np.ndarray:
        """Merge the attention of each set of heads into one map of words, (N,Tw,Sw).

        The mean of the weights; with `products` the norm of what the heads of a layer carry together, scaled to rows
        of sum 1, and the mean over layers. Summed over the tokens of a source word, averaged over those of a target
        word. What goes to tokens outside the words (`</s>`) is left out: a row sums to 1 at most. Raises `IndexError`
        for a head that is not there.

        Args:
            head_sets: N lists of heads.
            step: "output" or "input".
        """
        token_maps = np.stack([self.token_map(heads) for heads in head_sets])  # (N,T,S)
        rows = self.row_words(step)
        target = membership(rows, len(self.target_words))  # (T,Tw)
        target /= np.maximum(target.sum(axis=0), 1)
        return target.T @ token_maps @ membership(self.source_word_of_token, len(self.source_words))

    def row_words(self, step: str) -> list[int | None]:
        """For each row the word that is written there, or that is read there, (T,)."""
        if step not in STEPS:
            raise ValueError(f"no step is called {step!r}; choose from {', '.join(STEPS)}")
        return self.target_word_of_token if step == "output" else [None, *self.target_word_of_token[:-1]]

    def token_map(self, heads: Sequence[Head]) -> np.ndarray:
        """Merge some heads into one map of tokens, (T,S), the end mark included."""
        if self.products is None:
            maps = dict(zip(self.heads, self.weights.reshape(-1, *self.weights.shape[2:]), strict=True))
            if missing := [head for head in heads if head not in maps]:
                raise IndexError(f"there is no layer and head {missing[0]}; there are {self.heads}")
            return np.mean([maps[head] for head in heads], axis=0)
        lengths = []
        for layer in sorted({layer for layer, _ in heads}):
            chosen = [head for other, head in heads if other == layer]
            lengths.append(norms(self.weights[layer, chosen], self.products[layer][:, chosen][..., chosen]))
        return np.mean([length / length.sum(axis=-1, keepdims=True) for length in lengths], axis=0)


def read_cross_attention(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Iterable[Pair],
    measure: str = "weights",
    batch_size: int = BATCH_SIZE,
) -> Iterator[CrossAttention]:
    """Read the cross-attention of sentence pairs off teacher-forced passes over batches of them, in order.

    Args:
        model, tokenizer: see `maps.force`.
        pairs: either all or none of them with words of their own.
        measure: "weights", or "norms" to keep what norms are made of beside the weights.
        batch_size: pairs per forward pass.

    Raises:
        UserError: words that do not stand in their text, a sentence longer than the model's positions, or a model
            without a known output projection (norms).
    """
    projections = output_projections(model) if measure == "norms" else None
    pairs, done = iter(pairs), 0
    while batch := list(islice(pairs, batch_size)):
        sources = read_texts(tokenizer, [pair.source for pair in batch], words=given_words(batch, "source"))
        targets = read_texts(
            tokenizer, [pair.target for pair in batch], is_target=True, words=given_words(batch, "target")
        )
        names = [str(done + i) for i in range(len(batch))]
        forward = forced_pass(
            model,
            sources,
            targets,
            names=names,
            places=["cross"],
            keep=("query", "key", "value") if projections else ("query", "key"),
        )
        weights = forward.weights("cross").cpu().numpy()  # (B,L,H,T,S)
        for i, (source, target) in enumerate(zip(sources, targets, strict=True)):
            products = None
            if projections:
                values = [forward[i].cross[layer].value for layer in projections]
                products = [
                    head_products(value, projection).cpu().numpy()
                    for value, projection in zip(values, projections.values(), strict=True)
                ]
            yield _cross_attention(names[i], weights[i], products, source, target)
        done += len(batch)


def _cross_attention(
    name: str, weights: np.ndarray, products: list | None, source: Side, target: Side
) -> CrossAttention:
    """Cut the padding off one sentence of a batch."""
    return CrossAttention(
        id=name,
        source=source.text,
        target=target.text,
        weights=weights[..., : len(target.ids), : len(source.ids)],
        products=None if products is None else np.stack(products),
        source_words=[word.text for word in source.words],
        target_words=[word.text for word in target.words],
        source_word_of_token=source.word_of_token,
        target_word_of_token=target.word_of_token,
    )


def cross_attention_of(record: SentenceMaps) -> CrossAttention:
    """Take the cross-attention of a sentence of an export."""
    cross = record.tokens("cross")
    return CrossAttention(
        id=record.id,
        source=record.source,
        target=record.target,
        weights=cross.weights,
        products=None,
        source_words=[word.text for word in record.source_words],
        target_words=[word.text for word in record.target_words],
        source_word_of_token=record.source_word_of_token,
        target_word_of_token=record.target_word_of_token,
        numbers=(cross.layers, cross.heads),
    )


def given_words(pairs: Sequence[Pair], side: str) -> list[list[str]] | None:
    """Words of the "source" or "target" side of pairs, for `read_texts`."""
    words = [getattr(pair, f"{side}_words") for pair in pairs]
    return None if words[0] is None else words


def membership(words: Sequence[int | None], count: int) -> np.ndarray:
    """1 where a token belongs to a word, else 0: (tokens, count) float32."""
    belongs = np.zeros((len(words), count), dtype=np.float32)
    for token, word in enumerate(words):
        if word is not None:
            belongs[token, word] = 1
    return belongs
