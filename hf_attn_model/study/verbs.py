"""`hf-attn ablate` and `hf-attn curve`: their arguments, and what they do."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from ..errors import UserError
from ..options import (
    MODEL,
    ON_PICTURES,
    add_beams,
    add_head,
    add_languages,
    check_beams,
    language,
    num_beams,
    refuse,
    required,
)


def add_ablate_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be typed after `hf-attn ablate`."""
    parser.add_argument("model", help=MODEL)
    parser.add_argument("--heads", required=True, help="changed together: cross:2:1,encoder:0:3; all: each by itself")
    parser.add_argument("--mode", default="uniform", help="uniform (looks everywhere alike) or zero; default: uniform")
    parser.add_argument("--corpus", help="to translate: file, folder, Hub id or textbook:en-es; default: the recipe's")
    parser.add_argument("--config", help="of a Hub data set that has several")
    parser.add_argument("--split", help="default: the test split of the model's recipe")
    parser.add_argument("--sentences", type=int, help="only the first ones of the corpus and of the gold set")
    parser.add_argument("--gold", help="to align: .jsonl file of words and links, or textbook:en-es")
    parser.add_argument("--out", metavar="FILE", help="write all numbers, as JSON")
    add_beams(parser)
    add_languages(parser)


def add_curve_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be typed after `hf-attn curve`."""
    parser.add_argument("folder", help="of a training with watch_attention=256")
    parser.add_argument("--out", default="curve.png", help="picture: .png, .svg or .pdf; default: curve.png")


def add_film_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be typed after `hf-attn film`."""
    parser.add_argument("folder", help="of a training with watch_attention=256")
    parser.add_argument(
        "--out", default="film.gif", help="film (.gif) or page with a slider (.html); default: film.gif"
    )
    add_head(parser, place=None, number=None)
    parser.add_argument("--subwords", action="store_true", help="label by subwords instead of words")


def ablate(arguments: argparse.Namespace) -> None:
    """Change heads, and measure what becomes of translations and alignments."""
    from ..alignment.pairs import read_gold
    from ..attention.places import parse_heads
    from ..checkpoint import Checkpoint
    from ..checkpoint.checkpoint import load_translator
    from ..text.corpora import load_corpus
    from ..view.ablations import ablation_text
    from .ablation import ablate as ablate_heads
    from .ablation import all_heads

    recipe = Checkpoint(arguments.model).recipe
    source_lang, target_lang = language(arguments, "source"), language(arguments, "target")
    name = required(arguments.corpus or (recipe.corpus if recipe else None), "--corpus")
    check_beams(arguments)
    if arguments.sentences is not None and arguments.sentences < 1:
        raise UserError(f"--sentences must be at least 1, got {arguments.sentences}")
    settings = None if arguments.heads == "all" else [parse_heads(arguments.heads)]
    split = arguments.split or (recipe.test_split if recipe and arguments.corpus is None else "test")
    corpus = load_corpus(name, source_lang, target_lang, split, config=arguments.config)
    print(corpus.summary())
    rows = corpus.dataset.select(range(min(arguments.sentences or len(corpus.dataset), len(corpus.dataset))))
    gold = read_gold(arguments.gold, source_lang, target_lang, split)[: arguments.sentences] if arguments.gold else []
    model, tokenizer = load_translator(arguments.model)
    ablations = list(
        ablate_heads(
            model,
            tokenizer,
            list(rows["source"]),
            list(rows["target"]),
            settings or all_heads(model, tokenizer, rows[0]["source"], rows[0]["target"]),
            arguments.mode,
            target_lang=target_lang,
            gold=gold,
            alignment=Checkpoint(arguments.model).alignment if gold else None,
            num_beams=num_beams(arguments, model),
            progress=True,
        )
    )
    print(ablation_text(ablations))
    if arguments.out:
        text = json.dumps([asdict(ablation) for ablation in ablations], indent=2)
        Path(arguments.out).write_text(text + "\n", encoding="utf-8")


def curve(arguments: argparse.Namespace) -> None:
    """Draw what a training made of attention."""
    from ..view.curves import save_curve
    from .curve import read_curve

    records = read_curve(arguments.folder)
    save_curve(records, arguments.out)
    print(f"{len(records)} steps measured, {records[0]['step']} to {records[-1]['step']}\npicture: {arguments.out}")


def film(arguments: argparse.Namespace) -> None:
    """Show one sentence at every measured step of a training, as a film or as a page."""
    from ..view.page import PAGE_SUFFIXES, write_page
    from ..view.pictures import FILM_SUFFIX, save_film
    from .curve import read_curve, read_frames

    suffix = Path(arguments.out).suffix.lower()
    if suffix not in (FILM_SUFFIX, *PAGE_SUFFIXES):
        raise UserError(f"{arguments.out}: films end in {FILM_SUFFIX}, pages in {PAGE_SUFFIXES[0]}")
    choice = {"place": arguments.place, "layer": arguments.layer, "head": arguments.head}
    frames = read_frames(read_curve(arguments.folder))
    if suffix == FILM_SUFFIX:
        save_film(frames, arguments.out, **choice, merge_words=not arguments.subwords)
    else:
        refuse(arguments, ON_PICTURES, "a page shows all of it")
        write_page(frames, arguments.out, is_film=True)
    print(f"{frames[0].source}\n{frames[0].target}\n{len(frames)} frames, {frames[0].id} to {frames[-1].id}")
    print(f"film: {arguments.out}")
