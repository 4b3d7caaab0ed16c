"""The cross-attention of sentence pairs, from a model or from an export, as maps of words.

The decoder writes a target token at one row, and reads it at the next one. Which of the two looks at the source of the
token differs from head to head: unshifted, a token has the row where it is written; shifted, the row where it is read
(Shift-Att; Chen et al., 2020).

In place of weights, the norms of what is carried can be read: ||Σ_h α_h f_h(x)||, the length of what a query gets from
a key. A head adds to the output, from key j, its weight α_ij times f(x_j): the value of x_j (bias included) under the
head's part of the output projection. A key that is looked at much, but carries next to nothing, such as the end mark,
has a short f(x_j). Kobayashi et al. (2020), "Attention is Not Only a Weight: Analyzing Transformers with Vector Norms".

Shapes: L layers, H heads, T target tokens, S source tokens, Tw and Sw their words, N sets of heads, K head_dim,
D d_model.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, product

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.fitting import tokenize_fitting, without_partners
from ..attention.modules import attention_modules
from ..attention.places import LayerHead
from ..attention.sentence import SentenceMaps
from ..attention.teacher_forcing import teacher_forced_pass
from ..attention.tokenized import TokenizedText
from ..attention.words import average_words
from ..checkpoint.alignment_config import AlignmentConfig, name_of
from ..errors import UserError
from ..text.tally import Tally
from ..text.too_long import OnLong
from .links import link_words
from .pairs import Pair

SHIFTS = (False, True)
BATCH_SIZE = 32
OUTPUT_PROJECTIONS = ("out_proj", "o", "o_proj")  # BART's family and ours, T5, T5Gemma


Attend = Callable[[Sequence[TokenizedText], Sequence[TokenizedText], Sequence[str]], "Iterator[CrossAttention]"]


@dataclass(frozen=True, eq=False)
class CrossAttention:
    """The cross-attention of one sentence pair.

    Attributes:
        id: the name of the pair: its number, or its name in the export.
        source, target: the texts.
        weights: (L,H,T,S) float32, row i is where target token i is written.
        products: (L,S,H,H) float32 of `head_products`, or `None` where only weights are to be read.
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
    def heads(self) -> list[LayerHead]:
        """All heads there are, by their numbers in the model."""
        layers, heads = self.numbers or map(range, self.weights.shape[:2])
        return list(product(layers, heads))

    def word_maps(self, head_sets: Sequence[Sequence[LayerHead]], shift: bool) -> np.ndarray:
        """Merge the attention of each set of heads into one map of words, (N,Tw,Sw).

        The mean of the weights; with `products` the norm of what the heads of a layer carry together, scaled to rows
        of sum 1, and the mean over layers. Summed over the tokens of a source word, averaged over those of a target
        word. What goes to tokens outside the words (`</s>`) is left out: a row sums to 1 at most. Raises `IndexError`
        for a head that is not there.

        Args:
            head_sets: N lists of heads.
            shift: see `AlignmentConfig`.
        """
        token_maps = np.stack([self.token_map(heads) for heads in head_sets])  # (N,T,S)
        words = len(self.target_words), len(self.source_words)
        return average_words(token_maps, self.row_words(shift), self.source_word_of_token, *words)

    def row_words(self, shift: bool) -> list[int | None]:
        """For each row the word that is written there, or, shifted, the one that is read there, (T,)."""
        return [None, *self.target_word_of_token[:-1]] if shift else self.target_word_of_token

    def heads_of(self, config: AlignmentConfig) -> list[LayerHead]:
        """List the heads to read. Raises `UserError` for one that is not there."""
        if config.heads is None:
            return self.heads
        there = self.heads
        for layer, head in config.heads:
            if not any(layer == number and head in (None, other) for number, other in there):
                layers, heads = (", ".join(map(str, sorted(set(numbers)))) for numbers in zip(*there, strict=True))
                raise UserError(f"there is no head {name_of((layer, head))}: layers are {layers}, heads {heads}")
        return [head for head in there if head in config.heads or (head[0], None) in config.heads]

    def word_map(self, config: AlignmentConfig) -> np.ndarray:
        """The one map of words, (Tw,Sw), that links are read off.

        Raises:
            UserError: there is no such head, or norms are asked for where only weights are.
        """
        if config.measure == "norms" and self.products is None:
            raise UserError("norms need the model itself, not an export of its attention weights")
        return self.word_maps([self.heads_of(config)], config.shift)[0]

    def links(self, config: AlignmentConfig) -> np.ndarray:
        """Links of the pair, bool (Tw,Sw). Raises what `word_map` raises."""
        return link_words(self.word_map(config), config.rule, config.threshold)

    def token_map(self, heads: Sequence[LayerHead]) -> np.ndarray:
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
    *,
    on_long: OnLong = "error",
    tally: Tally | None = None,
    attend: Attend | None = None,
) -> Iterator[CrossAttention]:
    """Read the cross-attention of sentence pairs off teacher-forced passes over batches of them, in order.

    There are as many as pairs: that of an empty one, or of one that is left out, has no words.

    Args:
        model, tokenizer: see `teacher_forced_attention`.
        pairs: either all or none of them with words of their own.
        measure: "weights", or "norms" to keep what norms are made of beside the weights.
        batch_size: pairs per forward pass.
        on_long: what becomes of a pair with more tokens than the model has positions: "skip", "truncate" or "error".
        tally: counts those.
        attend: what attends in place of the model; see `attend_batch`.

    Raises:
        UserError: words that do not stand in their text, a sentence longer than the model's positions, or a model
            without a known output projection (norms).
    """
    tally = Tally() if tally is None else tally
    attend = attend or partial(attend_batch, model, projections=projections_for(model, measure))
    pairs, done = iter(pairs), 0
    while batch := list(islice(pairs, batch_size)):
        names = [str(done + i) for i in range(len(batch))]
        places = [pair.place or f"sentence {name}" for pair, name in zip(batch, names, strict=True)]
        words = given_words(batch, "source"), given_words(batch, "target")
        read = partial(tokenize_fitting, model, tokenizer, places=places, on_long=on_long, tally=tally)
        sources, targets = without_partners(
            tokenizer,
            read([pair.source for pair in batch], words=words[0]),
            read([pair.target for pair in batch], is_target=True, words=words[1]),
            have_words=words[0] is not None,
        )
        yield from attend(sources, targets, names)
        done += len(batch)


def projections_for(model: PreTrainedModel, measure: str) -> dict[int, torch.Tensor] | None:
    """Find what a measure needs beside weights: for norms, `output_projections`."""
    return output_projections(model) if measure == "norms" else None


def attend_batch(
    model: PreTrainedModel,
    sources: Sequence[TokenizedText],
    targets: Sequence[TokenizedText],
    names: Sequence[str],
    projections: Mapping[int, torch.Tensor] | None = None,
) -> Iterator[CrossAttention]:
    """Read the cross-attention of one batch of pairs; `projections` of `output_projections` are for norms."""
    forward = teacher_forced_pass(
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
        yield cross_attention(names[i], weights[i], products, source, target)


def cross_attention(
    name: str,
    weights: np.ndarray,
    products: list | None,
    source: TokenizedText,
    target: TokenizedText,
    numbers: tuple[Sequence[int], Sequence[int]] | None = None,
) -> CrossAttention:
    """Cut the padding off one sentence of a batch. Arguments are attributes of `CrossAttention`, and the two texts."""
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
        numbers=numbers,
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
    """Words of the "source" or "target" side of pairs, for `tokenize_with_words`."""
    words = [getattr(pair, f"{side}_words") for pair in pairs]
    return None if words[0] is None else words


def output_projections(model: PreTrainedModel) -> dict[int, torch.Tensor]:
    """Find the weight (D,H*K) of the output projection of cross-attention in each layer.

    Raises:
        UserError: the model has no cross-attention with an output projection of a known name.
    """
    found = {}
    for module, there in attention_modules(model).items():
        names = [name for name in OUTPUT_PROJECTIONS if isinstance(getattr(module, name, None), nn.Module)]
        layer = dict(there).get("cross")
        if layer is not None and names:
            found[layer] = getattr(module, names[0]).weight.detach()
    if not found:
        raise UserError(
            f"norms: {type(model).__name__} has no output projection called {', '.join(OUTPUT_PROJECTIONS)}"
        )
    return found


def head_products(value: torch.Tensor, projection: torch.Tensor) -> torch.Tensor:
    """Dot products of what each two heads carry from a key: (H,S,K), (D,H*K) -> (S,H,H).

    The length of any weighted sum over heads follows from them, without a vector of size D for every query and key.
    """
    heads, _, size = value.shape
    per_head = projection.unflatten(1, (heads, size)).to(value.dtype)
    carried = torch.einsum("hsk,dhk->shd", value, per_head)  # f_h(x_j)
    return carried @ carried.mT  # (S,H,D) @ (S,D,H) -> (S,H,H)


def norms(weights: np.ndarray, products: np.ndarray) -> np.ndarray:
    """||Σ_h α_h f_h(x)|| of the heads given, together: (H,T,S), (S,H,H) -> (T,S)."""
    squared = np.einsum("hts,shg,gts->ts", weights, products, weights)
    return np.sqrt(np.maximum(squared, 0))  # rounding may leave a zero below zero
