"""Word alignments from cross-attention, beside the diagonal, encoder similarity and eflomal, as a Markdown table.

Heads, rules, least weights and ways to unite two directions are chosen on the development set; the table is about the
test set. eflomal learns from the training pairs and from the gold sentences, without their links.

    python scripts/benchmarks/alignment.py runs/textbook-en-es --train textbook:en-es
    python scripts/benchmarks/alignment.py runs/tatoeba-en-es --reverse runs/tatoeba-es-en --train data/tatoeba_en-es \\
        --dev data/gold_align/en-es.dev.jsonl.gz --test data/gold_align/l2f_golden_en-es_100.jsonl.gz
"""

import argparse
from collections.abc import Iterator

import numpy as np

from hf_attn_model.alignment.baselines import eflomal_links, similarity_maps
from hf_attn_model.alignment.cross_attention import SHIFTS, read_cross_attention
from hf_attn_model.alignment.gold import read_gold
from hf_attn_model.alignment.heads import choose_alignment_config, score_alignment_config, score_diagonal
from hf_attn_model.alignment.links import METHODS, link_words, symmetrise, to_matrix
from hf_attn_model.alignment.pairs import GoldPair, read_pairs
from hf_attn_model.alignment.scores import LinkCounts, count_links, sum_counts
from hf_attn_model.checkpoint.alignment_config import MEASURES, shift_name
from hf_attn_model.checkpoint.checkpoint import load_translator
from hf_attn_model.recipes.recipe import recipe_of
from hf_attn_model.text.words import split_words
from hf_attn_model.view.heads import SCORES, format_table, score_cells

Gold = dict[str, list[GoldPair]]
Links = dict[str, list[np.ndarray]]  # by split, a matrix for each sentence


def united(forward: Links, backward: Links, gold: Gold) -> tuple[str, LinkCounts]:
    """Unite two directions in the way that is best on dev: the way, and what it does on test."""

    def score(way: str, split: str) -> LinkCounts:
        links = (symmetrise(*both, way) for both in zip(forward[split], backward[split], strict=True))
        both = zip(links, gold[split], strict=True)
        return sum_counts(count_links(one, *pair.matrices) for one, pair in both)

    best = min(METHODS, key=lambda way: float(score(way, "dev").error_rate))
    return best, score(best, "test")


def best_links(name: str, gold: Gold) -> Links:
    """Read the links of a model in the way that is best on dev."""
    model, tokenizer = load_translator(name)
    read = {split: list(read_cross_attention(model, tokenizer, pairs)) for split, pairs in gold.items()}
    config = choose_alignment_config(read["dev"], gold["dev"], "weights", [False])
    return {split: [attention.links(config) for attention in attentions] for split, attentions in read.items()}


def by_eflomal(train: list[tuple[list[str], list[str]]], gold: Gold) -> tuple[Links, Links]:
    of_gold = [(pair.source_words, pair.target_words) for pairs in gold.values() for pair in pairs]
    directions = []
    for links in eflomal_links(of_gold + train):
        matrices = [to_matrix(one, len(t), len(s)) for one, (s, t) in zip(links, of_gold, strict=False)]
        directions.append({"dev": matrices[: len(gold["dev"])], "test": matrices[len(gold["dev"]) :]})
    return directions[0], directions[1]


def measure(options: argparse.Namespace) -> Iterator[tuple[str, str, LinkCounts]]:
    """Aligner, what was chosen for it on dev, and its counts on test."""
    recipe = recipe_of(options.model)
    source, target = (recipe.source_lang, recipe.target_lang) if recipe else (None, None)
    gold = {
        "dev": read_gold(options.dev, source, target, "dev"),
        "test": read_gold(options.test, source, target, "test"),
    }
    yield "diagonal", "", score_diagonal(gold["test"])
    model, tokenizer = load_translator(options.model)
    maps = {split: list(similarity_maps(model, tokenizer, pairs)) for split, pairs in gold.items()}
    forward, backward = (
        {split: [link_words(one, rule) for one in maps[split]] for split in gold} for rule in ("target", "source")
    )
    yield "encoder similarity", *united(forward, backward, gold)
    for weighing in MEASURES:
        read = {split: list(read_cross_attention(model, tokenizer, gold[split], weighing)) for split in gold}
        for shift in SHIFTS:
            config = choose_alignment_config(read["dev"], gold["dev"], weighing, [shift])
            counts = score_alignment_config(config, read["test"], gold["test"])
            yield f"{weighing}, {shift_name(shift)}", str(config), counts
    if options.reverse:
        turned = {split: [pair.swapped() for pair in pairs] for split, pairs in gold.items()}
        backward = {split: [one.T for one in links] for split, links in best_links(options.reverse, turned).items()}
        yield "weights, unshifted, both directions", *united(best_links(options.model, gold), backward, gold)
    if options.train:
        pairs = [
            (pair.source_words or words(pair.source), pair.target_words or words(pair.target))
            for pair in read_pairs(options.train, source, target, "train")
        ]
        yield "eflomal, both directions", *united(*by_eflomal(pairs, gold), gold)


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in split_words(text)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder of a checkpoint")
    parser.add_argument("--dev", default="textbook:en-es", help="gold set to choose on; default: textbook:en-es")
    parser.add_argument("--test", default="textbook:en-es", help="gold set to report on; default: textbook:en-es")
    parser.add_argument("--reverse", metavar="MODEL", help="of the other direction")
    parser.add_argument("--train", metavar="CORPUS", help="what eflomal learns from")
    results = [(aligner, chosen, *score_cells(counts)) for aligner, chosen, counts in measure(parser.parse_args())]
    print(format_table(["aligner", "chosen on dev", *SCORES], results, "markdown"))


if __name__ == "__main__":
    main()
