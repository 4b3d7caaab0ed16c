"""Records that lie beside a model, as they must look to be used; one that does not is damaged, and named."""

from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import read_json

NUMBER, NUMBER_OR_NONE, TEXT = (int, float), (int, float, type(None)), str
SESSION = {
    "command": TEXT,
    "code": (dict, type(None)),
    "versions": dict,
    "hardware": TEXT,
    "kernels": TEXT,
    "first_step": NUMBER,
    "seconds": NUMBER,
    "tokens": NUMBER,
}
MANIFEST = {
    "finished": bool,
    "seed": NUMBER,
    "data": dict,
    "parameters": NUMBER,
    "sessions": [SESSION],
    **dict.fromkeys(("steps", "epochs", "seconds", "tokens", "tokens_per_second"), NUMBER),
    "best_dev_loss": NUMBER_OR_NONE,
}
SPLIT = {"pairs": NUMBER, "sha256": TEXT}
CODE = {"commit": TEXT, "changed": bool}
EVALUATION = {
    "command": TEXT,
    **dict.fromkeys(("bleu", "chrf", "exact_match", "sentences", "num_beams"), NUMBER),
    **dict.fromkeys(("bleu_signature", "chrf_signature"), TEXT),
}
TOKENIZED = {"tokenized_bleu": NUMBER, "tokenized_bleu_signature": TEXT}  # which evaluations of before have not
OF_CORPORA = "corpora"  # in an evaluation of several: the scores of each, by its name
CONFIG = {"model_type": TEXT}


def read_record(path: Path, shape: dict[str, Any], advice: str = "") -> dict[str, Any]:
    """Read a record; empty where there is none.

    Args:
        path: the file, a JSON object.
        shape: for each key that it must have, the types of its value, a shape, or a list with the shape of each item.
        advice: ends the message of an error.

    Raises:
        UserError: it is damaged.
    """
    if not path.is_file():
        return {}
    record = read_json(path, advice)
    check_record(path, record, shape, advice)
    return record


def check_record(path: Path, record: Any, shape: Any, advice: str = "", name: str = "it") -> None:
    """Raise `UserError` for a record, or the part of it that is called `name`, which has another shape."""
    if isinstance(shape, dict):
        fits = isinstance(record, dict)
    elif isinstance(shape, list):
        fits = isinstance(record, list) and len(record) > 0
    else:
        fits = isinstance(record, shape) and not (isinstance(record, int) and abs(record) >= 2**63)
    if not fits:
        raise UserError(f"{path} is damaged: {name} is not what stands there{advice}")
    if isinstance(shape, dict):
        for key, below in shape.items():
            if key not in record:
                raise UserError(f"{path} is damaged: {name} has no {key}{advice}")
            check_record(path, record[key], below, advice, key)
    elif isinstance(shape, list):
        for each in record:
            check_record(path, each, shape[0], advice, name)
