"""`hf-attn view`: its arguments, and what it does: a picture of one sentence, or a page to explore."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UserError
from ..options import ON_PICTURES, add_beams, add_head, add_target, num_beams, refuse

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ..attention.sentence import SentenceMaps
    from ..export.store import Maps
    from .page import InspectedSentence
    from .page.write import PageFacts

PAGE_SUFFIXES = (".html", ".htm")  # as in `page.write`, which takes seconds to import
ON_PAGES = ("first", "compare", "best")  # options that only pages have
MOST = 500  # sentences of a page, unless more are asked for


def add_view_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be typed after `hf-attn view`."""
    parser.add_argument("model", metavar="MODEL|MAPS", help="a model, or the folder of an export")
    parser.add_argument("sentence", nargs="?", help="sentence to translate, after a model")
    parser.add_argument(
        "--out", default="attention.png", help="picture (.png, .svg, .pdf) or page (.html); default: attention.png"
    )
    parser.add_argument("--index", type=int, help="number of a sentence in the export; default: 0, a page: all")
    add_head(parser, place=None, number=None)
    add_target(parser)
    parser.add_argument("--subwords", action="store_true", help="label by subwords instead of words")
    parser.add_argument("--first", type=int, metavar="N", help=f"page: so many sentences of an export; default: {MOST}")
    parser.add_argument("--compare", nargs="+", metavar="MODEL", help="page: other checkpoints, same translation")
    parser.add_argument("--best", type=int, metavar="N", help="page: the N best translations of the beam")
    add_beams(parser)


def view(arguments: argparse.Namespace) -> None:
    """Show the attention of a sentence, as a picture or as a page to explore."""
    is_page = Path(arguments.out).suffix.lower() in PAGE_SUFFIXES
    _check_options(arguments, is_page)
    (_write_page if is_page else _draw_picture)(arguments)


def _check_options(arguments: argparse.Namespace, is_page: bool) -> None:
    """Refuse options that would not be heard."""
    if is_page:
        refuse(arguments, ON_PICTURES, "a page shows all of it")
    else:
        refuse(arguments, ON_PAGES, "it is for pages: --out page.html")
    is_model = (Path(arguments.model) / "config.json").is_file()
    if arguments.sentence is None and is_model:
        raise UserError(f"{arguments.model} is a model: give a sentence to translate, too")
    if arguments.sentence is None:
        refuse(arguments, ("compare", "best", "target", "num_beams"), "it needs a model and a sentence")
    else:
        refuse(arguments, ("index", "first"), "it is for exports")
    if arguments.best is not None and (arguments.compare or arguments.target is not None):
        raise UserError("--best compares translations of one model: leave out --compare and --target")
    for name in ("first", "best"):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            raise UserError(f"--{name} must be at least 1, got {getattr(arguments, name)}")


def _draw_picture(arguments: argparse.Namespace) -> None:
    from ..export.store import open_maps
    from .pictures import check_format, save_picture

    check_format(arguments.out)
    if arguments.sentence is None:
        record = _sentence_of(open_maps(arguments.model), arguments.index or 0)
    else:
        record = _look(arguments)[0][0].maps
    save_picture(record, arguments.out, arguments.place, arguments.layer, arguments.head, not arguments.subwords)
    print(f"{record.source}\n{record.target}\npicture: {arguments.out}")


def _write_page(arguments: argparse.Namespace) -> None:
    (_page_of_export if arguments.sentence is None else _page_of_sentence)(arguments)


def _page_of_export(arguments: argparse.Namespace) -> None:
    from ..checkpoint import Checkpoint
    from ..export.store import open_maps
    from .page import write_page

    maps = open_maps(arguments.model)
    most = arguments.first or MOST
    if arguments.index is not None:
        records: Sequence[SentenceMaps] = [_sentence_of(maps, arguments.index)]
    else:
        records = maps if len(maps) <= most else maps[:most]
    model = maps.metadata["model"]
    heads = Checkpoint(model).head_summaries if Path(model).is_dir() else []
    facts = write_page(records, arguments.out, heads=heads, source_error=maps.metadata["largest_error"])
    _say(facts, arguments.out)
    if arguments.index is None and len(maps) > len(records):
        print(f"{arguments.model} holds {len(maps):,} sentences: --first {len(maps)} would show all of them")


def _page_of_sentence(arguments: argparse.Namespace) -> None:
    from ..checkpoint import Checkpoint
    from .page import write_page

    seen, model = _look(arguments)
    facts = write_page(seen, arguments.out, heads=Checkpoint.of(model).head_summaries)
    print(f"{seen[0].maps.source}\n" + "\n".join(dict.fromkeys(each.maps.target for each in seen)))
    _say(facts, arguments.out)


def _say(facts: "PageFacts", out: str) -> None:
    kept = "weights and the vectors they are made of" if facts.has_vectors else "weights"
    sentences = "1 sentence" if facts.sentences == 1 else f"{facts.sentences:,} sentences"
    print(f"page: {out}: {sentences}, {facts.bytes / 1e6:.1f} MB, {kept}")


def _sentence_of(maps: "Maps", index: int) -> "SentenceMaps":
    """Find a sentence of an export."""
    if not 0 <= index < len(maps):
        raise UserError(f"--index {index}: the export holds sentences 0 to {len(maps) - 1}")
    return maps[index]


def _look(arguments: argparse.Namespace) -> "tuple[list[InspectedSentence], PreTrainedModel]":
    """Look at a sentence: its best translations, or one translation through several checkpoints.

    Returns:
        what was seen, and the model that translated.
    """
    from ..checkpoint import load_translator
    from ..translation.search import best_translations
    from .page import inspect_nbest, inspect_pairs

    model, tokenizer = load_translator(arguments.model)
    sentence, width = arguments.sentence, num_beams(arguments, model)
    if arguments.best is not None:
        return inspect_nbest(model, tokenizer, sentence, arguments.best, num_beams=width), model
    target: Any = arguments.target
    if target is None:
        target = best_translations(model, tokenizer, sentence, 1, num_beams=width)[0]
    seen = inspect_pairs(model, tokenizer, [sentence], [target], [Path(arguments.model).name])
    for other in arguments.compare or ():
        its_model, its_tokenizer = load_translator(other)
        has_same_ids = its_tokenizer.get_vocab() == tokenizer.get_vocab()
        again = target if has_same_ids else seen[0].maps.target
        seen += inspect_pairs(its_model, its_tokenizer, [sentence], [again], [Path(other).name])
    return seen, model
