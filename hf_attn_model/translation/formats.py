"""How translated rows are written down.

- `text`: the translation, a line for each row; with scores `SCORE<tab>TRANSLATION`; of several the n-best list of Moses
  and Marian, a line for each: `ROW ||| TRANSLATION`, with scores `ROW ||| TRANSLATION ||| SCORE`, rows from 0;
- `tsv`: columns `line` (from 1), `rank` (of several), `score` (where asked for), `source` and `translation`;
- `jsonl`: an object for each row: `line`, `source`, and `translations`, a list of `text`, `is_cut` and, where asked
  for, `log_probability` and `score`.

A tab within a text is written as a space but in JSON, and a row that was not translated has no score.
"""

import json
from collections.abc import Iterator

from .settings import SearchSettings
from .stream import RowTranslation, TranslatedRow

STYLES = ("text", "tsv", "jsonl")


def header(style: str, settings: SearchSettings) -> list[str]:
    """List the lines that stand before the first row."""
    columns = ["line", *_if(settings.n_best > 1, "rank"), *_if(settings.with_scores, "score"), "source", "translation"]
    return ["\t".join(columns)] if style == "tsv" else []


def lines_of(row: TranslatedRow, style: str, settings: SearchSettings) -> Iterator[str]:
    """Write a row, in one of `STYLES`."""
    if style == "jsonl":
        translations = [_facts(translation, settings) for translation in row.translations]
        facts = {"line": row.number + 1, "source": row.source, "translations": translations}
        yield json.dumps(facts, ensure_ascii=False)
        return
    for rank, translation in enumerate(row.translations, start=1):
        score = _if(settings.with_scores, "" if translation.score is None else f"{translation.score:.6f}")
        if style == "tsv":
            ranks = _if(settings.n_best > 1, str(rank))
            yield "\t".join(map(_cell, [str(row.number + 1), *ranks, *score, row.source, translation.text]))
        elif settings.n_best > 1:
            yield " ||| ".join([str(row.number), translation.text, *score])
        elif score:
            yield "\t".join([*score, _cell(translation.text)])
        else:
            yield translation.text


def _facts(translation: RowTranslation, settings: SearchSettings) -> dict[str, object]:
    facts: dict[str, object] = {"text": translation.text, "is_cut": translation.is_cut}
    if settings.with_scores:
        facts |= {"log_probability": translation.log_probability, "score": translation.score}
    return facts


def _if(is_so: bool, text: str) -> list[str]:
    return [text] if is_so else []


def _cell(text: str) -> str:
    return " ".join(text.split("\t"))
