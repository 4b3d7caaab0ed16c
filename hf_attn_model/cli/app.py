"""The verbs of `hf-attn`, each with an example of what is typed."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from . import align, clean, convert, evaluate, inspect, share, train, translate
from .options import Verb

EXAMPLES: dict[Callable[..., None], str] = {  # in the order of the help
    train.demo: "hf-attn demo textbook-en-zh",
    clean.clean: "hf-attn clean my.tsv --source-lang en --target-lang es --out mine",
    train.train: "hf-attn train tatoeba-en-es corpus=my.jsonl --out runs/mine",
    train.average: "hf-attn average runs/mine --last 5 --out runs/mean",
    evaluate.evaluate: "hf-attn evaluate runs/demo --translations hypotheses.txt",
    translate.translate: 'hf-attn translate textbook "The red house is small"',
    translate.export: "hf-attn export runs/demo --data textbook:en-es --out maps",
    inspect.view: 'hf-attn view textbook "The ball is blue" --out ball.html',
    inspect.explain: 'hf-attn explain textbook "The ball is blue" --word blue',
    align.align: "hf-attn align textbook --data textbook:en-es",
    align.heads: "hf-attn heads runs/demo --gold textbook:en-es --picture heads.png",
    align.ablate: "hf-attn ablate runs/demo --heads cross:1:0 --sentences 200",
    inspect.curve: "hf-attn curve runs/demo --out curve.svg",
    inspect.film: "hf-attn film runs/demo --out film.gif --place cross",
    inspect.app: "hf-attn app textbook --port 7861",
    convert.convert: "hf-attn convert Helsinki-NLP/opus-mt-en-es --to hf_attn --out m",
    share.push: "hf-attn push runs/demo user/name --space --dry-run",
}


def build_command() -> Any:
    """Declare `hf-attn` and its verbs, for typer to parse."""
    app = typer.Typer(
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        subcommand_metavar="VERB ...",
        epilog="hf-attn VERB --help tells what a verb takes.",
    )
    app.callback()(_hf_attn)
    for verb, example in EXAMPLES.items():
        app.command(cls=Verb, epilog=f"Example: {example}")(verb)
    return typer.main.get_command(app)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print(f"hf-attn-model {version('hf-attn-model')}")
        raise typer.Exit


def _hf_attn(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """A translation transformer you can see through."""
