"""Speed and memory of training: MarianMT under Seq2SeqTrainer, and ours with each ingredient added in turn.

Tokens are real ones of source and target, without padding. Every contender trains under its real trainer on the pairs
of the corpus, in a process of its own, for some seconds in each round; contenders take turns, medians are compared.
`--loss` instead compares what one training step adds to memory at a vocabulary of 32,000, all on the same batch.

    python scripts/benchmarks/training.py data/tatoeba_en-es --size small
    python scripts/benchmarks/training.py data/tatoeba_en-es --size base --loss --rounds 1
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from tqdm import tqdm
from training_contenders import SHAPES, contenders, prepare
from training_measures import measure_speed, measure_step_memory, peak_tflops

from hf_attn_model.training import provenance
from hf_attn_model.view.heads import format_table

Runs = dict[str, list[dict[str, float]]]  # by contender, one for each round


def in_own_process(measure: Callable[..., dict[str, float]], *args: Any, **kwargs: Any) -> dict[str, float] | None:
    """Call a function in a new process; `None` if that ends badly, such as for want of memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        try:
            return process.submit(measure, *args, **kwargs).result()
        except (RuntimeError, MemoryError) as error:
            tqdm.write(f"left out: {error}")
            return None


def speed_table(runs: Runs, peak: float | None) -> str:
    """One row for each contender; the peak in TFLOP/s adds a column."""
    head = ["contender", "tokens/s", "min to max", "times the first", "peak memory, MB", "padding"]
    rows = []
    first = 0.0
    for name, results in runs.items():
        speeds = [result["tokens_per_second"] for result in results]
        first = first or median(speeds)
        row = [name, f"{median(speeds):,.0f}", f"{min(speeds):,.0f} to {max(speeds):,.0f}"]
        row += [f"{median(speeds) / first:.2f}", f"{median(result['memory'] for result in results):,.0f}"]
        row += [f"{median(result['padding'] for result in results):.1%}"]
        if peak:
            row.append(f"{median(result['flops'] for result in results) / peak / 1e12:.1%}")
        rows.append(row)
    return format_table([*head, "model FLOPs utilisation"] if peak else head, rows, "markdown")


def memory_table(runs: Runs) -> str:
    """One row for each contender; the first is what the others are compared with."""
    steps = {name: median(result["step"] for result in results) for name, results in runs.items()}
    first = next(iter(steps.values()))
    rows = [
        [name, f"{step:,.0f}", f"{step / first:.0%}", f"{median(result['memory'] for result in runs[name]):,.0f}"]
        for name, step in steps.items()
    ]
    head = ["contender", "peak of a step, MB", "of the first", "with model and optimizer, MB"]
    return format_table(head, rows, "markdown")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", help="folder, file or Hub id")
    parser.add_argument("--languages", default="en-es", help="default: en-es")
    parser.add_argument("--size", choices=SHAPES, default="small", help="of the model; default: small")
    parser.add_argument("--max-tokens", type=int, default=4096, help="of a token batch; default: 4096")
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="contenders with one of these in their name")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--seconds", type=float, default=25, help="of a round, after the warm-up; default: 25")
    parser.add_argument("--warmup", type=float, default=10, help="seconds of training not timed; default: 10")
    parser.add_argument("--loss", action="store_true", help="compare the memory of one step")
    parser.add_argument("--peak-tflops", type=float, help="of the GPU in bf16; default: as its maker states it")
    parser.add_argument("--out", type=Path, help="JSON file for every single measurement")
    options = parser.parse_args()
    sizes = SHAPES[options.size] | ({"vocab_size": 32_000} if options.loss else {})
    only = options.only or [""]
    chosen = {name: one for name, one in contenders().items() if any(text in name for text in only)}
    measure = measure_step_memory if options.loss else measure_speed
    timing = {} if options.loss else {"warmup": options.warmup, "seconds": options.seconds}
    facts = {
        "command": provenance.command(),
        "hardware": provenance.hardware(),
        "versions": provenance.versions(),
        "sizes": sizes,
    }
    runs: Runs = {name: [] for name in chosen}
    with tempfile.TemporaryDirectory() as folder:
        facts["data"] = prepare(options.corpus, options.languages, sizes["vocab_size"], Path(folder))
        how = {"sizes": sizes, "folder": Path(folder), "max_tokens": options.max_tokens} | timing
        for seed, name in tqdm([*product(range(options.rounds), chosen)]):
            if (result := in_own_process(measure, chosen[name], seed=seed, **how)) is not None:
                runs[name].append(result)
            if options.out:
                options.out.write_text(json.dumps(facts | {"runs": runs}, indent=2) + "\n", encoding="utf-8")
    measured = {name: results for name, results in runs.items() if results}
    print(f"{facts['hardware']}; {facts['data']}\n")
    print(memory_table(measured) if options.loss else speed_table(measured, options.peak_tflops or peak_tflops()))


if __name__ == "__main__":
    main()
