"""The record of a conversion: `conversion.json` beside a model says what it was made of, for which program."""

from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import read_json

CONVERSION_FILE = "conversion.json"  # beside a converted model: what it was made of, and how that was checked


def conversion_for(folder: Path, engine: str) -> dict[str, Any] | None:
    """Read what a folder says of its conversion for another program; `None` where it is none for that.

    Raises:
        UserError: it is damaged.
    """
    path = folder / CONVERSION_FILE
    facts = read_json(path, "; convert the model again") if path.is_file() else {}
    to = facts.get("to")
    return facts if isinstance(to, dict) and to.get("engine") == engine else None


def check_loadable(folder: Path) -> None:
    """Raise `UserError` for a folder that was converted for CTranslate2: transformers cannot read its weights."""
    if (facts := conversion_for(folder, "ctranslate2")) is not None:
        origin = facts.get("from")
        name = origin.get("name") if isinstance(origin, dict) else None
        raise UserError(
            f"{folder} is for CTranslate2: hf-attn translate, evaluate and align run it, "
            f"and all else needs the model that it was made of, {name or 'which it does not name'}"
        )
