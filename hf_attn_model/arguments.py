"""The arguments of `hf-attn`: what can be typed after each verb."""

import argparse
from collections.abc import Callable, Sequence

from .alignment.arguments import add_align_arguments, add_heads_arguments
from .options import MODEL, PLACES, add_beams, add_head, add_languages, add_target
from .study.verbs import add_ablate_arguments, add_curve_arguments, add_film_arguments
from .view.verbs import add_view_arguments

Verb = Callable[[argparse.Namespace], None]


def build_parser(verbs: Sequence[Verb]) -> argparse.ArgumentParser:
    """Declare the verbs, functions named as they are typed, and their arguments."""
    parser = argparse.ArgumentParser(prog="hf-attn", description="A translation transformer you can see through.")
    adding = parser.add_subparsers(required=True, metavar="VERB")
    parsers = {}
    for verb in verbs:
        parsers[verb.__name__] = adding.add_parser(verb.__name__, help=verb.__doc__, description=verb.__doc__)
        parsers[verb.__name__].set_defaults(verb=verb)

    one = parsers["demo"]
    one.add_argument("recipe", nargs="?", default="textbook-en-es", help="textbook-en-es (default) or textbook-en-zh")
    one.add_argument("--out", help="folder for everything made; default: runs/demo, or runs/RECIPE")

    one = parsers["train"]
    one.add_argument("recipe", help="a recipe of the package, or a .yaml file")
    one.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="such as corpus=FOLDER training.max_steps=100")
    one.add_argument("--out", required=True, help="new folder for the checkpoint")
    one.add_argument("--resume", action="store_true", help="go on after the last checkpoint in --out")

    one = parsers["average"]
    one.add_argument("checkpoints", nargs="+", metavar="CHECKPOINT", help="folders; or one RUN, with --last or --best")
    which = one.add_mutually_exclusive_group()
    which.add_argument("--last", type=int, metavar="K", help="the last K checkpoints of the run")
    which.add_argument("--best", type=int, metavar="K", help="its K checkpoints of the lowest dev loss")
    one.add_argument("--out", required=True, help="new folder for the averaged model")

    one = parsers["evaluate"]
    one.add_argument("model", help=MODEL)
    one.add_argument("--corpus", help="file, folder, Hub id or textbook:en-es; default: that of the model's recipe")
    one.add_argument("--config", help="of a Hub data set that has several")
    one.add_argument("--split", help="default: the test split of the model's recipe")
    one.add_argument("--translations", metavar="FILE", help="write the translations, one a line")
    add_languages(one)
    add_beams(one)

    one = parsers["translate"]
    one.add_argument("model", help=MODEL)
    where = one.add_mutually_exclusive_group()
    where.add_argument("text", nargs="*", default=[], help="sentences; without any, standard input, one a line")
    where.add_argument("--file", help="text file, one sentence a line")
    add_beams(one)

    one = parsers["export"]
    one.add_argument("model", metavar="MODEL|MAPS", help=f"{MODEL}; or an export, for --to parquet without --data")
    one.add_argument("--data", help="file, folder, Hub id or textbook:en-es")
    one.add_argument("--config", help="of a Hub data set that has several")
    one.add_argument("--split", help="of a folder, a Hub id or the textbook; default: test")
    one.add_argument("--out", required=True, help="folder or URL for the maps; that of an interrupted export goes on")
    whose = one.add_mutually_exclusive_group()
    whose.add_argument("--forced", action="store_true", help="over the reference translations of the data")
    whose.add_argument("--hypotheses", metavar="FILE", help="over translations made elsewhere, one a line")
    one.add_argument("--places", type=_names, default=PLACES, help="such as cross or encoder,cross; default: all")
    one.add_argument("--layers", type=_numbers, help="such as 0,2; default: all")
    one.add_argument("--heads", type=_numbers, help="such as 0,2; default: all")
    one.add_argument("--keep", help="weights, qk, or top-4 (of each row); default: the smaller of the first two")
    special = "of end and language marks in word maps: keep, drop (and renormalise), or column (one for all)"
    one.add_argument("--special", choices=("keep", "drop", "column"), default="keep", help=f"{special}; default: keep")
    one.add_argument("--to", choices=("arrow", "parquet"), default="arrow", help="parquet: float32")
    add_languages(one)
    add_beams(one)

    one = parsers["explain"]
    one.add_argument("model", help=MODEL)
    one.add_argument("sentence", help="source sentence")
    one.add_argument("--word", required=True, help="whose attention: a source word (encoder) or a target word")
    add_head(one, place="encoder", number=0)
    add_target(one)
    add_beams(one)

    add_view_arguments(parsers["view"])
    add_align_arguments(parsers["align"])
    add_heads_arguments(parsers["heads"])
    add_ablate_arguments(parsers["ablate"])
    add_curve_arguments(parsers["curve"])
    add_film_arguments(parsers["film"])

    one = parsers["app"]
    one.add_argument("model", help=MODEL)
    one.add_argument("--port", type=int, help="of this machine; default: the first free one from 7860 on")
    add_beams(one)

    one = parsers["push"]
    one.add_argument("model", help="folder of a checkpoint")
    one.add_argument("repo", help="user/name on the Hub; made if need be")
    one.add_argument("--private", action="store_true", help="nobody else may see it")
    one.add_argument("--dataset", metavar="MAPS", help="folder of an export, for the data set user/name-attention")
    one.add_argument("--space", action="store_true", help="a Space of the same name, too: the app of the model")
    one.add_argument("--sentence", metavar="TEXT", help="drawn on the card; default: one in English, if that is read")
    one.add_argument("--dry-run", action="store_true", help="only list what would go up")
    return parser


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))
