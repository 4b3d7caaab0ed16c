"""export_attention: a corpus of sentence pairs -> a folder of attention maps.

Sentences stream through: a shard is a fixed range of the corpus, and what is held in memory does not grow with it.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import nullcontext
from itertools import chain, count, islice
from typing import Any

import torch
from accelerate.utils import get_int_from_env
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.places import PLACES
from ..errors import UserError
from ..text.tally import Tally
from ..text.too_long import OnLong
from ..translation.engine import Engine, TransformersEngine
from .fill import Filler
from .folder import Folder
from .metadata import finished_shards
from .passes import Row
from .plan import digest_of_model, finalize, open_or_create, plan_layout
from .schema import MAX_TOKENS, SHARD_BYTES, Layout, Settings, shard_name
from .shards import DigestedRows
from .stage import fill_shard

Elsewhere = Callable[[Iterable[tuple[str, list[Row]]]], Iterable[tuple[int, Tally]]]
LOOK_AT = 64  # sentences that decide what to keep, unless the user does, and how many make a shard


def export_attention(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Iterable[tuple[str, str | None] | tuple[str, str | None, str]],
    out: str | os.PathLike,
    *,
    ids: Iterable[str] | None = None,
    places: Sequence[str] = PLACES,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
    keep: str | None = None,
    special: str = "keep",
    to: str = "arrow",
    num_beams: int = 5,
    max_tokens: int = MAX_TOKENS,
    shard_bytes: int = SHARD_BYTES,
    corpus: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: bool = False,
    on_long: OnLong = "error",
    tally: Tally | None = None,
    engine: Engine | None = None,
    fill_elsewhere: Elsewhere | None = None,
) -> dict[str, Any] | None:
    """Write the attention of every sentence pair, from teacher-forced passes over batches of them.

    Read the result with `open_maps(out)`; `schema` tells what lies in `out`. An export that was interrupted goes on
    when it is started again in the same way: finished shards are checked and kept, and in the end every byte is as if
    nothing had happened. Several processes (`torchrun`, `accelerate launch`) share the shards among them.

    Args:
        model, tokenizer: see `teacher_forced_attention`.
        pairs: sources and targets, translations or references; where the target is `None` the source is translated.
            A third text is where the pair stands in the user's file, for messages.
        out: a folder, or a URL that fsspec knows.
        ids: names of the pairs; their positions unless given.
        places, layers, heads: what to export, by the numbers in the model; all unless given.
        keep: "weights" (float16), "qk" (queries and keys in float32, from which weights are rebuilt) or "top-4" (or
            another number: the largest weights of each row); unless given, weights or qk, whichever is smaller.
        special: what the word maps of the export make of tokens outside all words: "keep", "drop" or "column"; see
            `merge_words`. All tokens are stored in any case.
        to: "arrow", or "parquet" for other programs; see `parquet`.
        num_beams: of the search, 1 is greedy.
        max_tokens: tokens of a forward pass, padding included.
        shard_bytes: about how large a shard becomes.
        corpus: facts about the corpus, JSON values, kept with the settings.
        overwrite: remove an earlier export from `out`.
        progress: show a progress bar on standard error.
        on_long: what becomes of a pair with more tokens than the model has positions: "error"; "skip": it keeps its
            place, with empty texts; "truncate": the beginnings are exported.
        tally: counts those.
        engine: what translates in place of `generate`; attention is the model's in any case.
        fill_elsewhere: takes names and sentences of shards and writes them anywhere, giving for each in turn what
            `ExportShard.fill_numbered` does; without it they are written here.

    Returns:
        what `metadata.json` says; `None` if other processes are not done with their shards.

    Raises:
        UserError: there is no such choice, `out` is not writable or holds something else, the settings or sentences are
            not those that the export was begun with, another process exports there, or a sentence cannot be passed
            through the model (see `teacher_forced_attention`).
    """
    settings = Settings(
        places=tuple(places),
        layers=None if layers is None else tuple(layers),
        heads=None if heads is None else tuple(heads),
        keep=keep,
        special=special,
        to=to,
        num_beams=num_beams,
        max_tokens=max_tokens,
        shard_bytes=shard_bytes,
        engine=(engine or TransformersEngine(model, tokenizer)).name,
    )
    rank, processes = this_process()
    if overwrite and processes > 1:
        raise UserError("several processes cannot overwrite an export: remove it first")
    folder = Folder(out)
    rows = _rows(pairs, ids)
    total = len(pairs) if isinstance(pairs, Sized) else None
    show = tqdm(total=total, desc="Exporting attention", unit=" sentences", disable=not progress or rank > 0)
    long = on_long, Tally() if tally is None else tally
    with folder.locked() if rank == 0 else nullcontext(), show as bar:
        return _export(
            *(model, tokenizer, rows, folder, settings, engine, corpus or {}, (rank, processes), overwrite, bar, long),
            fill_elsewhere,
        )


def _export(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: Iterator[Row],
    folder: Folder,
    settings: Settings,
    engine: Engine | None,
    corpus: Mapping[str, Any],
    process: tuple[int, int],
    overwrite: bool,
    bar: tqdm,
    long: tuple[OnLong, Tally],
    fill_elsewhere: Elsewhere | None,
) -> dict[str, Any] | None:
    """Write the shards of this process, of which there are several, into a folder that the first one holds."""
    rank, processes = process
    first = list(islice(rows, LOOK_AT))
    if not first:
        raise UserError(f"{corpus.get('corpus', 'the corpus')}: there is no sentence to export")
    rows = chain(first, rows)
    metadata = open_or_create(
        folder,
        {
            **corpus,
            **settings.to_json(),
            "model_sha256": digest_of_model(model),
            "model_dtype": str(model.dtype),
        },
        lambda: plan_layout(model, tokenizer, first, settings, long[0], engine),
        rank=rank,
        overwrite=overwrite,
    )
    filler = Filler(model, tokenizer, Layout.from_json(metadata), settings, *long, engine)
    known = {shard.file: shard for shard in finished_shards(folder, metadata)}
    files: list[str] = []
    if not bar.disable:
        bar.write(say_what_is_kept(metadata), file=sys.stderr)

    def missing() -> Iterator[tuple[str, Iterator[Row]]]:
        """Give the shards of this process that are not there yet, after a look at those that are."""
        for number in count():
            first = list(islice(rows, 1))
            if not first:
                return
            shard_rows = chain(first, islice(rows, metadata["sentences_per_shard"] - 1))
            files.append(file := shard_name(number, f".{settings.to}"))
            is_others = number % processes != rank
            if not is_others and not (file in known and known[file].is_whole(folder)):
                yield file, shard_rows
                continue
            digested = DigestedRows(shard_rows)
            corpus_sha256 = digested.finish()
            if not is_others and known[file].corpus_sha256 != corpus_sha256:
                where = f"sentences {number * metadata['sentences_per_shard']:,} and on"
                raise UserError(f"{folder}/{file} was made from other {where}: choose another folder")
            _skip(bar, digested.count)

    if fill_elsewhere is None:
        for file, shard_rows in missing():
            fill_shard(folder, file, filler, shard_rows, bar)
    else:
        for sentences, found in fill_elsewhere((file, list(shard_rows)) for file, shard_rows in missing()):
            bar.update(sentences)
            long[1].include(found)
    return finalize(folder, metadata, files)


def say_what_is_kept(metadata: Mapping[str, Any]) -> str:
    """Say what an export keeps, how large it is and how exact."""
    sizes = {name: f"{size:,} bytes" for name, size in metadata["bytes_per_sentence"].items() if name != "looked_at"}
    kept = sizes.pop(metadata["keep"])
    instead = "".join(f", {name} would take {size}" for name, size in sizes.items())
    return (
        f"keeping {metadata['keep']} in {metadata['dtype']}: {kept} a sentence{instead}; "
        f"weights differ from float32 by at most {metadata['largest_error']:.1e}"
    )


def _rows(pairs: Iterable[tuple], ids: Iterable[str] | None) -> Iterator[Row]:
    """Give each pair its name. Raises `UserError` where the ids are too few or too many."""
    if ids is None:
        return (Row(str(i), *pair) for i, pair in enumerate(pairs))
    return (Row(name, *pair) for name, pair in _together(ids, pairs))


def _together(ids: Iterable[str], pairs: Iterable[tuple]) -> Iterator[tuple[str, tuple]]:
    try:
        yield from zip(ids, pairs, strict=True)
    except ValueError as error:
        raise UserError(f"the ids and the sentence pairs differ in number ({error})") from None


def _skip(bar: tqdm, sentences: int) -> None:
    """Count sentences as there, but not as done in the time measured."""
    if not bar.disable:
        bar.initial += sentences
        bar.update(sentences)


LIBRARIES = ("PMI_", "OMPI_COMM_WORLD_", "MV2_COMM_WORLD_")  # what MPI launchers put before the names below


def this_process() -> tuple[int, int]:
    """Return the number of this process and how many there are: (0, 1) without a launcher."""
    rank = get_int_from_env(["RANK", *(f"{library}RANK" for library in LIBRARIES)], 0)
    return rank, get_int_from_env(["WORLD_SIZE", *(f"{library}SIZE" for library in LIBRARIES)], 1)


def use_own_device() -> None:
    """Let each process of a machine take an accelerator of its own, in turn."""
    if torch.accelerator.is_available():
        local = get_int_from_env(["LOCAL_RANK", "MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK"], 0)
        torch.accelerator.set_device_index(local % torch.accelerator.device_count())
