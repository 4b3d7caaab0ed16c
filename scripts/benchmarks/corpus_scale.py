"""Measure what the size of a corpus costs before the first step of a training: seconds, memory, bytes on disk.

    python scripts/benchmarks/corpus_scale.py data/tatoeba_en-es/train.jsonl.gz --pairs 100000 1000000

A corpus of so many pairs is made of the given one, again and again, each time with another number behind the texts;
then a translator of the recipe `tatoeba-en-es` is trained on it for one step: with an empty cache (cold), again (warm),
and again in two processes. "RssAnon" is the peak of what a process holds for itself, in MB; pages of mapped files,
which the system takes back at any time, are not in it. Behind seconds stands CPU time, which tells more on a busy
machine. "pairs/s" counts from the file to the token ids in the cache.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from typing import Any

import psutil

from hf_attn_model.recipes.recipe import load_recipe
from hf_attn_model.text.cache import VARIABLE
from hf_attn_model.text.corpora import stream_corpus
from hf_attn_model.training import provenance, train
from hf_attn_model.training.trainer import TranslationTrainer
from hf_attn_model.view.heads import format_table

RECIPE, LANGUAGES, DEV = "tatoeba-en-es", ("en", "es"), 1_000
HEAD = [
    "pairs",
    "file, MB",
    "cold, s",
    "reading",
    "vocabulary",
    "tokenizing",
    "pairs/s",
    "warm, s",
    "RssAnon, MB: cold",
]
HEAD += ["warm", "of two processes", "cache, MB", "a pair, bytes"]
PAUSE = 0.02  # seconds between two looks at the memory


def write_corpus(origin: str, pairs: int, folder: Path) -> int:
    """Write a corpus of so many pairs: its bytes."""
    held = list(stream_corpus(origin, *LANGUAGES))
    numbered = ((f"{source} {turn}", f"{target} {turn}") for turn in count() for source, target in held)
    for split, size in (("train", pairs), ("dev", DEV)):
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as file:
            for pair in islice(numbered, size):
                file.write(json.dumps(dict(zip(LANGUAGES, pair, strict=True)), ensure_ascii=False) + "\n")
    return (folder / "train.jsonl").stat().st_size


def train_one_step(corpus: str, out: str) -> None:
    """Train in this process up to the end of the first step, and print what took how many seconds."""
    seconds: dict[str, list[float]] = {}

    def timed(name: str) -> None:
        work = getattr(train, name)

        def timed_work(*args: Any, **kwargs: Any) -> Any:
            begin, cpu_begin = time.perf_counter(), time.process_time()
            result = work(*args, **kwargs)
            seconds[name] = [time.perf_counter() - begin, time.process_time() - cpu_begin]
            return result

        setattr(train, name, timed_work)

    for name in ("load_parts", "make_tokenizer", "examples_of"):
        timed(name)
    step = TranslationTrainer.training_step

    def first_step(*args: Any, **kwargs: Any) -> None:
        step(*args, **kwargs)
        seconds["first step"] = [time.time() - psutil.Process().create_time(), time.process_time()]
        print("\n" + json.dumps(seconds), flush=True)
        os._exit(0)

    TranslationTrainer.training_step = first_step  # type: ignore[method-assign, assignment]
    train.train(load_recipe(RECIPE, [f"corpus={corpus}", "training.max_steps=1"]), out)


def measure(corpus: Path, cache: Path, out: Path, processes: int = 1) -> tuple[dict[str, list[float]], list[float]]:
    """Start a training, and watch it: the seconds of its main process, and the peak of RssAnon of each in MB."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, __file__, str(corpus), "--out", str(out)]
    running = []
    for rank in range(processes):
        environment = os.environ | {
            VARIABLE: str(cache),
            "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
            "OMP_NUM_THREADS": str(-(-psutil.cpu_count() // processes)),
        }
        if processes > 1:
            place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes, "LOCAL_WORLD_SIZE": processes}
            address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            environment |= {name: str(value) for name, value in (place | address).items()}
        running.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    peaks = [0.0] * processes
    while any(process.poll() is None for process in running):
        for rank, process in enumerate(running):
            with suppress(OSError):
                status = Path(f"/proc/{process.pid}/status").read_text()
                anonymous = [int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("RssAnon")]
                peaks[rank] = max(peaks[rank], *anonymous, 0.0)
        time.sleep(PAUSE)
    said = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        sys.exit("a training failed:\n" + "\n".join(said))
    return json.loads(said[0].splitlines()[-1]), peaks


def row(origin: str, pairs: int, folder: Path) -> list[str]:
    """Measure one size."""
    corpus, cache, out = folder / "corpus", folder / "cache", folder / "out"
    corpus.mkdir()
    size = write_corpus(origin, pairs, corpus)
    cold, cold_peak = measure(corpus, cache, out / "cold")
    warm, warm_peak = measure(corpus, cache, out / "warm")
    _, both = measure(corpus, cache, out / "both", processes=2)
    kept = sum(path.stat().st_size for path in cache.rglob("*") if path.is_file())
    stages = [cold[name] for name in ("first step", "load_parts", "make_tokenizer", "examples_of")]
    times = [f"{wall:,.0f} ({cpu:,.0f})" for wall, cpu in [*stages, warm["first step"]]]
    cached = [reading + tokenizing for reading, tokenizing in zip(stages[1], stages[3], strict=True)]
    times.insert(4, f"{pairs / cached[0]:,.0f} ({pairs / cached[1]:,.0f} a core)")
    memory = [f"{cold_peak[0]:,.0f}", f"{warm_peak[0]:,.0f}", " and ".join(f"{peak:,.0f}" for peak in both)]
    return [f"{pairs:,}", f"{size / 1e6:,.0f}", *times, *memory, f"{kept / 1e6:,.0f}", f"{kept / pairs:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="a file of sentence pairs, English and Spanish")
    parser.add_argument("--pairs", type=int, nargs="+", default=[100_000, 1_000_000, 4_000_000, 16_000_000])
    parser.add_argument("--folder", help="for what is made on the way; it needs some 500 bytes for each pair")
    parser.add_argument("--out", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.out:
        train_one_step(arguments.corpus, arguments.out)
    rows = []
    for pairs in arguments.pairs:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            rows.append(row(arguments.corpus, pairs, Path(folder)))
        print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    print(format_table(HEAD, rows, "markdown"))
    known = provenance.versions()
    print(f"\n{provenance.hardware()}; " + ", ".join(f"{name} {number}" for name, number in known.items()))


if __name__ == "__main__":
    main()
