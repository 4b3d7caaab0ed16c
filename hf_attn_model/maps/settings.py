"""What a user asks of an export."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import UserError
from .schema import number_kept
from .sentence import PLACES
from .words import check_special

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

    def __post_init__(self):
        if not self.places or not set(self.places) <= set(PLACES):
            raise UserError(f"places={tuple(self.places)}: choose from {', '.join(PLACES)}")
        if self.keep not in (None, "weights", "qk"):
            number_kept(self.keep)
        check_special(self.special)
        if self.to not in ("arrow", "parquet"):
            raise UserError(f"to={self.to!r}: choose arrow or parquet")

    def to_json(self) -> dict[str, Any]:
        """Return the choices as JSON values."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
