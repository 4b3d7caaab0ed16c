"""`hf-attn translate` and `export`: sentences go through a translator, line for line."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UserError
from .options import (
    A_CORPUS,
    A_MODEL,
    Config,
    EngineChoice,
    FormatName,
    FromLang,
    IntoLang,
    Model,
    NumBeams,
    OnBadRow,
    OnBadRowName,
    OnLongName,
    OnLongPair,
    Ray,
    SourceColumn,
    SourceLang,
    SpecialName,
    TargetColumn,
    TargetLang,
    at_least_one,
    check_beams,
    check_new_file,
    language,
    numbers,
    refuse,
    say_tally,
    set_languages,
)
from .search_options import (
    NO_PENALTY,
    LengthPenalty,
    MaxLengthRatio,
    Mbr,
    NBest,
    NoRepeat,
    Prefix,
    Sample,
    Scores,
    Seed,
    Temperature,
    TopK,
    TopP,
    check_search,
    settings_of,
)
from .terminal import announce, is_terminal, open_checkpoint, quiet_libraries

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..text.tally import Tally
    from ..translation import Engine, TranslateBatch, TranslatedRow

LINKED_AT_ONCE = 32
LINES_OF_A_WORKER = 512


def translate(
    model: Model,
    text: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="sentences; without any, standard input, one a line")
    ] = None,
    file: Annotated[str | None, typer.Option(metavar="FILE", help="text file, one sentence a line")] = None,
    source_lang: FromLang = None,
    target_lang: IntoLang = None,
    num_beams: NumBeams = None,
    n_best: NBest = None,
    scores: Scores = False,
    tsv: Annotated[bool, typer.Option("--tsv", help="write columns: line, source, translation and more")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="write a JSON object for each line")] = False,
    alignments: Annotated[
        str | None, typer.Option(metavar="FILE", help="write which words go together, in Pharaoh's form, line for line")
    ] = None,
    sentence_split: Annotated[
        bool, typer.Option("--sentence-split", help="a line holds several sentences: translate each by itself")
    ] = False,
    on_long: Annotated[
        OnLongName | None,
        typer.Option(help="what becomes of a line that is too long; default: split, or truncate if it must stay whole"),
    ] = None,
    on_bad_row: Annotated[OnBadRowName, typer.Option(help="what becomes of a line that is not UTF-8")] = "skip",
    length_penalty: LengthPenalty = None,
    no_repeat_ngram_size: NoRepeat = None,
    max_length_ratio: MaxLengthRatio = None,
    prefix: Prefix = None,
    sample: Sample = False,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    seed: Seed = None,
    mbr: Mbr = None,
    batch_tokens: Annotated[
        int | None, typer.Option(metavar="N", help="source tokens times beams that are translated together")
    ] = None,
    engine: EngineChoice = None,
    ray: Ray = None,
) -> None:
    """Translate an argument, a file or standard input, line for line."""
    typed = dict(locals())
    _check_translate(typed)
    splitter: Any = None
    if sentence_split:
        from ..translation import sentence_splitter

        splitter = sentence_splitter(source_lang)  # refused before the model is loaded, if it is not installed
    checkpoint = open_checkpoint(model, with_engine=True)
    from tqdm import tqdm

    from ..engines.choice import choose_engine
    from ..text.tally import Tally
    from ..translation import TranslateBatch, translate_stream
    from ..translation.formats import header, lines_of
    from ..translation.search import warn_of_limits
    from ..translation.stream import BATCH_TOKENS, FIRST_WINDOW

    set_languages(checkpoint, source_lang, target_lang)
    if sentence_split:
        splitter = sentence_splitter(source_lang or checkpoint.source_lang)
    settings = settings_of(typed, num_beams or checkpoint.num_beams)
    if length_penalty is not None and not settings.has_beams:
        raise UserError(NO_PENALTY)
    if not text:
        how = "sampled" if settings.sampling else f"beam {settings.width}"
        announce(f"Translating {file or 'standard input'} with {checkpoint} ({how})")
    chosen = choose_engine(checkpoint, settings, "transformers" if ray else engine)
    announce(f"engine: {chosen}")
    tally = Tally()
    if ray:
        rows = _rows_of_cluster(
            ray,
            TranslateBatch(
                model=_name_anywhere(checkpoint),
                settings=settings,
                source_lang=source_lang,
                target_lang=target_lang,
                split_sentences=sentence_split,
                on_long=on_long,
                batch_tokens=batch_tokens or BATCH_TOKENS,
            ),
            _lines(file),
            on_bad_row,
            tally,
        )
    else:
        rows = translate_stream(
            checkpoint.model,
            checkpoint.tokenizer,
            text or _lines(file),
            settings,
            split=splitter,
            on_long=on_long,
            on_bad_row=on_bad_row,
            tally=tally,
            name=lambda number: f"line {number + 1}",
            batch_tokens=batch_tokens or BATCH_TOKENS,
            first_window=1 if not text and not file and sys.stdin.isatty() else FIRST_WINDOW,
            engine=chosen.engine,
        )
    style = "tsv" if tsv else "jsonl" if jsonl else "text"
    cut: list[str] = []
    with _links_file(checkpoint, alignments) as add_links:
        for line in header(style, settings):
            print(line)
        is_watched = is_terminal() and not sys.stdout.isatty()
        is_warned = False
        for row in tqdm(rows, desc="Translating", unit=" lines", disable=not is_watched):
            is_warned = is_warned or _warn_of_unseen(checkpoint, row.source, row.number + 1)
            print("\n".join(lines_of(row, style, settings)), flush=True)
            add_links(row)
            if any(translation.is_cut for translation in row.translations):
                cut.append(f"line {row.number + 1}")
    warn_of_limits(cut)
    say_tally(tally, "lines")


def _check_translate(typed: dict[str, Any]) -> None:
    """Refuse options that contradict, before a model is loaded."""
    check_search(typed)
    at_least_one("--batch-tokens", typed["batch_tokens"])
    if typed["text"] and typed["file"]:
        raise UserError("give sentences or --file, not both")
    if typed["tsv"] and typed["jsonl"]:
        raise UserError("--tsv and --jsonl are two forms of the output: give one of them")
    _check_ray(typed["ray"], typed["engine"])
    if typed["ray"] and typed["text"]:
        raise UserError("--ray is for files and standard input: leave it out for sentences")
    whole = "--n-best" if (typed["n_best"] or 1) > 1 else "--prefix" if typed["prefix"] else None
    if whole and (typed["sentence_split"] or typed["on_long"] == "split"):
        option = "--sentence-split" if typed["sentence_split"] else "--on-long split"
        raise UserError(f"{whole} is of whole lines, and {option} cuts them: give one of them")
    if whole == "--n-best":
        refuse(typed, ("alignments",), "--n-best gives several translations of a line, and they link the best one")
    if typed["alignments"]:
        check_new_file(typed["alignments"])


def _check_ray(ray: str | None, engine: str | None) -> None:
    """Refuse an engine that the workers of a cluster do not have."""
    if ray and engine == "ctranslate2":
        raise UserError("--engine ctranslate2 searches on this machine alone: leave it out, or --ray")


def _rows_of_cluster(
    address: str, stage: "TranslateBatch", lines: "Iterator[str | UserError]", on_bad_row: OnBadRowName, tally: "Tally"
) -> "Iterator[TranslatedRow]":
    """Translate lines on a cluster, so many at a time."""
    from ..cluster import connected

    with connected(address) as cluster:
        pieces = enumerate(iter(lambda: list(islice(lines, LINES_OF_A_WORKER)), []))
        numbered = ((number * LINES_OF_A_WORKER, some, on_bad_row) for number, some in pieces)
        for rows, found in cluster.map(stage.translate_numbered, numbered):
            tally.include(found)
            yield from rows


def _name_anywhere(checkpoint: "Checkpoint") -> str:
    """What a checkpoint is called in other folders, and on other machines."""
    from ..checkpoint.checkpoint import TEXTBOOK

    if checkpoint.folder is None or checkpoint.name == TEXTBOOK:
        return str(checkpoint)
    return str(checkpoint.folder.resolve())


def _url_anywhere(out: str) -> str:
    """What a folder or URL is called in other folders."""
    from ..export.folder import Folder

    folder = Folder(out)
    return folder.path if folder.is_local else out


@contextmanager
def _links_file(checkpoint: "Checkpoint", file: str | None) -> "Iterator[Callable[[TranslatedRow], None]]":
    """Give a function that takes translated rows; when the context ends, the file with their links is complete."""
    if file is None:
        yield lambda row: None
        return
    from ..alignment.engine_attention import choose_attention
    from ..alignment.formats import to_pharaoh
    from ..alignment.translations import align_translations
    from ..checkpoint import AlignmentConfig
    from ..files import replacing

    config = checkpoint.alignment or AlignmentConfig()
    attend = choose_attention(checkpoint, config)
    announce(f"Aligning words: {config}" + ("" if checkpoint.alignment else "; hf-attn heads finds better heads"))
    waiting: list[TranslatedRow] = []

    def add(row: "TranslatedRow") -> None:
        waiting.append(row)
        if len(waiting) == LINKED_AT_ONCE:
            write()

    def write() -> None:
        for links in align_translations(checkpoint.model, checkpoint.tokenizer, waiting, config, attend):
            out.write(f"{to_pharaoh(links)}\n")
        waiting.clear()

    with replacing(file, "; choose another file") as unfinished, unfinished.open("w", encoding="utf-8") as out:
        yield add
        write()


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL|MAPS", help=f"{A_MODEL}; or an export, for --to parquet without --data")
    ],
    out: Annotated[
        str,
        typer.Option(metavar="FOLDER", help="folder or URL for the maps; that of an interrupted export goes on"),
    ],
    data: Annotated[str | None, typer.Option(metavar="CORPUS", help=A_CORPUS)] = None,
    config: Config = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="of a folder, a Hub id or the textbook; default: test")
    ] = None,
    forced: Annotated[bool, typer.Option("--forced", help="over the reference translations of the data")] = False,
    hypotheses: Annotated[
        str | None, typer.Option(metavar="FILE", help="over translations made elsewhere, one a line")
    ] = None,
    places: Annotated[
        str | None, typer.Option(metavar="LIST", help="such as cross or encoder,cross; default: all")
    ] = None,
    layers: Annotated[str | None, typer.Option(metavar="LIST", help="such as 0,2; default: all")] = None,
    heads: Annotated[str | None, typer.Option(metavar="LIST", help="such as 0,2; default: all")] = None,
    keep: Annotated[
        str | None,
        typer.Option(metavar="WHAT", help="weights, qk, or top-4 (of each row); default: the smaller of the first two"),
    ] = None,
    special: Annotated[
        SpecialName,
        typer.Option(
            help="of end and language marks in word maps: keep, drop (and renormalise), or column (one for all)"
        ),
    ] = "keep",
    to: Annotated[FormatName, typer.Option(help="parquet: float32")] = "arrow",
    source_lang: SourceLang = None,
    target_lang: TargetLang = None,
    source_column: SourceColumn = None,
    target_column: TargetColumn = None,
    on_bad_row: OnBadRow = "error",
    on_long: OnLongPair = "skip",
    num_beams: NumBeams = None,
    engine: EngineChoice = None,
    ray: Ray = None,
) -> None:
    """Write the attention of every sentence of a corpus into files."""
    check_beams(num_beams)
    _check_ray(ray, engine)
    if forced and hypotheses:
        raise UserError("--forced and --hypotheses are two translations: give one of them")
    if engine and (forced or hypotheses or data is None):
        raise UserError("leave out --engine: it translates, and here nothing is translated")
    layer_numbers, head_numbers = numbers("--layers", layers), numbers("--heads", heads)
    if data is None:
        return _convert(model, out, to)
    checkpoint = open_checkpoint(model)
    from ..attention.places import PLACES
    from ..engines.choice import choose_engine
    from ..export.export import export_attention, use_own_device
    from ..export.folder import Folder
    from ..export.passes import pair_up
    from ..export.plan import engine_begun_with
    from ..text.corpora import stream_corpus
    from ..text.tally import Tally
    from ..translation import SearchSettings

    source = language(source_lang, checkpoint, "source")
    target = language(target_lang, checkpoint, "target") if forced else None
    set_languages(checkpoint, source, target_lang or target, are_columns=True)
    split = split or "test"
    if target_column and not forced:
        raise UserError("leave out --target-column: targets are read with --forced alone")
    corpus = stream_corpus(
        data,
        source,
        target,
        split,
        config=config,
        source_column=source_column,
        target_column=target_column,
        on_bad_row=on_bad_row,
    )
    tally = Tally()
    use_own_device()
    choices = {  # kept where they are not as before
        "source_column": source_column,
        "target_column": target_column,
        "on_bad_row": on_bad_row if on_bad_row != "error" else None,
        "on_long": on_long if on_long != "skip" else None,
    }
    width = num_beams or checkpoint.num_beams
    announce(f"Exporting the attention of {checkpoint} on {data} into {out}")
    searching: Engine | None = None
    if not (forced or hypotheses):
        typed = "transformers" if ray else engine or engine_begun_with(Folder(out))
        chosen = choose_engine(checkpoint, SearchSettings(width), typed)
        announce(f"engine: {chosen}, for the translations")
        searching = chosen.engine
    with ExitStack() as held:
        fill_elsewhere: Any = None
        if ray:
            from functools import partial

            from ..cluster import connected
            from ..export.stage import ExportShard

            languages = source, target_lang or target
            stage = ExportShard(_name_anywhere(checkpoint), _url_anywhere(out), *languages, on_long)
            fill_elsewhere = partial(held.enter_context(connected(ray)).map, stage.fill_numbered)
        done = export_attention(
            checkpoint.model,
            checkpoint.tokenizer,
            pair_up(corpus, hypotheses),
            out,
            places=PLACES if places is None else tuple(places.split(",")),
            layers=layer_numbers,
            heads=head_numbers,
            keep=keep,
            special=special,
            to=to,
            num_beams=width,
            corpus={
                "corpus": data,
                "config": config,
                "split": split,
                "source_lang": source,
                "target_lang": target or target_lang,
                "hypotheses": hypotheses,
                **{name: value for name, value in choices.items() if value},
            },
            progress=is_terminal(),
            on_long=on_long,
            tally=tally,
            engine=searching,
            fill_elsewhere=fill_elsewhere,
        )
    print(corpus.summary())
    say_tally(corpus.tally, "rows without text")
    say_tally(tally, "rows")
    if done is None:
        print(f"this process is done, others are not yet: {out}")
    else:
        _say_exported(out, to, done)


def _convert(maps: str, out: str, to: str) -> None:
    """Write an export once more, as Parquet."""
    if to != "parquet":
        raise UserError("give --data, sentences to export; or an export and --to parquet")
    quiet_libraries()
    from ..export.parquet import convert_to_parquet
    from ..export.store import open_maps

    _say_exported(out, to, convert_to_parquet(open_maps(maps), out))


def _say_exported(out: str, to: str, metadata: dict[str, Any]) -> None:
    print(f"attention of {metadata['sentences']:,} sentences: {out}")
    if to == "arrow":
        print(f"next: hf-attn view {out} --index 0")
    else:
        print(f'next: datasets.load_dataset("{out}")')


def _warn_of_unseen(checkpoint: "Checkpoint", line: str, number: int) -> bool:
    """Name a line of which the model reads more than somebody who looks at it; tell whether it is one."""
    from ..text.seen import unseen_in

    character = unseen_in(checkpoint.tokenizer, line)
    if character:
        announce(
            f"hf-attn: line {number}: {checkpoint} reads what nobody sees, here {character}, and was not trained on"
            " it: it may translate such lines badly"
        )
    return bool(character)


def _lines(file: str | None) -> "Iterator[str | UserError]":
    """Read lines of a file, or of standard input, without their line ends; an error in the place of a bad one."""
    from ..text.readers.lines import try_decode, try_lines

    numbered = try_lines(Path(file)) if file else try_decode(sys.stdin.buffer, "standard input")
    return (line for _, line in numbered)
