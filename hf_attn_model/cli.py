"""`hf-attn`: one verb per task of a user. Each verb reads its arguments, calls one room and prints what came out."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from .errors import UserError

TRANSLATE_AT_ONCE = 2048  # lines held before their translations are printed


def main(argv: list[str] | None = None) -> int:
    """Run `hf-attn`; returns the exit status: 0, 2 after a user's mistake, 130 after Ctrl-C."""
    arguments = build_parser().parse_args(argv)
    try:
        arguments.verb(arguments)
    except UserError as error:
        print(f"hf-attn: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("hf-attn: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def demo(arguments: argparse.Namespace) -> None:
    """Run the whole path once on the built-in corpus."""
    from .demo import run_demo

    run_demo(arguments.recipe, arguments.out)


def train(arguments: argparse.Namespace) -> None:
    """Train a translator from a recipe."""
    from .training.card import write_card
    from .training.recipe import load_recipe
    from .training.train import train as train_recipe

    recipe = load_recipe(arguments.recipe, arguments.overrides)
    out = train_recipe(recipe, arguments.out, resume=arguments.resume)
    write_card(out)
    print(f"trained: {out}\nnext: hf-attn evaluate {out}")


def evaluate(arguments: argparse.Namespace) -> None:
    """Score a translator on a corpus."""
    from .checkpoint import load_translator
    from .text.corpora import load_corpus
    from .training.card import EVALUATION_FILE, write_card
    from .training.evaluate import evaluate as evaluate_corpus
    from .training.recipe import recipe_of

    recipe = recipe_of(arguments.model)
    source_lang, target_lang = _language(arguments, "source"), _language(arguments, "target")
    corpus = load_corpus(
        arguments.corpus or _required(recipe.corpus if recipe else None, "--corpus"),
        source_lang,
        target_lang,
        arguments.split or (recipe.test_split if recipe else "test"),
        config=recipe.config if recipe else None,
    )
    print(corpus.summary())
    model, tokenizer = load_translator(arguments.model)
    scores, translations = evaluate_corpus(
        model, tokenizer, corpus, target_lang, num_beams=_beams(arguments), progress=True
    )
    print(json.dumps(scores, indent=2, ensure_ascii=False))
    if arguments.translations:
        _write_lines(arguments.translations, translations)
    if recipe is not None and arguments.corpus is None and arguments.split is None:
        folder = Path(arguments.model)
        (folder / EVALUATION_FILE).write_text(json.dumps(scores, indent=2, ensure_ascii=False) + "\n", "utf-8")
        write_card(folder)


def translate(arguments: argparse.Namespace) -> None:
    """Translate an argument, a file or standard input, line for line."""
    from .checkpoint import load_translator
    from .translate import translate as translate_sentences

    lines = iter(arguments.text) if arguments.text else _lines(arguments.file)
    model, tokenizer = load_translator(arguments.model)
    done = 0
    while chunk := [line for _, line in zip(range(TRANSLATE_AT_ONCE), lines, strict=False)]:
        translations = translate_sentences(
            model,
            tokenizer,
            chunk,
            num_beams=_beams(arguments),
            first_line=done + 1,
            progress=sys.stderr.isatty() and not arguments.text,
        )
        for translation in translations:
            print(" ".join(translation.splitlines()))
        sys.stdout.flush()
        done += len(chunk)


def export(arguments: argparse.Namespace) -> None:
    """Translate a corpus and write the attention of every translation."""
    from .checkpoint import load_translator
    from .maps.export import export_attention
    from .text.corpora import load_corpus
    from .translate import translate as translate_sentences

    source_lang = _language(arguments, "source")
    target_lang = _language(arguments, "target") if arguments.forced else None
    corpus = load_corpus(arguments.data, source_lang, target_lang, arguments.split or "test")
    print(corpus.summary())
    model, tokenizer = load_translator(arguments.model)
    sources = list(corpus.dataset["source"])
    if arguments.forced:
        targets = list(corpus.dataset["target"])
    else:
        targets = translate_sentences(model, tokenizer, sources, num_beams=_beams(arguments), progress=True)
    export_attention(model, tokenizer, sources, targets, arguments.out, progress=True)
    print(f"attention of {len(sources):,} sentences: {arguments.out}\nnext: hf-attn view {arguments.out} --index 0")


def view(arguments: argparse.Namespace) -> None:
    """Draw the attention of one sentence."""
    from .maps.forced import force
    from .maps.schema import METADATA
    from .maps.store import open_maps
    from .view.pictures import save_picture

    if (Path(arguments.maps) / METADATA).is_file():
        maps = open_maps(arguments.maps)
        if not 0 <= arguments.index < len(maps):
            raise UserError(f"--index {arguments.index}: {arguments.maps} holds sentences 0 to {len(maps) - 1}")
        record = maps[arguments.index]
    else:
        from .checkpoint import load_translator
        from .translate import translate as translate_sentences

        sentence = _required(arguments.sentence, "a sentence, or a folder of maps instead of a model")
        model, tokenizer = load_translator(arguments.maps)
        target = arguments.target or translate_sentences(model, tokenizer, [sentence])[0]
        (record,) = force(model, tokenizer, [sentence], [target])
    save_picture(record, arguments.out, arguments.place, arguments.layer, arguments.head, not arguments.subwords)
    print(f"{record.source}\n{record.target}\npicture: {arguments.out}")


def explain(arguments: argparse.Namespace) -> None:
    """Print every step of attention for one word."""
    from .checkpoint import load_translator
    from .view.explain import explain as explain_word

    model, tokenizer = load_translator(arguments.model)
    print(
        explain_word(
            model,
            tokenizer,
            arguments.sentence,
            arguments.word,
            place=arguments.place,
            layer=arguments.layer,
            head=arguments.head,
            target=arguments.target,
        )
    )


def build_parser() -> argparse.ArgumentParser:
    """Declare the verbs and their arguments."""
    parser = argparse.ArgumentParser(prog="hf-attn", description="A translation transformer you can see through.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def add(verb: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        added = verbs.add_parser(verb.__name__, help=verb.__doc__, description=verb.__doc__)
        added.set_defaults(verb=verb)
        return added

    one = add(demo)
    one.add_argument("recipe", nargs="?", default="textbook-en-es", help="textbook-en-es (default) or textbook-en-zh")
    one.add_argument("--out", help="folder for everything made; default: runs/demo, or runs/RECIPE")

    one = add(train)
    one.add_argument("recipe", help="a recipe of the package, or a .yaml file")
    one.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="such as corpus=FOLDER training.max_steps=100")
    one.add_argument("--out", required=True, help="new folder for the checkpoint")
    one.add_argument("--resume", action="store_true", help="go on after the last checkpoint in --out")

    one = add(evaluate)
    one.add_argument("model", help="folder of a checkpoint, or a model id on the Hub")
    one.add_argument("--corpus", help="default: that of the model's recipe")
    one.add_argument("--split", help="default: the test split of the model's recipe")
    one.add_argument("--translations", metavar="FILE", help="write the translations, one a line")
    _add_languages(one)
    _add_beams(one)

    one = add(translate)
    one.add_argument("model", help="folder of a checkpoint, or a model id on the Hub")
    one.add_argument("text", nargs="*", help="sentences; without any, --file or standard input, one a line")
    one.add_argument("--file", help="text file, one sentence a line")
    _add_beams(one)

    one = add(export)
    one.add_argument("model", help="folder of a checkpoint, or a model id on the Hub")
    one.add_argument("--data", required=True, help="file, folder, Hub id or textbook:en-es")
    one.add_argument("--split", help="of a folder, a Hub id or the textbook; default: test")
    one.add_argument("--out", required=True, help="new folder for the maps")
    one.add_argument("--forced", action="store_true", help="over the reference translations of the data")
    _add_languages(one)
    _add_beams(one)

    one = add(view)
    one.add_argument("maps", help="folder of an export, or a model")
    one.add_argument("sentence", nargs="?", help="sentence to translate, when a model is given")
    one.add_argument("--index", type=int, default=0, help="number of the sentence in the export; default: 0")
    one.add_argument("--out", default="attention.png", help="picture; default: attention.png")
    one.add_argument("--subwords", action="store_true", help="label by subwords instead of words")
    _add_head(one, place=None, number=None)

    one = add(explain)
    one.add_argument("model", help="folder of a checkpoint, or a model id on the Hub")
    one.add_argument("sentence", help="source sentence")
    one.add_argument("--word", required=True, help="whose attention: a source word (encoder) or a target word")
    _add_head(one, place="encoder", number=0)
    return parser


def _add_languages(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source-lang", help="default: that of the model's recipe")
    parser.add_argument("--target-lang", help="default: that of the model's recipe")


def _add_beams(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--num-beams", type=int, help="1 is greedy search; default: that of the model's recipe, or 5")


def _add_head(parser: argparse.ArgumentParser, place: str | None, number: int | None) -> None:
    whole = "all three" if place is None else place
    mean = "the mean over all" if number is None else str(number)
    parser.add_argument("--place", choices=("encoder", "decoder", "cross"), default=place, help=f"default: {whole}")
    parser.add_argument("--layer", type=int, default=number, help=f"counted from 0; default: {mean}")
    parser.add_argument("--head", type=int, default=number, help=f"counted from 0; default: {mean}")
    parser.add_argument("--target", help="look at this translation instead of the model's own")


def _language(arguments: argparse.Namespace, side: str) -> str:
    """Find the code of the "source" or "target" language: as given, else as in the recipe beside the model."""
    from .training.recipe import recipe_of

    recipe = recipe_of(arguments.model)
    given = getattr(arguments, f"{side}_lang")
    return _required(given or (getattr(recipe, f"{side}_lang") if recipe else None), f"--{side}-lang")


def _beams(arguments: argparse.Namespace) -> int:
    from .training.recipe import recipe_of

    if arguments.num_beams is not None:
        if arguments.num_beams < 1:
            raise UserError(f"--num-beams must be at least 1, got {arguments.num_beams}")
        return arguments.num_beams
    recipe = recipe_of(arguments.model)
    return recipe.num_beams if recipe else 5


def _required(value: str | None, name: str) -> str:
    if not value:
        raise UserError(f"give {name}")
    return value


def _lines(file: str | None) -> Iterator[str]:
    """Read lines of a file, or of standard input, without their line ends."""
    try:
        stream = open(file, "rb") if file else sys.stdin.buffer  # noqa: SIM115
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error
    with stream:
        for number, line in enumerate(stream, start=1):
            try:
                yield line.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                raise UserError(f"{file or 'standard input'}, line {number}: not UTF-8 text") from error


def _write_lines(file: str, lines: list[str]) -> None:
    try:
        Path(file).write_text("".join(" ".join(line.splitlines()) + "\n" for line in lines), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{file}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
