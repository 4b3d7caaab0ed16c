"""The three places of attention, and the heads in them: how they are called and typed.

A map has a row per query and a column per key. There are three places: `encoder` (self-attention of the source),
`decoder` (self-attention of the target), `cross` (attention of the target to the source).
"""

from typing import NamedTuple, TypeVar

from ..errors import UserError

PLACES = ("encoder", "decoder", "cross")

LayerHead = tuple[int, int]
"""A layer and a head of one place, counted from 0."""

Item = TypeVar("Item")


class Head(NamedTuple):
    """A head of a model: its place, its layer and its number there, counted from 0."""

    place: str
    layer: int
    head: int

    def __str__(self) -> str:
        return f"{self.place}:{self.layer}:{self.head}"


def check_place(place: str) -> None:
    """Raise `UserError` for a place that there is not."""
    if place not in PLACES:
        raise UserError(f"no place is called {place!r}; choose from {', '.join(PLACES)}")


def check_places(places: tuple[str, ...]) -> None:
    """Raise `UserError` for no place at all, or one that there is not."""
    if not places:
        raise UserError(f"no place is chosen; choose from {', '.join(PLACES)}")
    for place in places:
        check_place(place)


def rows_and_columns(place: str, source: Item, target: Item) -> tuple[Item, Item]:
    """Choose whose tokens are the rows and whose are the columns of a place: "cross" -> (target, source)."""
    return {"encoder": (source, source), "decoder": (target, target), "cross": (target, source)}[place]


def parse_heads(text: str) -> list[Head]:
    """Read heads as they are typed: "cross:2:1,encoder:0:3".

    Raises:
        UserError: it cannot be read so.
    """
    heads = []
    for part in text.split(","):
        place, *numbers = part.strip().split(":")
        if place not in PLACES or len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
            raise UserError(f"--heads {text}: write PLACE:LAYER:HEAD, as in cross:2:1,encoder:0:3")
        heads.append(Head(place, *map(int, numbers)))
    return heads


def parse_layer_heads(text: str) -> tuple[tuple[int, int | None], ...]:
    """Read heads of one place as they are typed: "2:1,2:3", or "2" for all heads of a layer.

    Raises:
        UserError: it cannot be read so.
    """
    chosen: list[tuple[int, int | None]] = []
    for part in text.split(","):
        layer, colon, head = part.strip().partition(":")
        if not layer.isdecimal() or bool(colon) != head.isdecimal():
            raise UserError(f"--heads {text}: write LAYER:HEAD, as in 2:1,2:3, or LAYER for all of its heads")
        chosen.append((int(layer), int(head) if colon else None))
    return tuple(chosen)
