"""The sentences of a shard -> passes of the model -> what is kept of them -> the file.

One thread reads sentences and runs the model. Another one follows it: it rebuilds the weights of the passes before,
lays them out and writes them.
"""

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from time import perf_counter
from typing import Self

import numpy as np
import pyarrow as pa
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.recorded import RecordedForward
from ..attention.teacher_forcing import teacher_forced_pass
from ..attention.tokenized import TokenizedText
from ..text.tally import Tally
from ..text.too_long import OnLong
from ..translation.engine import Engine
from ..translation.search import warn_of_limits
from .arrow_rows import pack, to_batch
from .parquet import parquet_schema, to_parquet_batch
from .passes import Row, cut, read_rows
from .schema import Layout, Settings
from .shards import ShardWriter

WINDOW = 1024  # sentences sorted by length together
PASSES_AHEAD = 2  # of the model, before the first of them is written


class Filler:
    """Fills shards."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        layout: Layout,
        settings: Settings,
        on_long: OnLong,
        tally: Tally,
        engine: Engine | None = None,
    ):
        self.model, self.tokenizer, self.layout, self.settings = model, tokenizer, layout, settings
        self.on_long, self.tally, self.engine = on_long, tally, engine
        self.to_parquet = settings.to == "parquet"
        self.schema = parquet_schema(layout) if self.to_parquet else layout.schema
        self._bytes = 0
        self._start = perf_counter()

    def fill(self, shard: ShardWriter, rows: Iterable[Row], bar: tqdm) -> None:
        """Pass sentences through the model, those of like length together, and write them in the order given."""
        settings = self.settings
        with _old_objects_at_rest(), _Follower() as follower:
            rows = iter(rows)
            while some := list(islice(rows, WINDOW)):
                sources, targets, limited = read_rows(
                    self.model, self.tokenizer, some, settings.num_beams, self.on_long, self.tally, self.engine
                )
                warn_of_limits(limited)
                window = _Window(some, sources, targets, self.layout)
                for batch in cut(*window.lengths, settings.max_tokens):
                    forward = teacher_forced_pass(
                        self.model,
                        [window.sources[i] for i in batch],
                        [window.targets[i] for i in batch],
                        names=[some[i].id for i in batch],
                        places=tuple(self.layout.places),
                        layers=settings.layers,
                        heads=settings.heads,
                    )
                    follower.do(window.add, batch, forward)
                    bar.update(len(batch))
                follower.do(self._write, window, shard, bar)
            follower.finish()

    def _write(self, window: "_Window", shard: ShardWriter, bar: tqdm) -> None:
        batch = window.lay_out()
        before = shard.bytes
        shard.write(to_parquet_batch(batch, self.layout) if self.to_parquet else batch)
        self._bytes += shard.bytes - before
        bar.set_postfix_str(f"{self._bytes / 1e6 / (perf_counter() - self._start):.1f} MB/s", refresh=False)


@contextmanager
def _old_objects_at_rest() -> Iterator[None]:
    """Keep the garbage collector from going through all older objects again and again, as sentences fill the memory."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class _Window:
    """Sentences that are sorted together, filled pass by pass."""

    def __init__(self, rows: Sequence[Row], sources: list[TokenizedText], targets: list[TokenizedText], layout: Layout):
        self.rows, self.sources, self.targets, self.layout = rows, sources, targets, layout
        self.lengths = [len(side.ids) for side in sources], [len(side.ids) for side in targets]
        self._columns: dict[str, list[np.ndarray]] = {}

    def add(self, batch: Sequence[int], forward: RecordedForward) -> None:
        """Take what is kept of the sentences with these positions."""
        lengths = [self.lengths[0][i] for i in batch], [self.lengths[1][i] for i in batch]
        for name, flat in pack(forward, lengths, self.layout).items():
            column = self._columns.setdefault(name, [np.empty(0)] * len(self.rows))
            for i, numbers in zip(batch, flat, strict=True):
                column[i] = numbers

    def lay_out(self) -> pa.RecordBatch:
        """Return all sentences as rows, in their own order."""
        return to_batch([row.id for row in self.rows], self.sources, self.targets, self._columns, self.layout)


class _Follower:
    """A thread that does what it is given in order; its exceptions are raised from `do` and `finish`."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._jobs: deque[Future] = deque()

    def do(self, job: Callable, *arguments: object) -> None:
        """Hand over a job, and wait while there are too many."""
        self._jobs.append(self._pool.submit(job, *arguments))
        while len(self._jobs) > PASSES_AHEAD:
            self._jobs.popleft().result()

    def finish(self) -> None:
        """Wait until everything is done."""
        while self._jobs:
            self._jobs.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
