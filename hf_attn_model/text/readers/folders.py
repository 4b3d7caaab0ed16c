"""A folder -> the files of a split, as people and libraries lay them out."""

import re
from collections.abc import Iterator
from pathlib import Path

from ...errors import UserError
from ...files import read_json, reading, within
from .columns import Sides
from .side_by_side import files_beside, sides_beside
from .tatoeba import linked_files

SAVED, SAVED_SPLITS = "state.json", "dataset_dict.json"  # what `save_to_disk` leaves in the folder of a dataset
SHARD = re.compile(r"(?P<split>.+?)-(?P<number>\d{5})-of-(?P<count>\d{5})(-[0-9a-f]+)?")
DATA = "data"  # the folder of shards in a repository of the Hub


def saved_files(folder: Path, split: str) -> list[Path] | None:
    """Find the Arrow files of a split that `save_to_disk` wrote, in order; `None` for another folder.

    Raises:
        UserError: there is no such split, or the folder names files that do not lie in it.
    """
    if (folder / SAVED_SPLITS).is_file():
        splits = read_json(folder / SAVED_SPLITS).get("splits")
        if not isinstance(splits, list) or split not in splits:
            raise UserError(f"{folder}: no split {split!r}; splits there: {', '.join(map(str, splits or ['none']))}")
        folder = within(folder, split)
    elif not (folder / SAVED).is_file():
        return None
    with reading(folder / SAVED):
        names = [str(file["filename"]) for file in read_json(folder / SAVED)["_data_files"]]
    return [within(folder, name) for name in names]


def split_files(folder: Path, split: str, suffixes: "dict[Path, str]", sides: Sides) -> list[Path]:
    """Find the file of a split, or its shards: `train.jsonl`, or `data/train-00000-of-00005.parquet`.

    Args:
        folder: where to look, and in `data` below it.
        split: its name.
        suffixes: of the files there that can be read.
        sides: for the splits that a message lists.

    Raises:
        UserError: it is not there, or twice, or a shard is missing.
    """
    stems = {path: path.name[: -len(suffix)] for path, suffix in suffixes.items()}
    found = {path: SHARD.fullmatch(stem) for path, stem in stems.items()}
    whole = [path for path, stem in stems.items() if stem == split]
    shards = [path for path, shard in found.items() if shard and shard["split"] == split]
    if len(whole) > 1 or (whole and shards):
        names = " and ".join(path.name for path in [*whole, *shards][:2])
        raise UserError(f"{folder}: split {split!r} is in {names}: name the file")
    if shards:
        _check_shards(folder, split, [shard for shard in found.values() if shard and shard["split"] == split])
    if not whole and not shards:
        names = [shard["split"] if (shard := found[path]) else stem for path, stem in stems.items()]
        there = ", ".join(dict.fromkeys([*names, *_pairs_of_files(folder, sides)]))
        expected = f"none, expected files such as {split}.jsonl, {split}.en and {split}.es, or {split}.parquet"
        raise UserError(f"{folder}: no split {split!r}; splits there: {there or expected}")
    return whole or shards


def _check_shards(folder: Path, split: str, shards: list[re.Match[str]]) -> None:
    numbers = sorted(int(shard["number"]) for shard in shards)
    count = int(shards[0]["count"])
    if len(numbers) != len(set(numbers)) or {shard["count"] for shard in shards} != {shards[0]["count"]}:
        raise UserError(f"{folder}: the shards of split {split!r} are of two data sets: name a file")
    if missing := sorted(set(range(count)) - set(numbers)):
        raise UserError(f"{folder}: split {split!r} lacks shard {missing[0]} of {count}: fetch it again")


def _pairs_of_files(folder: Path, sides: Sides) -> Iterator[str]:
    """Name the splits whose sides are files of their own."""
    for stem in dict.fromkeys(path.name.split(".")[0] for path in sorted(folder.iterdir())):
        if len(sides_beside(folder / stem)) > 1 and files_beside(folder / stem, sides):
            yield stem


__all__ = ["linked_files", "saved_files", "split_files"]
