"""What a user asks of an export, and what it then looks like on disk: Arrow IPC shards beside one `metadata.json`.

A shard `maps-00000.arrow` holds one row per sentence pair, nothing padded. What is kept of a map (L,H,T,S) lies flat,
in C order, in one or more columns beside `PLACE_shape`, the four sizes:

- weights: `PLACE` (L,H,T,S) float16;
- top-k: `PLACE` (L,H,T,k) float16, the largest weights of each row in falling order, `PLACE_keys` uint16, where they
  stand in the row, and `PLACE_rest` (L,H,T) float16, the mass of all others; k is S in shorter rows;
- qk: `PLACE_query` (L,H,T,K) and `PLACE_key` (L,G,S,K) float32, from which the weights are rebuilt.

Shapes: L layers, H heads, G key heads (fewer than H for grouped queries), T queries, S keys, K head_dim.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from ..attention.places import PLACES, check_places, rows_and_columns
from ..attention.words import check_special
from ..errors import UserError

FORMAT = "hf_attn_model.maps"
VERSION = 2
METADATA = "metadata.json"
CONVENTIONS = {
    "weights": "attention weights after the softmax and before dropout; rows are queries, columns are keys",
    "encoder": "rows and columns are source_tokens",
    "decoder": "row i writes target_tokens[i]; column 0 is the start mark, column j is target_tokens[j - 1]",
    "cross": "row i writes target_tokens[i]; columns are source_tokens",
    "word_of_token": "index into the words, null for a token outside all words",
}

WORD = pa.struct({"text": pa.string(), "start": pa.int32(), "end": pa.int32()})
TEXTS = {
    "id": pa.string(),
    "source": pa.string(),
    "target": pa.string(),
    "source_tokens": pa.list_(pa.string()),
    "target_tokens": pa.list_(pa.string()),
    "source_words": pa.list_(WORD),
    "target_words": pa.list_(WORD),
    "source_word_of_token": pa.list_(pa.int32()),
    "target_word_of_token": pa.list_(pa.int32()),
}
SHAPE = pa.list_(pa.int32(), 4)


@dataclass(frozen=True)
class PlaceLayout:
    """What is stored of one place: the numbers of its layers and heads in the model, and how scores are made."""

    layers: tuple[int, ...]
    heads: tuple[int, ...]
    key_heads: int
    head_dim: int
    scaling: float


@dataclass(frozen=True)
class Layout:
    """What is stored of every sentence: `keep` is "weights", "qk" or "top-4" (or another number)."""

    keep: str
    places: Mapping[str, PlaceLayout]

    @property
    def top(self) -> int:
        """How many weights of a row are kept, under "top-k"."""
        return number_kept(self.keep)

    @property
    def dtype(self) -> str:
        """The type of the numbers kept."""
        return "float32" if self.keep == "qk" else "float16"

    def columns(self, place: str, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Name the columns which a map of this shape (L,H,T,S) lies in, with the shape of what lies there."""
        layers, heads, rows, columns = shape
        if self.keep == "weights":
            return {place: shape}
        if self.keep == "qk":
            stored = self.places[place]
            query = (layers, heads, rows, stored.head_dim)
            return {f"{place}_query": query, f"{place}_key": (layers, stored.key_heads, columns, stored.head_dim)}
        strongest = (layers, heads, rows, min(self.top, columns))
        return {place: strongest, f"{place}_keys": strongest, f"{place}_rest": (layers, heads, rows)}

    def shape(self, place: str, source: int, target: int) -> tuple[int, int, int, int]:
        """Return the shape (L,H,T,S) of a map, for a sentence of so many tokens."""
        stored = self.places[place]
        return len(stored.layers), len(stored.heads), *rows_and_columns(place, source, target)

    @property
    def schema(self) -> pa.Schema:
        """The columns of a shard."""
        fields = dict(TEXTS)
        for place in self.places:
            for column in self.columns(place, (0, 0, 0, 0)):
                fields[column] = pa.large_list(_number_type(column, self.dtype))
            fields[f"{place}_shape"] = SHAPE
        return pa.schema(fields)

    def bytes_of(self, source: int, target: int) -> int:
        """Count the bytes of the maps of a sentence of so many tokens."""
        count = 0
        for place in self.places:
            for column, (*sizes,) in self.columns(place, self.shape(place, source, target)).items():
                values = 1
                for size in sizes:
                    values *= size
                count += values * _number_type(column, self.dtype).bit_width // 8
        return count

    def to_json(self) -> dict[str, Any]:
        """Describe the layout for `metadata.json`."""
        return {
            "keep": self.keep,
            "dtype": self.dtype,
            "places": {place: asdict(stored) for place, stored in self.places.items()},
        }

    @classmethod
    def from_json(cls, metadata: Mapping[str, Any]) -> "Layout":
        """Read what `to_json` wrote."""
        places = {
            place: PlaceLayout(
                tuple(facts["layers"]), tuple(facts["heads"]), facts["key_heads"], facts["head_dim"], facts["scaling"]
            )
            for place, facts in metadata["places"].items()
        }
        return cls(metadata["keep"], places)


def number_kept(keep: str) -> int:
    """Read the number in "top-4". Raises `UserError` for anything else."""
    match = re.fullmatch(r"top-([1-9]\d*)", keep)
    if match is None:
        raise UserError(f"cannot keep {keep}: choose weights, qk, or top-4 (or another number) of each row")
    return int(match[1])


def shard_name(number: int, suffix: str = ".arrow") -> str:
    """Name a shard: `maps-00000.arrow`, or `data/maps-00000.parquet`."""
    return ("data/" if suffix == ".parquet" else "") + f"maps-{number:05d}{suffix}"


def _number_type(column: str, dtype: str) -> pa.DataType:
    if column.endswith("_keys"):
        return pa.uint16()
    return pa.float32() if dtype == "float32" else pa.float16()


SHARD_BYTES = 128 * 2**20
MAX_TOKENS = 4096


@dataclass(frozen=True)
class Settings:
    """The choices of `export_attention`, which describes them; an export is taken up with the same ones only.

    Raises:
        UserError: there is no such choice.
    """

    places: Sequence[str] = PLACES
    layers: Sequence[int] | None = None
    heads: Sequence[int] | None = None
    keep: str | None = None
    special: str = "keep"
    to: str = "arrow"
    num_beams: int = 5
    max_tokens: int = MAX_TOKENS
    shard_bytes: int = SHARD_BYTES
    engine: str = "transformers"

    def __post_init__(self):
        check_places(tuple(self.places))
        if self.keep not in (None, "weights", "qk"):
            number_kept(self.keep)
        check_special(self.special)
        if self.to not in ("arrow", "parquet"):
            raise UserError(f"cannot export to {self.to}: choose arrow or parquet")

    def to_json(self) -> dict[str, Any]:
        """Return the choices as JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
