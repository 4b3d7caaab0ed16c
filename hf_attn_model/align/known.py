"""What is known of single heads of cross-attention: `hf-attn heads` writes it beside a model, and pages show it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan

from ..errors import UserError
from .reading import find_reading
from .roles import HeadProfile

PROFILES = "profiles"  # where `alignment.json` keeps them


@dataclass(frozen=True)
class KnownHead:
    """A head of cross-attention.

    Attributes:
        layer, head: their numbers in the model.
        role: see `align.roles.HeadProfile`.
        aer: its alignment error rate at its better step, from 0 to 1.
        step: that step, "output" or "input".
    """

    layer: int
    head: int
    role: str
    aer: float
    step: str


def known_heads(profiles: Iterable[HeadProfile]) -> list[KnownHead]:
    """Take single heads from their profiles, each at its better step."""
    best: dict[tuple[int, int], KnownHead] = {}
    for profile in profiles:
        if profile.layer is None or profile.head is None:
            continue
        name, error = (profile.layer, profile.head), float(profile.counts.error_rate)
        if not isnan(error) and (name not in best or error < best[name].aer):
            best[name] = KnownHead(*name, profile.role, round(error, 4), profile.step)
    return list(best.values())


def read_known_heads(model: str, revision: str | None = None) -> list[KnownHead]:
    """Read what `hf-attn heads` wrote beside a model, in a folder or on the Hub; nothing where it did not run.

    Raises:
        UserError: the file cannot be understood.
    """
    path = find_reading(model, revision)
    if path is None:
        return []
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return [KnownHead(**facts) for facts in known.get(PROFILES, [])]
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error!r}); write it again with hf-attn heads") from error
