"""A corpus of any size -> sentence pairs, and their token ids, in Arrow files that processes map and nobody holds.

Both lie in a `Cache`: pairs by the content of the files they were read from, token ids by pairs and tokenizer. A
process that maps them needs memory for what it looks at, and the system takes that back at any time.
"""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
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

from ..errors import UserError
from ..files import reading, stamp
from ..files.processes import count_cores
from .cache import Cache, check_unchanged, code_digest
from .cleaning import Cleaner
from .corpora import TEXTBOOK, Corpus, Data, hub_fingerprint, load_corpus, record_batches, stream_corpus
from .fingerprint import PairsDigest, fingerprint, remember_fingerprint
from .multilingual import encode_sources, encode_targets, whole_sources, whole_targets
from .splitting import SPLITS, Overlap, hold_out, overlap
from .tokenizer import as_pretrained, train_tokenizer

ROWS_AT_ONCE = 10_000
SENTENCES_AT_ONCE = 1_000  # tokenized together: what a tokenizer tells of each is large
FILE, TOKENIZER = "rows.arrow", "tokenizer.json"

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_corpus(
    corpus: Data,
    source_lang: str,
    target_lang: str,
    split: str = "train",
    *,
    config: str | None = None,
    source_column: str | None = None,
    target_column: str | None = None,
    rules: Sequence[str] = (),
    max_ratio: float = 3.0,
    cache: Cache,
) -> Corpus:
    """Read sentence pairs once, into the cache. What is in memory, or composed and not read, stays there.

    Arguments, result and errors are those of `load_corpus`. The pairs are cleaned by `rules` and `max_ratio`, see
    `Cleaner`; `cache` is where they lie.
    """
    columns: dict[str, Any] = {"source_column": source_column, "target_column": target_column}
    if not isinstance(corpus, str) or corpus.startswith(TEXTBOOK):
        if rules:
            raise UserError("clean is for corpora that are read from files or the Hub: leave it out")
        return load_corpus(corpus, source_lang, target_lang, split, config=config, **columns)
    cleaner = Cleaner(rules, source_lang, target_lang, max_ratio=max_ratio)
    stream = stream_corpus(corpus, source_lang, target_lang, split, config=config, streaming=False, **columns)
    with reading(corpus):
        seen = {path: stamp(path) for path in stream.files}
    names = {path: path.name.encode(errors="backslashreplace").decode() for path in seen}
    content = {name: cache.digest_of(path) for path, name in names.items()} or hub_fingerprint(corpus, config, split)
    key = {"content": content, "languages": [source_lang, target_lang], "code": code_digest(), **columns}
    if rules:
        key |= {"rules": sorted(rules), "max_ratio": max_ratio}

    def make(folder: Path) -> dict[str, Any]:
        digest = PairsDigest()

        def pieces() -> Iterator[pa.RecordBatch]:
            clean = (row for row in cleaner.clean(stream.rows()) if row.reason is None)
            pairs = ((row.source, row.target) for row in clean) if rules else iter(stream)
            for batch in record_batches(pairs, ["source", "target"]):
                digest.update(pa.Table.from_batches([batch]))
                yield batch

        _write(folder / FILE, pieces(), "Reading", None)
        for path, before in seen.items():
            check_unchanged(path, before)
        counts = stream.tally.counts
        return {
            "blank": counts["blank"],
            "one_sided": counts["one-sided"],
            "cleaned": cleaner.summary(),
            "sha256": digest.hexdigest(),
        }

    folder, known = cache.find_or_make("pairs", key, make)
    pairs = _map(folder)
    remember_fingerprint(pairs, known["sha256"])
    return Corpus(pairs, stream.name, known["blank"], known["one_sided"], cleaned=known["cleaned"])


def map_splits(corpus: Corpus, held_out: int, cache: Cache) -> list[Corpus]:
    """Take the pairs of each of `SPLITS` that `hold_out` deals out of a corpus; see there."""
    pairs = corpus.dataset

    def make(folder: Path) -> dict[str, Any]:
        dealt = hold_out(texts_of(pairs, "source"), held_out)
        return {split: _write_part(folder, split, pairs, dealt == number) for number, split in enumerate(SPLITS)}

    key = {"pairs": fingerprint(pairs), "held_out": held_out, "code": code_digest()}
    folder, known = cache.find_or_make("splits", key, make)
    splits = []
    for split in SPLITS:
        part = _map(folder, f"{split}.arrow")
        remember_fingerprint(part, known[split])
        name = f"{corpus.name}, {split}"
        splits.append(Corpus(part, name, corpus.blank, corpus.one_sided, cleaned=corpus.cleaned))
    return splits


def _write_part(folder: Path, split: str, pairs: datasets.Dataset, mine: np.ndarray) -> str:
    """Write the pairs of a split, for which `mine` (N,) is true, and return their fingerprint."""
    digest = PairsDigest()

    def pieces() -> Iterator[pa.RecordBatch]:
        first = 0
        for table in pairs.with_format("arrow").iter(ROWS_AT_ONCE):
            part = table.select(["source", "target"]).filter(pa.array(mine[first : first + len(table)]))
            first += len(table)
            digest.update(part)
            yield from part.to_batches()

    _write(folder / f"{split}.arrow", pieces(), f"Taking {split}", int(mine.sum()))
    return digest.hexdigest()


def map_overlap(
    test: datasets.Dataset, train: datasets.Dataset, cache: Cache, others: Sequence[tuple[datasets.Dataset, bool]] = ()
) -> Overlap:
    """Count what of a test set is also in the training set, once; see `overlap`.

    Args:
        test, train: texts `source` and `target`.
        cache: where the counts lie.
        others: further training sets; with `True`, what is the source there is the target of the test set.
    """
    trained = [(train, False), *others]

    def of_training(side: str, other: str) -> Iterator[str]:
        return chain.from_iterable(texts_of(pairs, other if is_reversed else side) for pairs, is_reversed in trained)

    def make(folder: Path) -> dict[str, Any]:
        sides = [of_training("source", "target"), of_training("target", "source")]
        return overlap([texts_of(test, side) for side in ("source", "target")], sides)._asdict()

    key: dict[str, Any] = {"test": fingerprint(test), "train": fingerprint(train), "code": code_digest()}
    if others:
        key["others"] = [[fingerprint(pairs), is_reversed] for pairs, is_reversed in others]
    _, known = cache.find_or_make("overlaps", key, make)
    return Overlap(**{name: known[name] for name in Overlap._fields})


def join_pairs(parts: Sequence[datasets.Dataset]) -> datasets.Dataset:
    """Put mapped pairs one behind the other: one data set, which nobody reads to know it again."""
    if len(parts) == 1:
        return parts[0]
    joined = datasets.concatenate_datasets([part.select_columns(["source", "target"]) for part in parts])
    remember_fingerprint(joined, sha256(" ".join(map(fingerprint, parts)).encode()).hexdigest())
    return joined


def texts_of(pairs: datasets.Dataset, side: str) -> Iterator[str]:
    """Go through the texts of a side, piece by piece."""
    for table in pairs.with_format("arrow").iter(ROWS_AT_ONCE):
        yield from table[side].to_pylist()


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


def _map(folder: Path, file: str = FILE) -> datasets.Dataset:
    table = MemoryMappedTable.from_file(str(folder / file))
    return datasets.Dataset(table, fingerprint=f"{folder.name}-{file}")  # else it would be hashed


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
            yield from (encode_sources if side == "source" else encode_targets)(tokenizer, part)

    def encode_plain(texts: list[str], side: str) -> Iterator[list[int]]:
        for part in _parts(texts):
            marked = (whole_sources if side == "source" else whole_targets)(tokenizer, part)
            yield from (encoding.ids for encoding in backend.encode_batch_fast(marked))

    if type(tokenizer) is not PreTrainedTokenizerFast:  # it may mark languages, and be no code for several threads
        return encode, 1
    tokenizer([""])  # tells the code in Rust how to encode, which then does all that is done to a text
    backend = tokenizer.backend_tokenizer
    return encode_plain, count_cores()


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
    prefix = getattr(tokenizer, "source_prefix", "")
    if type(tokenizer) is PreTrainedTokenizerFast:
        settings = json.loads(tokenizer.backend_tokenizer.to_str()) | {"truncation": None, "padding": None}
        settings |= {"split_special_tokens": tokenizer.split_special_tokens, "source_prefix": prefix}
        return sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    digest = sha256(f"{type(tokenizer).__name__} {tokenizer.init_kwargs.get('tgt_lang')} {prefix}".encode())
    with TemporaryDirectory() as folder:
        tokenizer.save_pretrained(folder)
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
