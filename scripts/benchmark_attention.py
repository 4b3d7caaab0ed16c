"""What it costs to get attention out of a forward pass: time and retained memory, against the plain fused pass.

One model, several lengths; every way is timed in each round, one after the other, and compared by medians. `record`
keeps queries and keys beside the fused pass, `+ weights` rebuilds all weights of the batch as well, and `eager` is
transformers' own `output_attentions=True`. Retained is what the result holds on to.
"""

import argparse
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import torch

from hf_attn_model import AttnConfig, AttnForConditionalGeneration
from hf_attn_model.maps import PLACES, record_attention
from hf_attn_model.maps.recording import AttentionRecord


def build(width: int, layers: int, longest: int) -> AttnForConditionalGeneration:
    sides = {
        f"{side}_{name}": n for side in ("encoder", "decoder") for name, n in (("layers", layers), ("ffn_dim", 1024))
    }
    heads = {f"{side}_attention_heads": width // 64 for side in ("encoder", "decoder")}
    config = AttnConfig(vocab_size=8000, d_model=width, max_position_embeddings=longest, dropout=0.0, **sides, **heads)
    return AttnForConditionalGeneration(config).eval()


def ways(model: AttnForConditionalGeneration, batch: dict[str, torch.Tensor]) -> dict[str, Callable[[], Any]]:
    def record() -> AttentionRecord:
        with record_attention(model) as recorded:
            model(**batch)
        return recorded

    def rebuild() -> list[torch.Tensor]:
        forward = record().forwards[0]
        return [forward.weights(place) for place in PLACES]

    def eager() -> list[tuple[torch.Tensor, ...]]:
        model.set_attn_implementation("eager")
        outputs = model(**batch, output_attentions=True)
        model.set_attn_implementation("sdpa")
        return [outputs[f"{place}_attentions"] for place in PLACES]

    return {"plain": lambda: model(**batch) and None, "record": record, "+ weights": rebuild, "eager": eager}


def megabytes(result: Any) -> float:
    """Add up the memory of all tensors in a result, each storage once."""
    if isinstance(result, AttentionRecord):
        result = [list(vars(call).values()) for forward in result.forwards for call in forward.calls.values()]
    storages: dict[int, int] = {}

    def visit(item: Any) -> None:
        if isinstance(item, torch.Tensor):
            storages[item.untyped_storage().data_ptr()] = item.untyped_storage().nbytes()
        elif isinstance(item, list | tuple):
            for part in item:
                visit(part)

    visit(result)
    return sum(storages.values()) / 1e6


@torch.inference_mode()
def measure(model: AttnForConditionalGeneration, length: int, tokens: int, rounds: int, padding: bool) -> None:
    ids = torch.randint(2, 8000, (max(1, tokens // length), length))
    mask = torch.ones_like(ids)
    if padding:
        mask[-1, length // 2 :] = 0
    run = ways(model, {"input_ids": ids, "attention_mask": mask, "decoder_input_ids": ids})
    seconds: dict[str, list[float]] = {name: [] for name in run}
    retained = {name: megabytes(way()) for name, way in run.items()}  # the first round warms up
    for _ in range(rounds):
        for name, way in run.items():
            start = perf_counter()
            way()
            seconds[name].append(perf_counter() - start)
    plain = median(seconds["plain"])
    for name in run:
        cells = [f"{len(ids)} x {length}", name, f"{median(seconds[name]) * 1e3:.1f}"]
        print(
            "|", " | ".join([*cells, f"{median(seconds[name]) / plain:.2f}", f"{retained[name]:.1f}"]), "|", flush=True
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[32, 128, 512, 2048], help="of source and target")
    parser.add_argument("--tokens", type=int, default=2048, help="of a batch, on each side; default: 2048")
    parser.add_argument("--width", type=int, default=256, help="d_model, in heads of 64; default: 256")
    parser.add_argument("--layers", type=int, default=3, help="of each stack; default: 3")
    parser.add_argument("--rounds", type=int, default=31, help="default: 31")
    parser.add_argument("--padding", action="store_true", help="pad the last sentence by half")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    model = build(arguments.width, arguments.layers, max(arguments.lengths))
    print("| batch | way | milliseconds | against plain | retained MB |\n|---|---|---|---|---|")
    for length in arguments.lengths:
        measure(model, length, arguments.tokens, arguments.rounds, arguments.padding)


if __name__ == "__main__":
    main()
