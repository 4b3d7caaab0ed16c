"""BLEU after so many minutes of training: a recipe of ours, and MarianMT of its size under Seq2SeqTrainer.

One tokenizer, the same sizes, dropout and label smoothing, one schedule by time; see `training_courses.py`. Weights are
kept at the minutes and scored when the training is over, so that neither costs it time. Every training ends, with its
learning rate, at the last minute: for the score of a shorter one, run it as one of its own. What OUT holds already is
not done again; `OUT/results.jsonl` has all scores with their signatures.

    python scripts/benchmarks/time_to_quality.py tatoeba-en-es corpus=DATA --minutes 10 20 30 --out OUT
    python scripts/benchmarks/time_to_quality.py tatoeba-en-es corpus=DATA --minutes 10 --only ours --out OUT
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from training_courses import OURS, PEERS, run_course
from transformers import AutoModelForSeq2SeqLM

from hf_attn_model.recipes.recipe import Recipe, load_recipe
from hf_attn_model.text.corpora import Corpus, load_corpus
from hf_attn_model.training import provenance
from hf_attn_model.training.evaluate import evaluate
from hf_attn_model.training.examples import make_tokenizer
from hf_attn_model.view.heads import format_table

RESULTS_FILE = "results.jsonl"
NAMES = [*PEERS, OURS]


def read_results(out: Path) -> list[dict[str, Any]]:
    path = out / RESULTS_FILE
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []


def measure(name: str, recipe: Recipe, train: Corpus, test: Corpus, minutes: list[float], out: Path) -> None:
    """Train a contender and score its weights, where that was not done before."""
    tokenizer = make_tokenizer(recipe, train.dataset)
    folder = out / f"{re.sub(r'[^a-z]+', '-', name.lower())}-{minutes[-1]:g}"
    for mark in run_course(name, recipe, train.dataset, tokenizer, minutes, folder):
        key = {"contender": name, "of_minutes": minutes[-1], "minute": mark["minute"]}
        if any(key.items() <= result.items() for result in read_results(out)):
            continue
        model = AutoModelForSeq2SeqLM.from_pretrained(folder / f"{mark['minute']:g}")
        scores, _ = evaluate(
            model,
            tokenizer,
            test,
            recipe.target_lang,
            num_beams=recipe.num_beams,
            lowercase=recipe.lowercase,
            progress=True,
        )
        speed = {"tokens_per_second": round(mark["tokens"] / mark["training_seconds"])}
        machine = {"hardware": provenance.hardware(), "versions": provenance.versions()}
        with (out / RESULTS_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(key | mark | speed | scores | machine, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", help="a recipe of the package, or a .yaml file")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="such as corpus=FOLDER")
    parser.add_argument("--minutes", type=float, nargs="+", default=[5, 10, 20, 30], help="default: 5 10 20 30")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="default: all")
    parser.add_argument("--out", type=Path, required=True, help="folder")
    options = parser.parse_args()
    recipe = load_recipe(options.recipe, options.overrides)
    languages = (recipe.source_lang, recipe.target_lang)
    splits = (recipe.train_split, recipe.test_split)
    train, test = (load_corpus(recipe.corpus, *languages, split, config=recipe.config) for split in splits)
    for name in options.only:
        measure(name, recipe, train, test, sorted(options.minutes), options.out)
    columns = ["contender", "of_minutes", "minute", "steps", "tokens_per_second", "bleu", "tokenized_bleu"]
    rows = [
        [f"{cell:,.2f}".removesuffix(".00") if isinstance(cell, int | float) else cell for cell in cells]
        for cells in ([result[column] for column in columns] for result in read_results(options.out))
    ]
    print(format_table(columns, rows, "markdown"))


if __name__ == "__main__":
    main()
