"""Speed of training in several processes of one machine: the trial by which `hf-attn train` chooses, in rounds.

Steps of random sentences of 16 tokens, which all processes share; layouts and precisions take turns, medians are
compared. Run it on a quiet machine, without OMP_NUM_THREADS.

    python scripts/benchmarks/layouts.py tatoeba-en-es corpus=data/tatoeba_en-es --rounds 5
"""

import argparse
from collections import defaultdict
from dataclasses import replace
from itertools import product
from statistics import median

from tqdm import tqdm

from hf_attn_model.files.processes import count_cores
from hf_attn_model.recipes.recipe import load_recipe
from hf_attn_model.training import launch as launching
from hf_attn_model.training import provenance
from hf_attn_model.training.launch import launch
from hf_attn_model.training.layout import layouts_of, speed_of_trial
from hf_attn_model.view.heads import format_table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    arguments = parser.parse_args()
    launching.own_process = True  # nothing is computed here
    recipe = load_recipe(arguments.recipe, arguments.overrides)
    kinds = list(product(("fp32", "bf16"), layouts_of(count_cores())))
    speeds = defaultdict(list)
    for _ in tqdm(range(arguments.rounds)):
        for precision, layout in kinds:
            tried = replace(recipe, training={**recipe.training, "bf16": precision == "bf16"})
            speeds[precision, layout].append(launch(layout, speed_of_trial, tried))
    rows = []
    for (precision, layout), found in speeds.items():
        first = median(speeds[precision, kinds[0][1]])
        spread = f"{min(found):,.0f} to {max(found):,.0f}"
        rows.append([precision, str(layout), f"{median(found):,.0f}", spread, f"{median(found) / first:.2f}"])
    print(f"{recipe.name}, {provenance.hardware()}, {provenance.versions()}")
    print(format_table(["precision", "layout", "tokens/s", "min to max", "of one process"], rows, "markdown"))


if __name__ == "__main__":
    main()
