"""Sentences a second of one translator by several ways, in turn, and how long one sentence takes.

The ways: `generate` of transformers as one would call it, our own path around it, our path with CTranslate2 in float32
and int8, and CTranslate2's own API, tokenizing included. Each round translates all sentences by every way; medians.
Texts are compared with those of our path with transformers. `random-base` is a model of random weights (d512, 6+6
layers, vocabulary 32,000) that writes as many tokens as it may: its speed counts, its texts do not.

    OMP_NUM_THREADS=2 python scripts/benchmarks/translation.py textbook --sentences 2000 --rounds 3
    python scripts/benchmarks/translation.py runs/base --data data/tatoeba_en-es --reference es --sentences 2000
    python scripts/benchmarks/translation.py random-base --data data/tatoeba_en-es --sentences 100 --length-ratio 0.5
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from hf_attn_model import AttnConfig, AttnForConditionalGeneration, load_translator
from hf_attn_model.engines.ctranslate2 import CTranslate2Engine, open_engine
from hf_attn_model.text.corpora import load_corpus
from hf_attn_model.training import provenance
from hf_attn_model.training.metrics import load_translation_metric
from hf_attn_model.translation import SearchSettings, translate_stream
from hf_attn_model.translation.stream import BATCH_TOKENS
from hf_attn_model.view.heads import format_table

BATCH = 64
Way = Callable[[list[str]], list[str]]


def load(name: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load a translator, or make the one of random weights, which reads with the tokenizer of the textbook."""
    if name != "random-base":
        return load_translator(name)
    tokenizer = load_translator("textbook")[1]
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "d_model": 512,
        "encoder_layers": 6,
        "decoder_layers": 6,
        "encoder_ffn_dim": 2048,
        "decoder_ffn_dim": 2048,
    }
    heads: dict[str, Any] = {"encoder_attention_heads": 8, "decoder_attention_heads": 8, "vocab_size": 32_000}
    ids: dict[str, Any] = {"pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0}
    return AttnForConditionalGeneration(AttnConfig(**sizes, **heads, **ids)).eval(), tokenizer


def by_ours(model: Any, tokenizer: Any, engine: Any, settings: SearchSettings, texts: list[str]) -> list[str]:
    """What `hf-attn translate` does."""
    rows = translate_stream(model, tokenizer, texts, settings, engine=engine)
    return [row.translations[0].text for row in rows]


def by_generate(model: Any, tokenizer: Any, settings: SearchSettings, texts: list[str]) -> list[str]:
    """`generate` in batches of 64 sentences, sorted by their length, as a careful user would write it."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    found = [""] * len(texts)
    for start in range(0, len(order), BATCH):
        some = order[start : start + BATCH]
        inputs = tokenizer([texts[i] for i in some], return_tensors="pt", padding=True)
        inputs.pop("token_type_ids", None)
        longest = int(settings.max_length_ratio * inputs["input_ids"].shape[1]) + 10
        with torch.inference_mode():
            ids = model.generate(**inputs, num_beams=settings.num_beams, do_sample=False, max_new_tokens=longest)
        for i, text in zip(some, tokenizer.batch_decode(ids, skip_special_tokens=True), strict=True):
            found[i] = text
    return found


def by_ctranslate2(engine: CTranslate2Engine, settings: SearchSettings, texts: list[str]) -> list[str]:
    """CTranslate2's own API, with its own batching of as many tokens as ours."""
    tokenizer: Any = engine.tokenizer
    sources = [[engine.source_tokens[i] for i in ids] for ids in tokenizer(texts)["input_ids"]]
    longest = int(settings.max_length_ratio * max(map(len, sources))) + 10
    results = engine.engine.translate_batch(
        sources,
        beam_size=settings.num_beams,
        max_batch_size=BATCH_TOKENS // settings.num_beams,
        batch_type="tokens",
        max_decoding_length=longest,
        max_input_length=0,
    )
    ids = {token: i for i, token in enumerate(engine.target_tokens)}
    written = [[ids[token] for token in result.hypotheses[0]] for result in results]
    return tokenizer.batch_decode(written, skip_special_tokens=True)


def ways_of(model: Any, tokenizer: Any, settings: SearchSettings) -> dict[str, Way]:
    float32, int8 = (open_engine(model, tokenizer, quantization=each) for each in (None, "int8"))
    ours = partial(by_ours, model, tokenizer)
    return {
        "ours, transformers": partial(ours, None, settings),
        "generate": partial(by_generate, model, tokenizer, settings),
        "ours, CTranslate2": partial(ours, float32, settings),
        "CTranslate2 itself": partial(by_ctranslate2, float32, settings),
        "ours, CTranslate2 int8": partial(ours, int8, settings),
        "CTranslate2 itself, int8": partial(by_ctranslate2, int8, settings),
    }


def timed(way: Way, texts: list[str]) -> tuple[float, list[str]]:
    start = time.perf_counter()
    found = way(texts)
    return time.perf_counter() - start, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a translator, or random-base")
    parser.add_argument("--data", default="textbook:en-es", help="default: textbook:en-es")
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument("--languages", default="en-es", help="default: en-es")
    parser.add_argument("--sentences", type=int, default=2000, help="default: 2000")
    parser.add_argument("--alone", type=int, default=50, help="sentences that are translated one by one; default: 50")
    parser.add_argument("--num-beams", type=int, default=5, help="default: 5")
    parser.add_argument("--length-ratio", type=float, default=2.0, help="bounds translations; default: 2")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    options = parser.parse_args()
    source, target = options.languages.split("-")
    rows = islice(load_corpus(options.data, source, target, options.split).dataset, options.sentences)
    pairs = [(row["source"], row["target"]) for row in rows]
    texts, references = [one for one, _ in pairs], [other for _, other in pairs]
    model, tokenizer = load(options.model)
    settings = SearchSettings(options.num_beams, max_length_ratio=options.length_ratio)
    ways = ways_of(model, tokenizer, settings)

    seconds: dict[str, list[float]] = {name: [] for name in ways}
    alone: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, list[str]] = {}
    for way in ways.values():
        way(texts[:BATCH])
    for _ in range(options.rounds):
        for name, way in ways.items():
            took, found[name] = timed(way, texts)
            seconds[name].append(took)
        for text in texts[: options.alone]:
            for name, way in ways.items():
                alone[name].append(timed(way, [text])[0])

    first = next(iter(ways))
    metric = load_translation_metric()
    table = []
    for name in ways:
        took, one = statistics.median(seconds[name]), statistics.median(alone[name])
        equal = sum(ours.strip() == theirs.strip() for ours, theirs in zip(found[name], found[first], strict=True))
        bleu = metric.compute(predictions=found[name], references=references, target_lang=target)["bleu"]
        table.append(
            [
                name,
                f"{len(texts) / took:,.1f}",
                f"{statistics.median(seconds[first]) / took:.2f}x",
                f"{1000 * one:,.1f}",
                f"{statistics.median(alone[first]) / one:.2f}x",
                f"{100 * equal / len(texts):.1f} %",
                f"{bleu:.2f}",
            ]
        )
    print(f"{options.model}, beam {options.num_beams}, {len(texts):,} sentences of {options.data}")
    print(f"{torch.get_num_threads()} threads, {provenance.hardware()}, medians of {options.rounds} rounds\n")
    columns = ["way", "sentences/s", "", "alone, ms", "", "equal texts", "BLEU"]
    print(format_table(columns, table, "markdown"))


if __name__ == "__main__":
    main()
