"""`hf-attn translate` and `export`: sentences go through a translator, line for line."""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UserError
from .options import (
    A_CORPUS,
    A_MODEL,
    Config,
    FormatName,
    FromLang,
    IntoLang,
    Model,
    NumBeams,
    SourceLang,
    SpecialName,
    TargetLang,
    check_beams,
    language,
    numbers,
    set_languages,
)
from .terminal import announce, is_terminal, open_checkpoint, quiet_libraries

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint

TRANSLATE_AT_ONCE = 2048  # lines held before their translations are printed


def translate(
    model: Model,
    text: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT", help="sentences; without any, standard input, one a line")
    ] = None,
    file: Annotated[str | None, typer.Option(metavar="FILE", help="text file, one sentence a line")] = None,
    source_lang: FromLang = None,
    target_lang: IntoLang = None,
    num_beams: NumBeams = None,
) -> None:
    """Translate an argument, a file or standard input, line for line."""
    check_beams(num_beams)
    if text and file:
        raise UserError("give sentences or --file, not both")
    checkpoint = open_checkpoint(model)
    from ..translation.search import translate as translate_sentences

    set_languages(checkpoint, source_lang, target_lang)
    lines = iter(text) if text else _lines(file)
    chunk = list(islice(lines, TRANSLATE_AT_ONCE))
    width = num_beams or checkpoint.num_beams
    if not text:
        count = f"{len(chunk):,} sentences" if len(chunk) < TRANSLATE_AT_ONCE else f"the lines of {file or 'the input'}"
        announce(f"Translating {count} with {checkpoint} (beam {width})")
    done, is_warned = 0, False
    while chunk:
        is_warned = is_warned or _warn_of_unseen(checkpoint, chunk, done + 1)
        translations = translate_sentences(
            checkpoint.model,
            checkpoint.tokenizer,
            chunk,
            num_beams=width,
            first_line=done + 1,
            progress=is_terminal() and not text,
        )
        for translation in translations:
            print(" ".join(translation.splitlines()))  # one line in, one line out
        sys.stdout.flush()
        done += len(chunk)
        chunk = list(islice(lines, TRANSLATE_AT_ONCE))


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
    num_beams: NumBeams = None,
) -> None:
    """Write the attention of every sentence of a corpus into files."""
    check_beams(num_beams)
    if forced and hypotheses:
        raise UserError("--forced and --hypotheses are two translations: give one of them")
    layer_numbers, head_numbers = numbers("--layers", layers), numbers("--heads", heads)
    if data is None:
        return _convert(model, out, to)
    checkpoint = open_checkpoint(model)
    from ..attention.places import PLACES
    from ..export.export import export_attention, use_own_device
    from ..export.passes import pair_up
    from ..text.corpora import stream_corpus

    source = language(source_lang, checkpoint, "source")
    target = language(target_lang, checkpoint, "target") if forced else None
    set_languages(checkpoint, source, target_lang or target, are_columns=True)
    split = split or "test"
    corpus = stream_corpus(data, source, target, split, config=config)
    use_own_device()
    width = num_beams or checkpoint.num_beams
    announce(f"Exporting the attention of {checkpoint} on {data} into {out}")
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
        },
        progress=is_terminal(),
    )
    print(corpus.summary())
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


def _warn_of_unseen(checkpoint: "Checkpoint", lines: list[str], first_line: int) -> bool:
    """Name the first line of which the model reads more than somebody who looks at it; tell whether there is one."""
    from ..text.seen import unseen_in

    for number, line in enumerate(lines, start=first_line):
        if character := unseen_in(checkpoint.tokenizer, line):
            announce(
                f"hf-attn: line {number}: {checkpoint} reads what nobody sees, here {character}, and was not trained"
                " on it: it may translate such lines badly"
            )
            return True
    return False


def _lines(file: str | None) -> Iterator[str]:
    """Read lines of a file, or of standard input, without their line ends."""
    from ..text.readers import decode_lines, read_lines

    numbered = read_lines(Path(file)) if file else decode_lines(sys.stdin.buffer, "standard input")
    return (line for _, line in numbered)
