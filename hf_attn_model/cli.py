"""`hf-attn`: one verb per task of a user. Each verb reads its arguments, calls one room and prints what came out."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .arguments import build_parser
from .errors import UserError
from .options import language, num_beams, required

TRANSLATE_AT_ONCE = 2048  # lines held before their translations are printed


def main(argv: list[str] | None = None) -> int:
    """Run `hf-attn`; returns the exit status: 0, 2 after a user's mistake, 130 after Ctrl-C."""
    arguments = build_parser(VERBS).parse_args(argv)
    try:
        arguments.verb(arguments)
    except UserError as error:
        print(f"hf-attn: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"hf-attn: {error.filename or 'file system'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("hf-attn: interrupted", file=sys.stderr)
        return 130
    return 0


def demo(arguments: argparse.Namespace) -> None:
    """Run the whole path once on the built-in corpus."""
    from .demo import run_demo

    run_demo(arguments.recipe, arguments.out)


def train(arguments: argparse.Namespace) -> None:
    """Train a translator from a recipe."""
    from accelerate import PartialState

    from .recipes.recipe import load_recipe
    from .training.card import write_card
    from .training.train import train as train_recipe

    recipe = load_recipe(arguments.recipe, arguments.overrides)
    out = train_recipe(recipe, arguments.out, resume=arguments.resume)
    if PartialState().is_main_process:
        write_card(out)
        print(f"trained: {out}\nnext: hf-attn evaluate {out}")


def average(arguments: argparse.Namespace) -> None:
    """Average the weights of several checkpoints of a training."""
    from .training.averaging import average_checkpoints, choose_checkpoints

    checkpoints = arguments.checkpoints
    if arguments.last is not None or arguments.best is not None:
        if len(checkpoints) > 1:
            raise UserError("--last and --best choose among the checkpoints of one run: give one folder")
        checkpoints = choose_checkpoints(checkpoints[0], last=arguments.last, best=arguments.best)
    out = average_checkpoints(checkpoints, arguments.out)
    print(f"averaged: {', '.join(str(checkpoint) for checkpoint in checkpoints)}\nnext: hf-attn evaluate {out}")


def evaluate(arguments: argparse.Namespace) -> None:
    """Score a translator on a corpus."""
    from .checkpoint import Checkpoint
    from .checkpoint.checkpoint import load_translator
    from .text.corpora import load_corpus
    from .training.evaluate import choose_test_set, own_test_set, save_scores
    from .training.evaluate import evaluate as evaluate_corpus

    recipe = Checkpoint(arguments.model).recipe
    source_lang, target_lang = language(arguments, "source"), language(arguments, "target")
    chosen = choose_test_set(
        recipe,
        corpus=arguments.corpus,
        config=arguments.config,
        split=arguments.split,
        source_lang=source_lang,
        target_lang=target_lang,
    )
    if arguments.translations:
        _check_new_file(arguments.translations)
    name = required(chosen.corpus, "--corpus")
    corpus = load_corpus(name, source_lang, target_lang, chosen.split, config=chosen.config)
    print(corpus.summary())
    model, tokenizer = load_translator(arguments.model)
    scores, translations = evaluate_corpus(
        model,
        tokenizer,
        corpus,
        target_lang,
        num_beams=num_beams(arguments, model),
        lowercase=recipe is not None and recipe.lowercase,
        progress=True,
    )
    print(json.dumps(scores, indent=2, ensure_ascii=False))
    if arguments.translations:
        text = "".join(f"{_one_line(translation)}\n" for translation in translations)
        Path(arguments.translations).write_text(text, encoding="utf-8")
    if recipe is not None and chosen == own_test_set(recipe):
        save_scores(scores, arguments.model)


def translate(arguments: argparse.Namespace) -> None:
    """Translate an argument, a file or standard input, line for line."""
    from .checkpoint.checkpoint import load_translator
    from .translation.search import translate as translate_sentences

    lines = iter(arguments.text) if arguments.text else _lines(arguments.file)
    model, tokenizer = load_translator(arguments.model)
    done = 0
    while chunk := [line for _, line in zip(range(TRANSLATE_AT_ONCE), lines, strict=False)]:
        translations = translate_sentences(
            model,
            tokenizer,
            chunk,
            num_beams=num_beams(arguments, model),
            first_line=done + 1,
            progress=sys.stderr.isatty() and not arguments.text,
        )
        for translation in translations:
            print(_one_line(translation))
        sys.stdout.flush()
        done += len(chunk)


def export(arguments: argparse.Namespace) -> None:
    """Write the attention of every sentence of a corpus, translated or over given translations."""
    from .checkpoint.checkpoint import load_translator
    from .export.export import export_attention, use_own_device
    from .export.passes import pair_up
    from .text.corpora import stream_corpus

    if arguments.data is None:
        return _convert(arguments)
    source_lang = language(arguments, "source")
    target_lang = language(arguments, "target") if arguments.forced else None
    split = arguments.split or "test"
    corpus = stream_corpus(arguments.data, source_lang, target_lang, split, config=arguments.config)
    use_own_device()
    model, tokenizer = load_translator(arguments.model)
    done = export_attention(
        model,
        tokenizer,
        pair_up(corpus, arguments.hypotheses),
        arguments.out,
        places=arguments.places,
        layers=arguments.layers,
        heads=arguments.heads,
        keep=arguments.keep,
        special=arguments.special,
        to=arguments.to,
        num_beams=num_beams(arguments, model),
        corpus={
            "corpus": arguments.data,
            "config": arguments.config,
            "split": split,
            "source_lang": source_lang,
            "target_lang": target_lang,
            "hypotheses": arguments.hypotheses,
        },
        progress=True,
    )
    print(corpus.summary())
    if done is None:
        print(f"this process is done, others are not yet: {arguments.out}")
    else:
        _say_exported(arguments, done)


def _convert(arguments: argparse.Namespace) -> None:
    """Write an export once more, as Parquet."""
    from .export.parquet import convert_to_parquet
    from .export.store import open_maps

    if arguments.to != "parquet":
        raise UserError("give --data, sentences to export; or an export and --to parquet")
    _say_exported(arguments, convert_to_parquet(open_maps(arguments.model), arguments.out))


def _say_exported(arguments: argparse.Namespace, metadata: dict[str, Any]) -> None:
    print(f"attention of {metadata['sentences']:,} sentences: {arguments.out}")
    if arguments.to == "arrow":
        print(f"next: hf-attn view {arguments.out} --index 0")
    else:
        print(f'next: datasets.load_dataset("{arguments.out}")')


def view(arguments: argparse.Namespace) -> None:
    """Show the attention of a sentence, as a picture or as a page to explore."""
    from .view import verbs

    verbs.view(arguments)


def explain(arguments: argparse.Namespace) -> None:
    """Print every step of attention for one word."""
    from .checkpoint.checkpoint import load_translator
    from .view.explain import explain as explain_word

    model, tokenizer = load_translator(arguments.model)
    target = None if arguments.place == "encoder" else _translation(arguments, model, tokenizer)
    text = explain_word(
        model,
        tokenizer,
        arguments.sentence,
        arguments.word,
        place=arguments.place,
        layer=arguments.layer,
        head=arguments.head,
        target=target,
    )
    print(text)


def align(arguments: argparse.Namespace) -> None:
    """Align the words of a corpus by cross-attention."""
    from .alignment import verbs

    verbs.align(arguments)


def heads(arguments: argparse.Namespace) -> None:
    """Find the heads that align words, on gold links."""
    from .alignment import verbs

    verbs.heads(arguments)


def ablate(arguments: argparse.Namespace) -> None:
    """Change heads, and measure what becomes of translations and alignments."""
    from .study import verbs

    verbs.ablate(arguments)


def curve(arguments: argparse.Namespace) -> None:
    """Draw what a training made of attention."""
    from .study import verbs

    verbs.curve(arguments)


def film(arguments: argparse.Namespace) -> None:
    """Show one sentence at every measured step of a training, as a film or as a page."""
    from .study import verbs

    verbs.film(arguments)


def app(arguments: argparse.Namespace) -> None:
    """Serve a page on which one types sentences and looks at their attention."""
    from .app import launch_app
    from .options import check_beams

    check_beams(arguments)
    launch_app(arguments.model, num_beams=arguments.num_beams, port=arguments.port)


def push(arguments: argparse.Namespace) -> None:
    """Share a translator on the Hub, and with it its attention and its app."""
    from .hub.repositories import push as push_model

    push_model(
        arguments.model,
        arguments.repo,
        maps=arguments.dataset,
        space=arguments.space,
        private=arguments.private,
        sentence=arguments.sentence,
        dry_run=arguments.dry_run,
    )
    if not arguments.dry_run:
        print(f"next: hf-attn translate {arguments.repo} {shlex.quote(arguments.sentence or '...')}")


VERBS = (demo, train, average, evaluate, translate, export, view, explain, align, heads, ablate, curve, film, app, push)


def _lines(file: str | None) -> Iterator[str]:
    """Read lines of a file, or of standard input, without their line ends."""
    from .text.readers import decode_lines, read_lines

    numbered = read_lines(Path(file)) if file else decode_lines(sys.stdin.buffer, "standard input")
    return (line for _, line in numbered)


def _one_line(translation: str) -> str:
    """One line in, one line out: a line break inside a translation becomes a space."""
    return " ".join(translation.splitlines())


def _check_new_file(file: str) -> None:
    """Refuse, before long work, to write over a file or into a folder that is not there."""
    if Path(file).exists():
        raise UserError(f"{file} exists: choose another name")
    if not Path(file).parent.is_dir():
        raise UserError(f"{file}: there is no folder {Path(file).parent}")


def _translation(arguments: argparse.Namespace, model: Any, tokenizer: Any) -> str:
    """The translation to look at: the given one, else what `hf-attn translate` would print."""
    from .translation.search import translate as translate_sentences

    if arguments.target is not None:
        return arguments.target
    return translate_sentences(model, tokenizer, [arguments.sentence], num_beams=num_beams(arguments, model))[0]


if __name__ == "__main__":
    sys.exit(main())
