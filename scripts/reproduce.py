"""Train and evaluate the recipes of the README's results table, collect their model cards and print the table.

Real corpora lie in a folder DATA with one folder each (tatoeba_en-es, tatoeba_en-zh, multi30k), in these the files of
the splits. What is trained already is not trained again.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from hf_attn_model.training.callbacks.manifest import is_trained, read_manifest

CORPORA = {
    "textbook-en-es": None,
    "textbook-en-zh": None,
    "tatoeba-en-es": "tatoeba_en-es",
    "tatoeba-en-zh": "tatoeba_en-zh",
    "multi30k-en-de": "multi30k",
    "multi30k-de-en": "multi30k",
    "multi30k-en-fr": "multi30k",
}
COLUMNS = ["recipe", "parameters", "minutes", "tokens/s", "BLEU", "chrF", "lowercased tokenised BLEU", "exact match"]


def hf_attn(*arguments: str) -> None:
    """Run a verb as a user would, and stop at its first failure."""
    command = ["hf-attn", *arguments]
    print("$", " ".join(command), flush=True)
    if status := subprocess.run([str(Path(sys.executable).with_name("hf-attn")), *arguments]).returncode:
        sys.exit(status)


def measure(recipe: str, data: Path, runs: Path) -> list[str]:
    """Train and evaluate one recipe; returns its row of the table."""
    folder = runs / recipe
    if not is_trained(folder):
        name = CORPORA[recipe]
        corpus = [f"corpus={data / name}"] if name else []
        hf_attn("train", recipe, *corpus, "--processes", "1", "--out", str(folder))  # the same numbers on any machine
    if not (folder / "evaluation.json").is_file():
        hf_attn("evaluate", str(folder))
    Path("model_cards", f"{recipe}.md").write_text((folder / "README.md").read_text("utf-8"), encoding="utf-8")
    training = read_manifest(folder)
    scores = json.loads((folder / "evaluation.json").read_text("utf-8"))
    return [
        recipe,
        f"{training['parameters'] / 1e6:.1f} M",
        f"{training['seconds'] / 60:.1f}",
        f"{training['tokens_per_second']:,}",
        f"{scores['bleu']:.2f}",
        f"{scores['chrf']:.2f}",
        f"{scores['tokenized_bleu']:.2f}",
        f"{scores['exact_match']:.2f} %",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help=f"default: all of {', '.join(CORPORA)}")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder of the real corpora; default: data")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where to train; default: runs")
    arguments = parser.parse_args()
    if unknown := set(arguments.recipes) - set(CORPORA):
        parser.error(f"no such recipe: {', '.join(sorted(unknown))}")
    rows = [measure(recipe, arguments.data, arguments.runs) for recipe in arguments.recipes or CORPORA]
    for cells in (COLUMNS, ["---"] * len(COLUMNS), *rows):
        print("|", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
