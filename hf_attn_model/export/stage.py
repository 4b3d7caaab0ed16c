"""ExportShard: one shard of an export at a time, by whoever is free, on this machine or another."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

from tqdm import tqdm

from ..cluster import check_room
from ..errors import UserError
from ..text.tally import Tally
from ..text.too_long import OnLong
from ..translation.stage import load_once
from .fill import Filler
from .folder import Folder
from .metadata import read_metadata
from .passes import Row
from .plan import digest_of_model
from .schema import Layout, Settings
from .shards import DigestedRows, writing_shard


def fill_shard(folder: Folder, file: str, filler: Filler, rows: Iterable[Row], bar: tqdm) -> None:
    """Write a shard and its note."""
    digested = DigestedRows(rows)
    with writing_shard(folder, file, filler.schema) as shard:
        filler.fill(shard, digested, bar)
        shard.corpus_sha256 = digested.finish()


@dataclass(frozen=True)
class ExportShard:
    """Writes shards of an export that was begun, and tells what is in `metadata.json`, so that nobody else need.

    It can be pickled, and takes no time to make: the model is loaded for the first shard, once in a process. It also is
    a stage for `datasets.map(batched=True)` and `map_batches` of Ray Data, over rows that are shards.

    Attributes:
        model: name of the checkpoint that the export was begun with.
        out: folder or URL of the export, as this machine knows it, too.
        source_lang, target_lang: codes, of a model with several languages.
        on_long: see `export_attention`.

    Raises:
        UserError: when made: it would hold the only CPU that Ray Data has. When called: see `export_attention`; there
            is no such export here; or the model has other weights on this machine.
    """

    model: str
    out: str
    source_lang: str | None = None
    target_lang: str | None = None
    on_long: OnLong = "error"

    def __post_init__(self) -> None:
        check_room()

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        """Write shards.

        Args:
            batch: columns `file`, names of shards, and `rows`, for each the JSON list of its sentences: lists of id,
                source, target (or null), and place in the corpus.

        Returns:
            the same columns, and `sentences`, how many each shard has.
        """
        shards = [[Row(*row) for row in json.loads(rows)] for rows in batch["rows"]]
        for file, rows in zip(batch["file"], shards, strict=True):
            self.fill(str(file), rows)
        return {**batch, "sentences": [len(rows) for rows in shards]}

    def fill(self, file: str, rows: list[Row]) -> Tally:
        """Write one shard; returns what became of sentences that are too long."""
        checkpoint = load_once(self.model, self.source_lang, self.target_lang)
        folder = Folder(self.out)
        metadata = read_metadata(folder)
        if metadata is None:
            raise UserError(f"no export was begun in {folder}: all machines need to see one folder, or give a URL")
        if metadata["settings"]["model_sha256"] != _digest_once(self):
            raise UserError(f"{folder} was begun with other weights than {checkpoint} has on this machine")
        begun = {field.name: metadata["settings"].get(field.name, field.default) for field in fields(Settings)}
        layout = Layout.from_json(metadata)
        filler = Filler(
            checkpoint.model, checkpoint.tokenizer, layout, Settings(**begun), self.on_long, tally := Tally()
        )
        fill_shard(folder, file, filler, rows, tqdm(disable=True))
        return tally

    def fill_numbered(self, piece: tuple[str, list[Row]]) -> tuple[int, Tally]:
        """Write one shard of a name and its sentences; returns how many those are, and what `fill` returns."""
        file, rows = piece
        return len(rows), self.fill(file, rows)


@lru_cache(maxsize=1)
def _digest_once(stage: ExportShard) -> str:
    return digest_of_model(load_once(stage.model, stage.source_lang, stage.target_lang).model)
