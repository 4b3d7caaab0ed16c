"""What an export is to be: settled before its first shard, written beside the shards, and kept to ever after."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.teacher_forcing import teacher_forced_pass
from ..errors import UserError
from ..files import UNFINISHED
from ..text.too_long import OnLong
from ..translation.engine import Engine
from .arrow_rows import check_rebuildable, find_places, largest_error
from .folder import Folder
from .metadata import NOTE, finished_shards, from_bytes, read_metadata, to_bytes
from .passes import Row, cut, read_rows
from .schema import CONVENTIONS, FORMAT, METADATA, VERSION, Layout, Settings

MOST_PER_SHARD = 65_536  # sentences
TEXT_BYTES = 40  # about what a token, its word and its letters take beside the maps
SECONDS_TO_WAIT = 3600.0
OF_BEFORE = {"engine": "transformers"}  # what exports were made with whose settings do not say it


def open_or_create(
    folder: Folder,
    settings: Mapping[str, Any],
    plan: Callable[[], dict[str, Any]],
    *,
    rank: int = 0,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Take up the export that lies in the folder, or begin one.

    Args:
        folder: where to.
        settings: JSON values that an export which is taken up must have been begun with.
        look: finds out the rest of the metadata, from the first sentences.
        rank: only process 0 begins an export; the others wait for it.
        overwrite: remove the files of an earlier export first.

    Returns:
        what `metadata.json` says.

    Raises:
        UserError: the folder is not writable, holds something else, or an export with other settings.
    """
    folder.make()
    if overwrite:
        clear(folder)
    metadata = read_metadata(folder)
    if metadata is None and rank > 0:
        metadata = _wait_for_metadata(folder)
    if metadata is None:
        if others := [name for name in folder.names() if not name.endswith(UNFINISHED)]:
            raise UserError(f"{folder} holds {others[0]}, which is no export's: choose another folder")
        head = {"format": FORMAT, "version": VERSION, "finished": False, "corpus": settings.get("corpus")}
        tail = {"conventions": CONVENTIONS, "settings": settings, "sentences": 0, "shards": []}
        content = to_bytes({**head, **plan(), **tail})
        folder.write(METADATA, content)
        return from_bytes(content)
    for name, now in json.loads(json.dumps(settings)).items():
        begun = metadata["settings"].get(name, OF_BEFORE.get(name))
        if begun != now:
            raise UserError(f"{folder} was begun with {name} {begun}, now it is {now}: choose another folder")
    return metadata


def engine_begun_with(folder: Folder) -> str | None:
    """Tell what translates in an export that can be taken up; `None` where there is none."""
    metadata = read_metadata(folder)
    return None if metadata is None else metadata["settings"].get("engine", OF_BEFORE["engine"])


def plan_layout(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Sequence[Row],
    settings: Settings,
    on_long: OnLong = "error",
    engine: Engine | None = None,
) -> dict[str, Any]:
    """Find out from the first sentences what to keep, what it costs, and how many sentences make a shard.

    Raises:
        UserError: there is no such layer or head, or queries and keys do not suffice (for `keep="qk"`).
    """
    sources, targets, _ = read_rows(model, tokenizer, rows, settings.num_beams, on_long, engine=engine)
    lengths = [len(side.ids) for side in sources], [len(side.ids) for side in targets]
    batch = next(batch for batch in cut(*lengths, settings.max_tokens) if 0 in batch)
    forward = teacher_forced_pass(
        model,
        [sources[i] for i in batch],
        [targets[i] for i in batch],
        names=[rows[i].id for i in batch],
        places=settings.places,
        layers=settings.layers,
        heads=settings.heads,
    )
    keep, found = settings.keep, find_places(forward)
    sizes = {}
    for kept in ("weights", "qk", keep):
        if kept is not None:
            sizes[kept] = _bytes_per_sentence(Layout(kept, found), *lengths)
    if keep in (None, "qk"):
        try:
            check_rebuildable(forward, model)
        except UserError:
            if keep == "qk":
                raise
            del sizes["qk"]
    layout = Layout(keep or min(sizes, key=sizes.__getitem__), found)
    text = TEXT_BYTES * (sum(lengths[0]) + sum(lengths[1])) / len(rows)
    per_shard = int(settings.shard_bytes / (sizes[layout.keep] + text))
    return {
        "model": model.name_or_path,
        "model_type": model.config.model_type,
        **layout.to_json(),
        **({"dtype": "float32"} if settings.to == "parquet" else {}),
        "largest_error": largest_error(
            forward, ([lengths[0][i] for i in batch], [lengths[1][i] for i in batch]), layout
        ),
        "bytes_per_sentence": {"looked_at": len(rows), **sizes},
        "sentences_per_shard": min(max(per_shard, 1), MOST_PER_SHARD),
    }


def finalize(folder: Folder, metadata: dict[str, Any], files: Sequence[str]) -> dict[str, Any] | None:
    """Write the metadata of a finished export, once all its shards are there.

    Any of several processes may come last: each one tries.

    Returns:
        the finished metadata, or `None` while shards are missing.

    Raises:
        UserError: there are shards beyond the end of the corpus.
    """
    shards = finished_shards(folder, metadata)
    if beyond := [shard.file for shard in shards if shard.file not in files]:
        raise UserError(f"{folder} holds {beyond[0]}, beyond the end of the corpus: choose another folder")
    if len(shards) < len(files):
        now = read_metadata(folder)  # another process may have come last and removed the notes
        return now if now is not None and now["finished"] else None
    finished = {
        **metadata,
        "finished": True,
        "sentences": sum(shard.sentences for shard in shards),
        "shards": [shard.to_json() for shard in shards],
    }
    if finished != metadata:
        folder.write(METADATA, to_bytes(finished))
    for name in folder.names():
        if NOTE.fullmatch(name):
            folder.remove(name)
    return finished


def clear(folder: Folder) -> None:
    """Remove the files of an export. Raises `UserError` if the folder holds others."""
    names = folder.names()
    own = ("metadata.json", "maps-", "data/maps-")
    if strangers := [name for name in names if not name.startswith(own)]:
        raise UserError(f"{folder} holds {strangers[0]}, which is no export's; choose another folder")
    for name in sorted(names, key=lambda name: name != METADATA):  # first what makes the old export look whole
        folder.remove(name)


def digest_of_model(model: PreTrainedModel) -> str:
    """Compute the SHA-256 of all weights: an export is not taken up with another model."""
    sha = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        sha.update(tensor.detach().contiguous().reshape(-1).view(torch.uint8).cpu().numpy())
    return sha.hexdigest()


def _bytes_per_sentence(layout: Layout, sources: Sequence[int], targets: Sequence[int]) -> int:
    sizes = [layout.bytes_of(source, target) for source, target in zip(sources, targets, strict=True)]
    return round(sum(sizes) / len(sizes))


def _wait_for_metadata(folder: Folder) -> dict[str, Any]:
    """Wait until process 0 has begun the export."""
    end = time.monotonic() + SECONDS_TO_WAIT
    while time.monotonic() < end:
        if metadata := read_metadata(folder):
            return metadata
        time.sleep(0.2)
    raise UserError(f"{folder}: process 0 has not begun the export within {SECONDS_TO_WAIT:.0f} seconds")
