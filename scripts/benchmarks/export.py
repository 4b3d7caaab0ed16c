"""Measure an export: bytes per sentence, speed beside the same forward passes without export, memory as corpora grow.

The speeds come from interleaved rounds over the same sentences, forced over their references. "same passes" tokenizes,
sorts and runs the model, and keeps nothing. Each size of a corpus runs in a process of its own.
"""

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter

import torch

from hf_attn_model.checkpoint.checkpoint import load_translator
from hf_attn_model.export.export import export_attention
from hf_attn_model.export.fill import WINDOW
from hf_attn_model.export.passes import cut
from hf_attn_model.export.schema import MAX_TOKENS
from hf_attn_model.text.corpora import stream_corpus


def read_pairs(arguments, sentences):
    """The corpus, again and again until there are enough sentences."""
    source_lang, target_lang = arguments.languages.split("-")
    corpus = stream_corpus(arguments.data, source_lang, target_lang, arguments.split)
    return islice((pair for _ in cycle([0]) for pair in corpus), sentences)


@torch.no_grad()
def same_passes(model, tokenizer, pairs):
    for start in range(0, len(pairs), WINDOW):
        sides = [tokenizer(list(texts)).input_ids for texts in zip(*pairs[start : start + WINDOW], strict=True)]
        for batch in cut([len(ids) for ids in sides[0]], [len(ids) for ids in sides[1]], MAX_TOKENS):
            source, target = (
                tokenizer.pad({"input_ids": [side[i] for i in batch]}, return_tensors="pt").to(model.device)
                for side in sides
            )
            read = model.prepare_decoder_input_ids_from_labels(target.input_ids)
            mask = target.attention_mask
            model.base_model(**source, decoder_input_ids=read, decoder_attention_mask=mask, use_cache=False)


def export(arguments, pairs, model, tokenizer):
    """Export into a folder that is thrown away: seconds, and bytes on disk."""
    with tempfile.TemporaryDirectory() as out:
        start = perf_counter()
        done = export_attention(model, tokenizer, pairs, out, keep=arguments.keep) or {}
        seconds = perf_counter() - start
    return seconds, sum(shard["bytes"] for shard in done["shards"])


def measure_memory(arguments, sentences):
    """Export so many sentences: bytes on disk, and the peak of memory in MB."""
    _, written = export(arguments, read_pairs(arguments, sentences), *load_translator(arguments.model))
    (peak,) = (line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return written, int(peak) / 1024  # of this process alone: getrusage would count the one it came from


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of a checkpoint")
    parser.add_argument("--data", default="textbook:en-es", help="file, folder or Hub id; default: textbook:en-es")
    parser.add_argument("--split", default="train", help="default: train")
    parser.add_argument("--languages", default="en-es", help="default: en-es")
    parser.add_argument("--keep", help="weights, qk or top-4; default: the smaller of the first two")
    parser.add_argument("--sentences", type=int, default=8192, help="of a round; default: 8192")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000], help="for bytes and memory")
    arguments = parser.parse_args()
    model, tokenizer = load_translator(arguments.model)
    pairs = list(read_pairs(arguments, arguments.sentences))
    plain, exporting = [], []
    for _ in range(arguments.rounds):
        start = perf_counter()
        same_passes(model, tokenizer, pairs)
        plain.append(perf_counter() - start)
        exporting.append(export(arguments, pairs, model, tokenizer)[0])
    print(f"same passes: {len(pairs) / median(plain):,.0f} sentences/s")
    print(
        f"export:      {len(pairs) / median(exporting):,.0f} sentences/s, {median(plain) / median(exporting):.2f} of it"
    )
    for size in arguments.sizes:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            written, memory = process.submit(measure_memory, arguments, size).result()
        print(f"{size:,} sentences: {written / size:,.0f} bytes each, at most {memory:,.0f} MB of memory", flush=True)


if __name__ == "__main__":
    main()
