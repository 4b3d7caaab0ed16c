"""A corpus -> the links of every sentence pair, from a model or from an export of its attention, or from two of them.

A model and an export of it answer alike: `config`, and `attend(...)`.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import tee

import numpy as np

from ..attention.fitting import tokenize_fitting
from ..checkpoint import AlignmentConfig, Checkpoint
from ..engines.choice import open_translator
from ..errors import UserError
from ..export.store import Maps, open_maps
from ..text.tally import Tally
from ..text.too_long import OnLong
from .cross_attention import Attend, CrossAttention, cross_attention_of, read_cross_attention
from .formats import LinkedPair
from .links import symmetrise, to_pairs
from .pairs import GoldPair, Pair


class LiveModel:
    """Attends to any pairs.

    Args:
        checkpoint: the model.
        attend: see `read_cross_attention`.
    """

    def __init__(self, checkpoint: Checkpoint, attend: Attend | None = None):
        self.checkpoint, self.attend_batch = checkpoint, attend

    @property
    def config(self) -> AlignmentConfig | None:
        """How links are read, as chosen for the model; `None` where nothing was."""
        return self.checkpoint.alignment

    def attend(
        self, pairs: Iterable[Pair], measure: str, on_long: OnLong = "error", tally: Tally | None = None
    ) -> Iterator[CrossAttention]:
        """Read the cross-attention of pairs; see `read_cross_attention`."""
        model, tokenizer = self.checkpoint.model, self.checkpoint.tokenizer
        return read_cross_attention(
            model, tokenizer, pairs, measure, on_long=on_long, tally=tally, attend=self.attend_batch
        )

    def fitting(self, gold: Sequence[GoldPair], on_long: OnLong, tally: Tally | None = None) -> list[GoldPair]:
        """Leave out the pairs that are too long for the model.

        Args:
            gold: with their words.
            on_long: "skip" or "error"; half a sentence has not the links that annotators gave it.
            tally: counts those that are left out.

        Raises:
            UserError: one is too long, with `on_long="error"`.
        """
        places = [pair.place or f"pair {number}" for number, pair in enumerate(gold, start=1)]
        model, tokenizer = self.checkpoint.model, self.checkpoint.tokenizer
        fit = partial(tokenize_fitting, model, tokenizer, on_long=on_long, tally=Tally() if tally is None else tally)
        sources = fit([pair.source for pair in gold], places)
        kept = [i for i, side in enumerate(sources) if side is not None]
        targets = fit([gold[i].target for i in kept], [places[i] for i in kept], is_target=True)
        return [gold[i] for i, side in zip(kept, targets, strict=True) if side is not None]


class Export:
    """Has attended to its own pairs."""

    def __init__(self, maps: Maps):
        self.maps = maps

    @property
    def config(self) -> AlignmentConfig | None:
        """How links are read, as chosen for the model whose attention this is, while that model is in its folder."""
        checkpoint = Checkpoint(str(self.maps.metadata.get("model", "")))
        return checkpoint.alignment if checkpoint.is_local else None

    def attend(self, pairs: Iterable[Pair] | None, measure: str) -> Iterator[CrossAttention]:
        """Give the cross-attention of its pairs, in order.

        Args:
            pairs: what they must be, if given.
            measure: "weights".

        Raises:
            UserError: they are others, or fewer, or more; or norms are asked for.
        """
        if measure != "weights":
            raise UserError(f"{self.maps.folder} is an export of attention weights: {measure} need the model itself")
        if pairs is None:
            yield from map(cross_attention_of, self.maps)
            return
        expected = iter(pairs)
        for number, record in enumerate(self.maps):
            pair = next(expected, None)
            if pair is None or (pair.source, pair.target) != (record.source, record.target):
                raise UserError(f"{self.maps.folder}: sentence {number} is not the pair of the other direction")
            yield cross_attention_of(record)
        if next(expected, None) is not None:
            raise UserError(f"{self.maps.folder} ends after {len(self.maps)} sentences, the other direction goes on")


def open_origin(name: str) -> LiveModel | Export:
    """Open the folder of an export, or load a model from a folder or the Hub.

    Raises:
        UserError: neither is there.
    """
    checkpoint = open_translator(name)
    if checkpoint.folder is not None and checkpoint.find("config.json") is None:
        return Export(open_maps(name))
    return LiveModel(checkpoint)


def align(
    origin: str | Checkpoint | Maps,
    pairs: Iterable[Pair | tuple[str, str]] | None = None,
    config: AlignmentConfig | None = None,
) -> Iterator[LinkedPair]:
    """Align the words of sentence pairs by the cross-attention of a translator.

        for pair in align("textbook", [("The ball is blue", "La bola es azul")]):
            print(pair.source, pair.target, pair.links)

    Args:
        origin: a model by name or as a `Checkpoint`, or the `Maps` of an export.
        pairs: sources and targets; an export has its own, and takes none.
        config: how links are read; as `hf-attn heads` chose for the model unless given, or else by all heads.

    Raises:
        UserError: there is no such model, it is given no pairs or an export some, or `config` names what is not there.
    """
    source = Export(origin) if isinstance(origin, Maps) else LiveModel(_checkpoint(origin))
    config = config or source.config or AlignmentConfig()
    if isinstance(source, LiveModel):
        if pairs is None:
            raise UserError(f"{source.checkpoint} is a model: give it pairs to align")
        given = (pair if isinstance(pair, Pair) else Pair(*pair) for pair in pairs)
        return align_pairs(source.attend(given, config.measure), config)
    if pairs is not None:
        raise UserError(f"{source.maps.folder} is an export, which has its own sentences: give it no pairs")
    return align_pairs(source.attend(None, config.measure), config)


def _checkpoint(origin: str | Checkpoint) -> Checkpoint:
    return origin if isinstance(origin, Checkpoint) else Checkpoint(origin)


def align_pairs(attentions: Iterable[CrossAttention], config: AlignmentConfig) -> Iterator[LinkedPair]:
    """Link the words of every pair."""
    return (_linked(attention, attention.links(config)) for attention in attentions)


def align_both_ways(
    forward: Iterable[CrossAttention],
    config: AlignmentConfig,
    reverse: LiveModel | Export,
    reverse_config: AlignmentConfig,
    method: str,
) -> Iterator[LinkedPair]:
    """Link the words of every pair in both directions, and unite the links.

    Args:
        forward: cross-attention of the pairs to align.
        config: how links are read off it.
        reverse: of the other direction.
        reverse_config: how they are read off that.
        method: see `symmetrise`.

    Raises:
        UserError: the reverse is of other sentences, or has cut them into other words.
    """
    forward, again = tee(forward)  # batch by batch: no more than one waits
    turned = (Pair(one.target, one.source, one.target_words, one.source_words) for one in again)
    backward = reverse.attend(turned, reverse_config.measure)
    for one, other in zip(forward, backward, strict=True):
        if (one.source_words, one.target_words) != (other.target_words, other.source_words):
            raise UserError(f"sentence {one.id}: the two directions have other words; give the models, not exports")
        yield _linked(one, symmetrise(one.links(config), other.links(reverse_config).T, method))


def _linked(attention: CrossAttention, links: np.ndarray) -> LinkedPair:
    return LinkedPair(attention.id, attention.source_words, attention.target_words, to_pairs(links))
