"""`hf-attn clean`: a corpus without the pairs that harm a training, and split."""

from typing import Annotated

import typer

from ..errors import UserError
from .options import A_CORPUS, Config, OnBadRow, SourceColumn, TargetColumn, check_new_file
from .terminal import announce, quiet_libraries

RULES = "entities, copies, ratio, scripts, languages, duplicates, sources"
DEFAULT_RULES = "entities,copies,ratio,scripts,duplicates"


def clean(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help=A_CORPUS)],
    source_lang: Annotated[str, typer.Option(metavar="CODE")],
    target_lang: Annotated[str, typer.Option(metavar="CODE")],
    out: Annotated[str, typer.Option(metavar="FOLDER", help="new folder for train.jsonl")],
    split: Annotated[str, typer.Option(metavar="NAME", help="of a folder or a Hub id")] = "train",
    config: Config = None,
    source_column: SourceColumn = None,
    target_column: TargetColumn = None,
    on_bad_row: OnBadRow = "error",
    rules: Annotated[str, typer.Option(metavar="LIST", help=f"of {RULES}")] = DEFAULT_RULES,
    max_length_ratio: Annotated[
        float, typer.Option(metavar="X", help="of the sides of a pair in bytes, for the rule ratio")
    ] = 3.0,
    hold_out: Annotated[
        int | None, typer.Option(metavar="N", help="pairs for dev.jsonl, and as many for test.jsonl, by their sources")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="of --hold-out; default: 0")] = None,
    rejected: Annotated[
        str | None, typer.Option(metavar="FILE", help="new file for what is left out, and why: JSON lines")
    ] = None,
) -> None:
    """Leave bad pairs out of a corpus, and hold out pairs."""
    if seed is not None and hold_out is None:
        raise UserError("leave out --seed: it draws the pairs of --hold-out")
    if hold_out is not None and hold_out < 1:
        raise UserError(f"--hold-out must be at least 1, got {hold_out}")
    if rejected:
        check_new_file(rejected)
    quiet_libraries()
    from ..text.cleaned import write_cleaned
    from ..text.cleaning import Cleaner
    from ..text.corpora import stream_corpus

    names = [name.strip() for name in rules.split(",") if name.strip()]
    cleaner = Cleaner(names, source_lang, target_lang, max_ratio=max_length_ratio)
    stream = stream_corpus(
        corpus,
        source_lang,
        target_lang,
        split,
        config=config,
        source_column=source_column,
        target_column=target_column,
        on_bad_row=on_bad_row,
    )
    announce(f"Cleaning {corpus} into {out}")
    counts = write_cleaned(
        stream.rows(),
        cleaner,
        (source_lang, target_lang),
        out,
        held_out=hold_out or 0,
        seed=seed or 0,
        rejected=rejected,
    )
    print("\n".join(filter(None, [stream.summary(), cleaner.summary()])))
    print(f"{out}: {', '.join(f'{count:,} pairs in {name}.jsonl' for name, count in counts.items())}")
