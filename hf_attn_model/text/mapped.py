"""A corpus of any size -> sentence pairs, and their token ids, in Arrow files that processes map and nobody holds.

Both lie in a `Cache`: pairs by the content of the files they were read from, token ids by pairs and tokenizer. A
process that maps them needs memory for what it looks at, and the system takes that back at any time.
"""

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import datasets
import numpy as np
import pyarrow as pa
from datasets.table import MemoryMappedTable
from datasets.utils import tqdm
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ..files import reading, stamp
from .cache import Cache, check_unchanged, code_digest
from .corpora import TEXTBOOK, Corpus, files_of, hub_fingerprint, load_corpus, record_batches, stream_corpus
from .fingerprint import PairsDigest, fingerprint, remember_fingerprint
from .tokenizer import as_pretrained, train_tokenizer

ROWS_AT_ONCE = 10_000
SENTENCES_AT_ONCE = 1_000  # tokenized together: what a tokenizer tells of each is large
FILE, TOKENIZER = "rows.arrow", "tokenizer.json"

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_corpus(
    corpus: str, source_lang: str, target_lang: str, split: str = "train", *, config: str | None, cache: Cache
) -> Corpus:
    """Read sentence pairs once, into the cache. The textbook, which is composed and not read, stays in memory.

    Arguments, result and errors are those of `load_corpus`; `cache` is where the pairs lie.
    """
    if corpus.startswith(TEXTBOOK) or source_lang == target_lang:
        return load_corpus(corpus, source_lang, target_lang, split, config=config)
    stream = stream_corpus(corpus, source_lang, target_lang, split, config=config, streaming=False)
    files = files_of(corpus, split)
    with reading(corpus):
        seen = {path: stamp(path) for path in files}
    content = {ascii(path.name): cache.digest_of(path) for path in files} or hub_fingerprint(corpus, config, split)
    key = {"content": content, "languages": [source_lang, target_lang], "code": code_digest()}

    def make(folder: Path) -> dict[str, Any]:
        digest = PairsDigest()

        def pieces() -> Iterator[pa.RecordBatch]:
            for batch in record_batches(iter(stream), ["source", "target"]):
                digest.update(pa.Table.from_batches([batch]))
                yield batch

        _write(folder / FILE, pieces(), "Reading", None)
        stream.check_not_empty()
        for path, before in seen.items():
            check_unchanged(path, before)
        return {"blank": stream.blank, "one_sided": stream.one_sided, "sha256": digest.hexdigest()}

    folder, known = cache.find_or_make("pairs", key, make)
    pairs = _map(folder)
    remember_fingerprint(pairs, known["sha256"])
    return Corpus(pairs, stream.name, known["blank"], known["one_sided"])


def map_tokens(
    pairs: datasets.Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int, cache: Cache
) -> tuple[datasets.Dataset, int]:
    """Tokenize pairs once, on all cores, into the cache.

    Args:
        pairs: texts `source` and `target`.
        tokenizer: of any kind; the fast ones use several cores.
        max_length: tokens, end marks included; longer pairs are left out.
        cache: where the token ids lie.

    Returns:
        lists of token ids `input_ids` and `labels`, in the order of the pairs, and how many pairs were left out.

    Raises:
        UserError: the cache cannot be written to.
    """
    tokens = {"pairs": fingerprint(pairs), "tokenizer": _tokenizer_digest(tokenizer), "max_length": max_length}

    def make(folder: Path) -> dict[str, Any]:
        tokenized = _tokenized(pairs, tokenizer, max_length)
        return {"left_out": len(pairs) - _write(folder / FILE, tokenized, "Tokenizing", len(pairs))}

    folder, known = cache.find_or_make("tokens", tokens | _versions() | {"code": code_digest()}, make)
    return _map(folder), known["left_out"]


def map_tokenizer(pairs: datasets.Dataset, most: int, cache: Cache, **settings: Any) -> PreTrainedTokenizerFast:
    """Learn subwords once, into the cache, from `most` evenly spaced pairs; `settings` are those of `train_tokenizer`.

    Raises what `train_tokenizer` raises.
    """
    max_length = settings.pop("max_length")

    def make(folder: Path) -> dict[str, Any]:
        learnt = train_tokenizer(SampledSentences(pairs, most), **settings)
        learnt.backend_tokenizer.save(str(folder / TOKENIZER))
        return {}

    key = {"pairs": fingerprint(pairs), "most": most, **settings, **_versions(), "code": code_digest()}
    folder, _ = cache.find_or_make("tokenizers", key, make)
    return as_pretrained(Tokenizer.from_file(str(folder / TOKENIZER)), max_length)


class SampledSentences:
    """The sources and then the targets of evenly spaced pairs; of all, where there are no more than asked for.

    Each iteration reads them anew.

    Args:
        pairs: texts `source` and `target`.
        most: pairs, at most.
    """

    def __init__(self, pairs: datasets.Dataset, most: int):
        self.pairs, self.size = pairs, min(most, len(pairs))

    def __iter__(self) -> Iterator[str]:
        total = len(self.pairs)
        for side in ("source", "target"):
            first = 0
            for table in self.pairs.with_format("arrow").iter(ROWS_AT_ONCE):
                end = first + len(table)
                chosen = np.arange(-(-first * self.size // total), -(-end * self.size // total)) * total // self.size
                yield from table[side].take(pa.array(chosen - first)).to_pylist()
                first = end


def _write(path: Path, batches: Iterable[pa.RecordBatch], doing: str, total: int | None) -> int:
    """Write rows piece by piece, and return how many there are."""
    rows, writer = 0, None
    with path.open("wb") as file, tqdm(desc=doing, total=total, unit=" pairs", delay=2) as bar:
        for batch in batches:
            writer = writer or pa.ipc.new_stream(file, batch.schema)
            writer.write_batch(batch)
            rows += len(batch)
            bar.update(len(batch))
        if writer is not None:
            writer.close()
    return rows


def _map(folder: Path) -> datasets.Dataset:
    table = MemoryMappedTable.from_file(str(folder / FILE))
    return datasets.Dataset(table, fingerprint=folder.name)  # else it would be hashed


def _tokenized(
    pairs: datasets.Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int
) -> Iterator[pa.RecordBatch]:
    """Tokenize piece by piece, without what is too long."""
    kind = np.uint16 if len(tokenizer) <= 2**16 else np.int32
    encode, cores = _encoder(tokenizer)

    def tokenize(table: pa.Table) -> pa.RecordBatch:
        sides = [_as_lists(encode(table[side].to_pylist(), side), kind) for side in ("source", "target")]
        batch = pa.record_batch(sides, ["input_ids", "labels"])
        longest = np.maximum(*(side.value_lengths().to_numpy() for side in sides))
        return batch if longest.max() <= max_length else batch.filter(pa.array(longest <= max_length))

    return _in_order(tokenize, pairs.with_format("arrow").iter(ROWS_AT_ONCE), cores)


def _encoder(tokenizer: PreTrainedTokenizerBase) -> tuple[Callable[[list[str], str], Iterator[list[int]]], int]:
    """Find the quickest way to the ids of texts, and how many threads may go it at once."""

    def encode(texts: list[str], side: str) -> Iterator[list[int]]:
        for part in _parts(texts):
            given: Any = {"text": part} if side == "source" else {"text_target": part}
            yield from tokenizer(**given)["input_ids"]

    def encode_plain(texts: list[str], side: str) -> Iterator[list[int]]:
        for part in _parts(texts):
            yield from (encoding.ids for encoding in backend.encode_batch_fast(part))

    if type(tokenizer) is not PreTrainedTokenizerFast:  # it may mark languages, and be no code for several threads
        return encode, 1
    tokenizer([""])  # tells the code in Rust how to encode, which then does all that is done to a text
    backend = tokenizer.backend_tokenizer
    return encode_plain, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _parts(texts: list[str]) -> Iterator[list[str]]:
    return (texts[first : first + SENTENCES_AT_ONCE] for first in range(0, len(texts), SENTENCES_AT_ONCE))


def _as_lists(rows: Iterator[list[int]], kind: type) -> pa.ListArray:
    """Put lists of ids one behind the other."""
    lengths: list[int] = []

    def counted() -> Iterator[list[int]]:
        for row in rows:
            lengths.append(len(row))
            yield row

    ids: np.ndarray = np.fromiter(chain.from_iterable(counted()), kind)
    return pa.ListArray.from_arrays(np.cumsum([0, *lengths], dtype=np.int32), ids)


def _in_order(work: Callable[[Item], Result], items: Iterable[Item], threads: int) -> Iterator[Result]:
    """Work on several items at once, and give the results in their order."""
    with ThreadPoolExecutor(threads) as pool:
        running: deque[Any] = deque()
        for item in items:
            running.append(pool.submit(work, item))
            if len(running) > 2 * threads:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("tokenizers", "transformers")}


def _tokenizer_digest(tokenizer: PreTrainedTokenizerBase) -> str:
    """Digest what decides over the ids of a text."""
    if type(tokenizer) is PreTrainedTokenizerFast:
        settings = json.loads(tokenizer.backend_tokenizer.to_str()) | {"truncation": None, "padding": None}
        settings["split_special_tokens"] = tokenizer.split_special_tokens
        return sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    digest = sha256(f"{type(tokenizer).__name__} {tokenizer.init_kwargs.get('tgt_lang')}".encode())
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
