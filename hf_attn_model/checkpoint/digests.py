"""Digests in a manifest: whether the weights beside it are those that a training wrote, to the bit."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..files import digest, read_json, reading, write_json

MANIFEST_FILE = "manifest.json"
DIGESTED = (".safetensors", ".pt", ".pth")  # weights, and what a training goes on from
FIELD = "files"  # of a manifest
FACTS = ("bytes", "sha256")  # of each


def file_digests(folder: Path) -> dict[str, dict[str, Any]]:
    """Digest the weights in a folder, and the states of a training: `{name: {"bytes": ..., "sha256": ...}}`."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in DIGESTED and path.is_file():
            with path.open("rb") as file:
                found[path.name] = dict(zip(FACTS, digest(file), strict=True))
    return found


def check_digests(manifest: Path, files: Iterable[Path], advice: str) -> None:
    """Compare files with what the manifest says of them; what it does not name is not judged.

    Args:
        manifest: one of an older version, or of a model of other origin, names no files.
        files: those to compare.
        advice: ends the message, such as "; take the checkpoint from its source again".

    Raises:
        UserError: the manifest is damaged, or the content of a file is another.
    """
    known = read_json(manifest, advice).get(FIELD, {})
    if not isinstance(known, dict) or not all(isinstance(facts, dict) for facts in known.values()):
        raise UserError(f"{manifest} is damaged: {FIELD} does not tell of files{advice}")
    for path in files:
        if path.name not in known:
            continue
        with reading(path, advice), path.open("rb") as file:
            found = dict(zip(FACTS, digest(file), strict=True))
        if found != {fact: known[path.name].get(fact) for fact in FACTS}:
            raise UserError(f"{path} is damaged, or was replaced: {manifest.name} tells of another content{advice}")


def renew_digests(folder: Path) -> None:
    """Bring the digests in a manifest, if it has some, to the files that lie beside it now.

    For who writes a model anew on purpose, with its manifest. Raises `UserError` where the manifest is damaged.
    """
    manifest = folder / MANIFEST_FILE
    content = read_json(manifest) if manifest.is_file() else {}
    if FIELD in content:
        write_json(manifest, content | {FIELD: file_digests(folder)})
