"""`hf-attn align`, `heads` and `ablate`: words linked by attention, the heads that do it, and what they are worth."""

import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from ..errors import UserError
from .options import (
    A_CORPUS,
    A_GOLD_SET,
    Config,
    EngineName,
    Model,
    ModelOrMaps,
    ModeName,
    Norms,
    NumBeams,
    OnBadRow,
    OnLongGoldName,
    OnLongPair,
    RuleName,
    SourceColumn,
    SourceLang,
    StyleName,
    TargetColumn,
    TargetLang,
    at_least_one,
    check_beams,
    language,
    refuse,
    required,
    say_tally,
    set_languages,
    users_folder,
)
from .terminal import announce, is_terminal, open_checkpoint, quiet_libraries

if TYPE_CHECKING:
    from ..alignment.formats import LinkedPair
    from ..checkpoint import AlignmentConfig


def align(
    model: ModelOrMaps,
    data: Annotated[str | None, typer.Option(metavar="CORPUS", help=f"pairs for a model: {A_CORPUS}")] = None,
    config: Config = None,
    split: Annotated[str, typer.Option(metavar="NAME", help="of a folder, a Hub id or the textbook")] = "test",
    spaced: Annotated[bool, typer.Option("--spaced", help="the words of the data are what spaces separate")] = False,
    out: Annotated[
        str | None, typer.Option(metavar="FILE", help="JSON lines if it ends in .jsonl, else Pharaoh; default: print")
    ] = None,
    heads: Annotated[
        str | None,
        typer.Option(metavar="LIST", help="such as 2:1,2:3 (LAYER:HEAD) or 2 (LAYER); default: as hf-attn heads chose"),
    ] = None,
    shift: Annotated[
        bool | None,
        typer.Option("--shift/--no-shift", help="read a word where it is the decoder's input, or where it is written"),
    ] = None,
    norms: Norms = False,
    rule: Annotated[RuleName | None, typer.Option(metavar="RULE", help=", ".join(get_args(RuleName)))] = None,
    threshold: Annotated[float | None, typer.Option(metavar="X", help="least weight of a link, 0 to 1")] = None,
    reverse: Annotated[
        str | None, typer.Option(metavar="MODEL|MAPS", help="of the other direction; --rule then unites the two")
    ] = None,
    source_lang: SourceLang = None,
    target_lang: TargetLang = None,
    source_column: SourceColumn = None,
    target_column: TargetColumn = None,
    on_bad_row: OnBadRow = "error",
    on_long: OnLongPair = "skip",
    engine: Annotated[
        EngineName | None,
        typer.Option(help="what attends; ctranslate2: with heads of one layer; default: what the model is made for"),
    ] = None,
) -> None:
    """Align the words of a corpus by cross-attention."""
    quiet_libraries()
    from ..alignment.corpus import Export, LiveModel, align_both_ways, align_pairs, open_origin
    from ..alignment.engine_attention import choose_attention
    from ..alignment.pairs import stream_pairs
    from ..attention.places import parse_layer_heads
    from ..checkpoint import AlignmentConfig
    from ..checkpoint.alignment_config import METHODS
    from ..text.tally import Tally

    typed, tally = dict(locals()), Tally()
    given: dict[str, Any] = {
        "heads": parse_layer_heads(heads) if heads else None,
        "shift": shift,
        "measure": "norms" if norms else None,
        "rule": rule,
        "threshold": threshold,
    }
    given = {name: value for name, value in given.items() if value is not None}
    method = given.pop("rule", AlignmentConfig().rule) if reverse else None
    if method is not None and method not in METHODS:
        raise UserError(f"--rule {method} does not unite two directions; choose from {', '.join(METHODS)}")
    origin = open_origin(model)
    saved = origin.config
    reading = replace(saved or AlignmentConfig(), **given)
    if isinstance(origin, Export):
        refuse(typed, ("source_column", "target_column"), f"{model} is an export, which has its own sentences")
        if data:
            raise UserError(f"{model} is an export, which has its own sentences: leave out --data")
        if engine:
            raise UserError(f"{model} is an export, which holds its attention: leave out --engine")
        attentions = origin.attend(None, reading.measure)
    else:
        if not data:
            raise UserError(f"{model} is a model: name the sentence pairs with --data")
        languages = (source_lang or origin.checkpoint.source_lang, target_lang or origin.checkpoint.target_lang)
        set_languages(origin.checkpoint, *languages, are_columns=True)
        origin.attend_batch = choose_attention(origin.checkpoint, reading, engine)
        announce(f"engine: {'ctranslate2' if origin.attend_batch else 'transformers'}")
        pairs = stream_pairs(
            data,
            *languages,
            split,
            config=config,
            words_are_spaced=spaced,
            source_column=source_column,
            target_column=target_column,
            on_bad_row=on_bad_row,
            tally=tally,
        )
        attentions = origin.attend(pairs, reading.measure, on_long, tally)
    announce(f"Aligning the words of {data or model}: {reading}")
    if method is not None and reverse is not None:
        other = open_origin(reverse)
        if isinstance(other, LiveModel) and isinstance(origin, LiveModel):
            set_languages(other.checkpoint, *reversed(languages), are_columns=True)
        if isinstance(other, LiveModel):
            other.attend_batch = choose_attention(other.checkpoint, other.config or AlignmentConfig(), engine)
        linked = align_both_ways(attentions, reading, other, other.config or AlignmentConfig(), method)
    else:
        linked = align_pairs(attentions, reading)
    _write_links(linked, out, reading, "as typed" if given else "the default" if saved is None else "chosen")
    say_tally(tally, "rows without links, or cut" if on_long == "truncate" else "rows without links")


def _write_links(linked: "Iterable[LinkedPair]", out: str | None, reading: "AlignmentConfig", origin: str) -> None:
    """Print links, or write them and say how they were read."""
    from ..alignment.formats import to_pharaoh, write_links
    from ..checkpoint.alignment_config import ALIGNMENT_FILE

    if not out:
        for pair in linked:
            print(to_pharaoh(pair.links))
        return
    count = write_links(linked, out)
    more = {"the default": "; hf-attn heads finds better ones", "chosen": f" in {ALIGNMENT_FILE}"}
    print(f"{reading} ({origin}{more.get(origin, '')})\nlinks of {count:,} sentences: {out}")


def heads(
    model: Model,
    gold: Annotated[str, typer.Option(metavar="FILE", help=f"to choose on: {A_GOLD_SET}")],
    test: Annotated[
        str | None, typer.Option(metavar="FILE", help="to report on, likewise; of the textbook its test split")
    ] = None,
    swap: Annotated[bool, typer.Option("--swap", help="the files are of the other direction: turn them round")] = False,
    norms: Norms = False,
    on_long: Annotated[OnLongGoldName, typer.Option(help="a pair with more tokens than the model reads")] = "skip",
    format: Annotated[StyleName, typer.Option(help="of the tables")] = "text",
    picture: Annotated[str | None, typer.Option(metavar="FILE", help="draw the heads: .png, .svg or .pdf")] = None,
    source_lang: SourceLang = None,
    target_lang: TargetLang = None,
) -> None:
    """Find the heads that align words, on gold links."""
    checkpoint = open_checkpoint(model)
    from ..alignment.gold import read_gold
    from ..alignment.selection import select_heads
    from ..checkpoint.alignment_config import ALIGNMENT_FILE
    from ..files import check_writable
    from ..text.tally import Tally
    from ..view.heads import save_heads, selection_text
    from ..view.pictures import check_format

    if picture:
        check_format(picture)
        check_writable(picture)
    languages = (source_lang or checkpoint.source_lang, target_lang or checkpoint.target_lang)
    set_languages(checkpoint, *languages, are_columns=True)
    names = {"dev": gold} | ({"test": test} if test else {})
    sets = {split: read_gold(name, *languages, split) for split, name in names.items()}
    if swap:
        sets = {split: [pair.swapped() for pair in pairs] for split, pairs in sets.items()}
    announce(f"Measuring the heads of {checkpoint} on {gold}, {len(sets['dev']):,} sentences")
    tally = Tally()
    selection = select_heads(checkpoint, sets, "norms" if norms else "weights", on_long, tally)
    say_tally(tally, "sentences without a vote")
    print(f"heads on {gold}, {selection.sentences['dev']:,} sentences, in percent\n")
    print(selection_text(selection, format))
    if picture:
        save_heads(selection.profiles, selection.heads, picture)
        print(f"picture: {picture}")
    folder = users_folder(checkpoint)
    if folder is not None:
        selection.save(folder, names)
        print(f"{folder / ALIGNMENT_FILE}: hf-attn align reads it")


def ablate(
    model: Model,
    heads: Annotated[
        str, typer.Option(metavar="LIST", help="changed together: cross:2:1,encoder:0:3; all: each by itself")
    ],
    mode: Annotated[ModeName, typer.Option(help="uniform (looks everywhere alike) or zero")] = "uniform",
    corpus: Annotated[
        str | None, typer.Option(metavar="CORPUS", help=f"to translate: {A_CORPUS}; default: the recipe's")
    ] = None,
    config: Config = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="default: the test split of the model's recipe")
    ] = None,
    sentences: Annotated[
        int | None, typer.Option(metavar="N", help="only the first ones of the corpus and of the gold set")
    ] = None,
    gold: Annotated[str | None, typer.Option(metavar="FILE", help=f"to align: {A_GOLD_SET}")] = None,
    out: Annotated[str | None, typer.Option(metavar="FILE", help="write all numbers, as JSON")] = None,
    num_beams: NumBeams = None,
    source_lang: SourceLang = None,
    target_lang: TargetLang = None,
    source_column: SourceColumn = None,
    target_column: TargetColumn = None,
    on_bad_row: OnBadRow = "error",
    on_long: Annotated[OnLongGoldName, typer.Option(help="a sentence with more tokens than the model reads")] = "skip",
) -> None:
    """Change heads, and measure what becomes of translations."""
    check_beams(num_beams)
    at_least_one("--sentences", sentences)
    checkpoint = open_checkpoint(model)
    from ..alignment.corpus import LiveModel
    from ..alignment.gold import read_gold
    from ..attention.fitting import fit_sources
    from ..attention.places import parse_heads
    from ..files import check_writable, write_json
    from ..study.ablation import ablate as ablate_heads
    from ..study.ablation import all_heads
    from ..text.corpora import stream_corpus
    from ..text.tally import Tally
    from ..view.ablations import ablation_text

    if out:
        check_writable(out)
    recipe = checkpoint.recipe
    source, target = language(source_lang, checkpoint, "source"), language(target_lang, checkpoint, "target")
    set_languages(checkpoint, source, target, are_columns=True)
    name = required(corpus or (recipe.corpus if recipe else None), "--corpus")
    chosen = None if heads == "all" else [parse_heads(heads)]
    split = split or (recipe.test_split if recipe and corpus is None else "test")
    if recipe and corpus is None:
        source_column, target_column = source_column or recipe.source_column, target_column or recipe.target_column
    stream = stream_corpus(
        name,
        source,
        target,
        split,
        config=config,
        source_column=source_column,
        target_column=target_column,
        on_bad_row=on_bad_row,
    )
    rows = list(islice((row for row in stream.rows() if row.texts[0]), sentences))
    print(stream.summary(), flush=True)
    tally = Tally()
    translator = checkpoint.model, checkpoint.tokenizer
    parts = fit_sources(*translator, [row.texts[0] for row in rows], [row.place for row in rows], on_long, tally)
    sources, references = ([row.texts[i] for row, some in zip(rows, parts, strict=True) if some] for i in (0, 1))
    links = (
        LiveModel(checkpoint).fitting(read_gold(gold, source, target, split)[:sentences], on_long, tally)
        if gold
        else []
    )
    say_tally(tally, "sentences without a vote")
    settings = chosen or all_heads(checkpoint.model, checkpoint.tokenizer, sources[0], references[0])
    width = num_beams or checkpoint.num_beams
    times = "once" if len(settings) == 1 else f"{len(settings)} times"
    announce(f"Translating {len(sources):,} sentences with {checkpoint} untouched, and {times} changed (beam {width})")
    ablations = list(
        ablate_heads(
            *translator,
            sources,
            references,
            settings,
            mode,
            target_lang=target,
            gold=links,
            alignment=checkpoint.alignment if links else None,
            num_beams=width,
            progress=is_terminal(),
        )
    )
    print(ablation_text(ablations))
    if out:
        write_json(out, json.loads(json.dumps([asdict(ablation) for ablation in ablations])))
