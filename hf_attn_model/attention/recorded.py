"""What a recorder hands back: forwards -> sentences -> places -> layers and heads, without padding.

Shapes: B batch, L layers, H heads, T queries, S keys. Only what the model was given is kept (query, key,
value and mask); every other step is rebuilt when it is asked for, and only for the sentence, layer and head
that were asked.
"""

from dataclasses import dataclass, field

import torch

from ..errors import UserError
from .places import rows_and_columns
from .steps import AttentionCall, AttentionSteps, GivenWeights


@dataclass(eq=False, repr=False)
class RecordedForward:
    """One forward pass of the model, or of its encoder or decoder alone.

    Attributes:
        calls: by place and layer, in the order of the model; weights where a model gives those alone.
        source_mask: (B,S) bool, True for tokens, or `None` where the model masked no padding.
        target_mask: (B,T) bool, likewise.
    """

    calls: dict[tuple[str, int], AttentionCall | GivenWeights] = field(default_factory=dict)
    source_mask: torch.Tensor | None = None
    target_mask: torch.Tensor | None = None

    def __len__(self) -> int:
        """Return the number of sentences."""
        return next(iter(self.calls.values())).shape[0] if self.calls else 0

    def __repr__(self) -> str:
        places = dict.fromkeys(place for place, _ in self.calls)
        there = ", ".join(f"{place} layers {self.layers(place)}" for place in places) or "nothing"
        return f"RecordedForward({len(self)} sentences: {there})"

    def layers(self, place: str) -> list[int]:
        """List the layers of a place that were recorded."""
        return [layer for where, layer in self.calls if where == place]

    def tells_vectors(self, place: str) -> bool:
        """Tell whether the weights of a place follow from queries, keys and what is added to their products."""
        calls = [self.calls[place, layer] for layer in self.layers(place)]
        plain = (isinstance(c, AttentionCall) and c.softcap is None and c.elsewhere is None for c in calls)
        return bool(calls) and all(plain)

    def weights(self, place: str) -> torch.Tensor:
        """Rebuild the weights of a place for the whole batch, (B,L,H,T,S), padding included.

        Raises `UserError` where the layers differ in their heads or keys.
        """
        return _stack([self.calls[place, layer].attention_weights() for layer in self.layers(place)], place, dim=1)

    def __getitem__(self, sentence: int) -> "RecordedSentence":
        """Return one sentence of the batch. Raises `IndexError` outside `-len(self) ... len(self) - 1`."""
        if not -len(self) <= sentence < len(self):
            raise IndexError(f"sentence {sentence} of a forward pass over {len(self)} sentences")
        return RecordedSentence(self, sentence % len(self))


@dataclass(frozen=True, eq=False)
class RecordedSentence:
    """The attention of one sentence: `sentence.cross[layer, head].attention_weights` and so on."""

    forward: RecordedForward
    index: int

    @property
    def encoder(self) -> "RecordedPlace":
        """Self-attention of the source."""
        return RecordedPlace(self, "encoder")

    @property
    def decoder(self) -> "RecordedPlace":
        """Self-attention of the target."""
        return RecordedPlace(self, "decoder")

    @property
    def cross(self) -> "RecordedPlace":
        """Attention of the target (rows) to the source (columns)."""
        return RecordedPlace(self, "cross")


@dataclass(frozen=True, eq=False)
class RecordedPlace:
    """The attention of one sentence in one place; index it with `[layer]` or `[layer, head]`."""

    sentence: RecordedSentence
    place: str

    @property
    def layers(self) -> list[int]:
        """The layers that were recorded."""
        return self.sentence.forward.layers(self.place)

    def __getitem__(self, key: int | tuple[int, int]) -> AttentionSteps:
        """Rebuild the steps of a layer, (H,..) each, or of one head in it.

        Raises `IndexError` for a layer and for a head that was not recorded.
        """
        layer, head = key if isinstance(key, tuple) else (key, None)
        call = self.sentence.forward.calls.get((self.place, layer))
        if call is None:
            raise IndexError(f"{self.place} layer {layer} was not recorded; there are {self.layers}")
        if head is not None and head not in call.heads:
            raise IndexError(f"{self.place} layer {layer}: head {head} was not recorded; there are {list(call.heads)}")
        return call.of_sentence(self.sentence.index, *self._tokens(call), head)

    @property
    def attention_weights(self) -> torch.Tensor:
        """The weights of all layers and heads, (L,H,T,S): each row sums to 1.

        Raises `UserError` where the layers differ in their heads or keys.
        """
        return _stack([self[layer].attention_weights for layer in self.layers], self.place, dim=0)

    def _tokens(self, call: AttentionCall | GivenWeights) -> tuple[torch.Tensor, torch.Tensor]:
        """Tell tokens from padding: rows (T,) and columns (S,), bool."""
        source, target = self.sentence.forward.source_mask, self.sentence.forward.target_mask
        rows, columns = rows_and_columns(self.place, source, target)
        return self._keep(rows, call.shape[2]), self._keep(columns, call.shape[3])

    def _keep(self, mask: torch.Tensor | None, length: int) -> torch.Tensor:
        """Fit the sentence's mask to the last `length` positions; cached ones before it are tokens."""
        keep = torch.ones(length, dtype=torch.bool)
        if mask is not None:
            known = mask[self.sentence.index, -length:].cpu()
            keep[length - len(known) :] = known
        return keep


def _stack(weights: list[torch.Tensor], place: str, dim: int) -> torch.Tensor:
    shapes = {tuple(layer.shape) for layer in weights}
    if len(shapes) > 1:  # a cache of sliding windows holds fewer keys
        raise UserError(
            f"the {place} layers have maps of different shapes: take them layer by layer, record[0].decoder[layer]"
        )
    return torch.stack(weights, dim=dim)


class AttentionRecord:
    """Everything recorded in one `record_attention` context.

    `record[i]` is sentence i when there was one forward pass; with several (generation steps, batches) choose
    one of `record.forwards` first.
    """

    def __init__(self):
        self.forwards: list[RecordedForward] = []

    def __len__(self) -> int:
        """Return the number of sentences of the only forward pass."""
        return len(self._only_forward())

    def __getitem__(self, sentence: int) -> RecordedSentence:
        """Return a sentence of the only forward pass. Raises `LookupError` when there is not exactly one."""
        return self._only_forward()[sentence]

    def __repr__(self) -> str:
        return f"AttentionRecord({len(self.forwards)} forward passes: {', '.join(map(repr, self.forwards[:3]))}" + (
            ", ...)" if len(self.forwards) > 3 else ")"
        )

    def _only_forward(self) -> RecordedForward:
        if len(self.forwards) != 1:
            raise LookupError(f"{len(self.forwards)} forward passes were recorded; choose from record.forwards")
        return self.forwards[0]
