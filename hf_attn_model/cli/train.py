"""`hf-attn demo`, `train` and `average`: from a corpus to a translator."""

from typing import Annotated

import typer

from ..errors import UserError
from . import process
from .options import complete_recipe
from .terminal import announce, quiet_libraries


def demo(
    recipe: Annotated[
        str,
        typer.Argument(metavar="RECIPE", help="on the built-in corpus, or -zh", autocompletion=complete_recipe),
    ] = "textbook-en-es",
    out: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="for all that is made; default: runs/demo, or runs/RECIPE")
    ] = None,
) -> None:
    """Run the whole path once on the built-in corpus."""
    announce("Training on the built-in corpus, scoring, and drawing attention: some minutes")
    quiet_libraries()
    from ..demo import run_demo
    from ..training import launch

    launch.own_process = process.owns_process

    run_demo(recipe, out)


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE", help="a recipe of the package, or a .yaml file", autocompletion=complete_recipe
        ),
    ],
    out: Annotated[str, typer.Option(metavar="FOLDER", help="new folder for the checkpoint")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="such as corpus=FOLDER training.max_steps=100"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on after the last checkpoint in --out")] = False,
    processes: Annotated[
        str, typer.Option(metavar="N|auto", help="that share each step; auto: as many as a short trial finds fastest")
    ] = "auto",
    cache_dir: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="keep what was read and tokenized here; default: HF_ATTN_CACHE"),
    ] = None,
) -> None:
    """Train a translator from a recipe."""
    if processes != "auto" and not processes.isdecimal():
        raise UserError(f"--processes {processes}: give a number or auto")
    quiet_libraries()
    from accelerate import PartialState

    from ..recipes.recipe import load_recipe
    from ..training import launch
    from ..training.card import write_card
    from ..training.train import train as train_recipe

    launch.own_process = process.owns_process
    settings = load_recipe(recipe, overrides or [])
    if PartialState().is_main_process:
        announce(f"Training {settings.name} on {settings.corpus} into {out}")
    folder = train_recipe(
        settings,
        out,
        resume=resume,
        processes="auto" if processes == "auto" else int(processes),
        cache_dir=cache_dir,
    )
    if PartialState().is_main_process:
        write_card(folder)
        print(f"trained: {folder}\nnext: hf-attn evaluate {folder}")


def average(
    checkpoints: Annotated[
        list[str], typer.Argument(metavar="CHECKPOINT", help="folders; or one RUN, with --last or --best")
    ],
    out: Annotated[str, typer.Option(metavar="FOLDER", help="new folder for the averaged model")],
    last: Annotated[int | None, typer.Option(metavar="K", help="the last K checkpoints of the run")] = None,
    best: Annotated[int | None, typer.Option(metavar="K", help="its K checkpoints of the lowest dev loss")] = None,
) -> None:
    """Average the weights of several checkpoints of a training."""
    if last is not None and best is not None:
        raise UserError("--last and --best choose other checkpoints: give one of them")
    if (last is not None or best is not None) and len(checkpoints) > 1:
        raise UserError("--last and --best choose among the checkpoints of one run: give one folder")
    quiet_libraries()
    from ..training.averaging import average_checkpoints, choose_checkpoints

    folders = checkpoints
    if last is not None or best is not None:
        folders = [str(path) for path in choose_checkpoints(checkpoints[0], last=last, best=best)]
    folder = average_checkpoints(folders, out)
    print(f"averaged: {', '.join(folders)}\nnext: hf-attn evaluate {folder}")
