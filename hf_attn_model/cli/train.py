"""`hf-attn demo`, `train`, `average` and `evaluate`: from a corpus to a translator and its scores."""

import json
from typing import Annotated

import typer

from ..errors import UserError
from .options import (
    A_CORPUS,
    A_MODEL,
    OF_RECIPE,
    Config,
    EngineChoice,
    NumBeams,
    SourceLang,
    TargetLang,
    check_beams,
    check_new_file,
    complete_recipe,
    language,
    required,
    set_languages,
    users_folder,
)
from .terminal import announce, is_terminal, open_checkpoint, quiet_libraries


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
) -> None:
    """Train a translator from a recipe."""
    if processes != "auto" and not processes.isdecimal():
        raise UserError(f"--processes {processes}: give a number or auto")
    quiet_libraries()
    from accelerate import PartialState

    from ..recipes.recipe import load_recipe
    from ..training.card import write_card
    from ..training.train import train as train_recipe

    settings = load_recipe(recipe, overrides or [])
    if PartialState().is_main_process:
        announce(f"Training {settings.name} on {settings.corpus} into {out}")
    folder = train_recipe(settings, out, resume=resume, processes="auto" if processes == "auto" else int(processes))
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


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=A_MODEL)],
    corpus: Annotated[str | None, typer.Option(metavar="CORPUS", help=f"{A_CORPUS}; default: {OF_RECIPE}")] = None,
    config: Config = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="default: the test split of the model's recipe")
    ] = None,
    translations: Annotated[str | None, typer.Option(metavar="FILE", help="write the translations, one a line")] = None,
    source_lang: SourceLang = None,
    target_lang: TargetLang = None,
    num_beams: NumBeams = None,
    engine: EngineChoice = None,
) -> None:
    """Score a translator on a corpus."""
    check_beams(num_beams)
    if translations:
        check_new_file(translations)
    checkpoint = open_checkpoint(model, with_engine=True)
    from ..engines.choice import choose_engine
    from ..files import write_text
    from ..text.corpora import load_corpus
    from ..training.evaluate import choose_test_set, own_test_set, save_scores
    from ..training.evaluate import evaluate as evaluate_corpus
    from ..translation import SearchSettings

    recipe = checkpoint.recipe
    chosen = choose_test_set(
        recipe,
        corpus=corpus,
        config=config,
        split=split,
        source_lang=language(source_lang, checkpoint, "source"),
        target_lang=language(target_lang, checkpoint, "target"),
    )
    name = required(chosen.corpus, "--corpus")
    set_languages(checkpoint, chosen.source_lang, chosen.target_lang, are_columns=True)
    loaded = load_corpus(name, chosen.source_lang, chosen.target_lang, chosen.split, config=chosen.config)
    print(loaded.summary(), flush=True)
    width = num_beams or checkpoint.num_beams
    announce(f"Translating {len(loaded.dataset):,} sentences with {checkpoint} (beam {width})")
    searching = choose_engine(checkpoint, SearchSettings(width), engine)
    announce(f"engine: {searching}")
    scores, texts = evaluate_corpus(
        checkpoint.model,
        checkpoint.tokenizer,
        loaded,
        chosen.target_lang,
        num_beams=width,
        lowercase=checkpoint.lowercase,
        progress=is_terminal(),
        engine=searching.engine,
    )
    print(json.dumps(scores, indent=2, ensure_ascii=False))
    if translations:
        write_text(translations, "".join(f"{' '.join(text.splitlines())}\n" for text in texts))
    folder = users_folder(checkpoint)
    if folder is not None and recipe is not None and chosen == own_test_set(recipe):
        save_scores(scores, folder)
