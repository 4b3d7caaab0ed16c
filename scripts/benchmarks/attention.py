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
from hf_attn_model.attention.places import PLACES
from hf_attn_model.attention.record import record_attention


def build(width: int, layers: int, longest: int) -> AttnForConditionalGeneration:
    sizes = {"layers": layers, "ffn_dim": 4 * width, "attention_heads": width // 64}
    sides: dict[str, Any] = {f"{side}_{name}": size for side in ("encoder", "decoder") for name, size in sizes.items()}
    config = AttnConfig(vocab_size=8000, d_model=width, max_position_embeddings=longest, dropout=0.0, **sides)
    return AttnForConditionalGeneration(config).eval()


def ways(model: AttnForConditionalGeneration, batch: dict[str, torch.Tensor]) -> dict[str, Callable[[], list]]:
    """Each way returns the tensors that it holds on to."""

    def plain() -> list[torch.Tensor]:
        model(**batch)
        return []

    def record() -> list[torch.Tensor]:
        with record_attention(model) as recorded:
            model(**batch)
        calls = recorded.forwards[0].calls.values()
        return [part for call in calls for part in vars(call).values() if isinstance(part, torch.Tensor)]

    def rebuild() -> list[torch.Tensor]:
        with record_attention(model) as recorded:
            model(**batch)
        return [recorded.forwards[0].weights(place) for place in PLACES]

    def eager() -> list[torch.Tensor]:
        model.set_attn_implementation("eager")
        outputs = model(**batch, output_attentions=True)
        model.set_attn_implementation("sdpa")
        return [weights for place in PLACES for weights in outputs[f"{place}_attentions"]]

    return {"plain": plain, "record": record, "+ weights": rebuild, "eager": eager}


@torch.inference_mode()
def measure(model: AttnForConditionalGeneration, length: int, tokens: int, rounds: int, padding: bool) -> None:
    ids = torch.randint(2, 8000, (max(1, tokens // length), length))
    mask = torch.ones_like(ids)
    if padding:
        mask[-1, length // 2 :] = 0
    run = ways(model, {"input_ids": ids, "attention_mask": mask, "decoder_input_ids": ids})
    seconds: dict[str, list[float]] = {name: [] for name in run}
    megabytes = {}
    for name, way in run.items():  # this round warms up
        storages = {storage.data_ptr(): storage.nbytes() for storage in (part.untyped_storage() for part in way())}
        megabytes[name] = sum(storages.values()) / 1e6
    for _ in range(rounds):
        for name, way in run.items():
            start = perf_counter()
            way()
            seconds[name].append(perf_counter() - start)
    middle = {name: median(times) for name, times in seconds.items()}
    for name in run:
        cells = [f"{middle[name] * 1e3:.1f}", f"{middle[name] / middle['plain']:.2f}", f"{megabytes[name]:.1f}"]
        print(f"| {len(ids)} x {length} | {name} | {' | '.join(cells)} |", flush=True)


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
