"""What `hf-attn align` and `hf-attn heads` do."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..attention.places import parse_layer_heads
from ..checkpoint import AlignmentConfig, Checkpoint
from ..checkpoint.alignment_config import ALIGNMENT_FILE, METHODS, save_alignment
from ..errors import UserError
from ..options import typed_or_recipe_language
from ..view.heads import PROFILE, SCORES, check_style, format_table, profile_cells, save_heads, score_cells
from ..view.pictures import check_format
from .corpus import Export, LiveModel, align_both_ways, align_pairs, open_origin
from .formats import to_pharaoh, write_links
from .heads import choose_alignment_config, profile_heads, score_alignment_config, score_diagonal, summarise_heads
from .pairs import GoldPair, Pair, read_gold, read_pairs
from .scores import LinkCounts


def align(arguments: argparse.Namespace) -> None:
    """Align the words of a corpus by cross-attention."""
    given = _typed(arguments)
    method = given.pop("rule", AlignmentConfig().rule) if arguments.reverse else None
    if method is not None and method not in METHODS:
        raise UserError(f"--rule {method} does not unite two directions; choose from {', '.join(METHODS)}")
    origin = open_origin(arguments.model)
    saved = origin.config
    reading = replace(saved or AlignmentConfig(), **given)
    if isinstance(origin, Export):
        if arguments.data:
            raise UserError(f"{arguments.model} is an export, which has its own sentences: leave out --data")
        attentions = origin.attend(None, reading.measure)
    else:
        attentions = origin.attend(_pairs(arguments), reading.measure)
    if method is not None:
        reverse = open_origin(arguments.reverse)
        linked = align_both_ways(attentions, reading, reverse, reverse.config or AlignmentConfig(), method)
    else:
        linked = align_pairs(attentions, reading)
    if not arguments.out:
        for pair in linked:
            print(to_pharaoh(pair.links))
        return
    count = write_links(linked, arguments.out)
    chosen = f"chosen in {ALIGNMENT_FILE}" if saved else "the default; hf-attn heads finds better ones"
    print(f"{reading} ({'as typed' if given else chosen})\nlinks of {count:,} sentences: {arguments.out}")


def heads(arguments: argparse.Namespace) -> None:
    """Find the heads that align words, on gold links."""
    check_style(arguments.format)
    if arguments.picture:
        check_format(arguments.picture)
    gold = {"dev": _gold(arguments, arguments.gold, "dev")}
    if arguments.test:
        gold["test"] = _gold(arguments, arguments.test, "test")
    measure = "norms" if arguments.norms else "weights"
    model = LiveModel(Checkpoint(arguments.model))
    attentions = {split: list(model.attend(pairs, measure)) for split, pairs in gold.items()}
    profiles = profile_heads(attentions["dev"], gold["dev"])
    reading = choose_alignment_config(attentions["dev"], gold["dev"], measure)
    scores = {split: score_alignment_config(reading, attentions[split], gold[split]) for split in gold}
    rows = [[split, "chosen", *score_cells(scores[split])] for split in gold]
    rows += [[split, "diagonal", *score_cells(score_diagonal(gold[split]))] for split in gold]
    print(f"heads on {arguments.gold}, {len(gold['dev']):,} sentences, in percent\n")
    print(format_table(PROFILE, [profile_cells(profile) for profile in profiles], arguments.format))
    print(f"\nchosen on dev: {reading}\n")
    print(format_table(["gold", "links", *SCORES], rows, arguments.format))
    if arguments.picture:
        save_heads(profiles, attentions["dev"][0].heads_of(reading), arguments.picture)
        print(f"picture: {arguments.picture}")
    if Path(arguments.model).is_dir():
        names = {"dev": arguments.gold, "test": arguments.test}
        facts = {split: {"gold": names[split], **_facts(scores[split], len(gold[split]))} for split in gold}
        save_alignment(Path(arguments.model), reading, summarise_heads(profiles), facts)
        print(f"{Path(arguments.model, ALIGNMENT_FILE)}: hf-attn align reads it")


def _typed(arguments: argparse.Namespace) -> dict[str, Any]:
    """What was typed of a reading."""
    given = {
        "heads": parse_layer_heads(arguments.heads) if arguments.heads else None,
        "shift": None if arguments.step is None else arguments.step == "input",
        "measure": "norms" if arguments.norms else None,
        "rule": arguments.rule,
        "threshold": arguments.least,
    }
    return {name: value for name, value in given.items() if value is not None}


def _pairs(arguments: argparse.Namespace) -> list[Pair]:
    """The pairs that a model aligns."""
    if not arguments.data:
        raise UserError(f"{arguments.model} is a model: name the sentence pairs with --data")
    config, is_spaced = arguments.config, arguments.spaced
    languages = _languages(arguments)
    return read_pairs(arguments.data, *languages, arguments.split, config=config, words_are_spaced=is_spaced)


def _gold(arguments: argparse.Namespace, data: str, split: str) -> list[GoldPair]:
    """A gold set, turned round if it was said to be of the other direction."""
    pairs = read_gold(data, *_languages(arguments), split)
    return [pair.swapped() for pair in pairs] if arguments.swap else pairs


def _languages(arguments: argparse.Namespace) -> tuple[str | None, str | None]:
    """Source and target language: as typed, else as in the recipe beside the model."""
    return typed_or_recipe_language(arguments, "source"), typed_or_recipe_language(arguments, "target")


def _facts(counts: LinkCounts, sentences: int) -> dict[str, float]:
    """What `alignment.json` says about a choice."""
    shares = {"aer": counts.error_rate, "precision": counts.precision, "recall": counts.recall, "f1": counts.f1}
    return {"sentences": sentences, **{name: round(float(share), 4) for name, share in shares.items()}}
