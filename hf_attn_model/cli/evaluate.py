"""`hf-attn evaluate`: scores of a translator, alone or against another system."""

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UserError
from .options import (
    A_CORPUS,
    A_MODEL,
    OF_RECIPE,
    Config,
    EngineChoice,
    NumBeams,
    OnBadRow,
    OnLongName,
    SourceColumn,
    SourceLang,
    TargetColumn,
    TargetLang,
    check_beams,
    check_new_file,
    language,
    required,
    say_tally,
    set_languages,
    users_folder,
)
from .terminal import announce, is_terminal, open_checkpoint

if TYPE_CHECKING:
    from ..text.corpora import Corpus


def evaluate(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=A_MODEL)],
    corpus: Annotated[
        list[str] | None, typer.Option(metavar="CORPUS", help=f"{A_CORPUS}; may be given again; default: {OF_RECIPE}")
    ] = None,
    config: Config = None,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="default: the test split of the model's recipe")
    ] = None,
    translations: Annotated[str | None, typer.Option(metavar="FILE", help="write the translations, one a line")] = None,
    references: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="more references, a line for each row; may be given again")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="MODEL|FILE", help="compare with another translator, or with translations, one a line"),
    ] = None,
    per_sentence: Annotated[
        str | None, typer.Option(metavar="FILE", help="write the scores of each row, as JSON lines")
    ] = None,
    comet_python: Annotated[
        str | None, typer.Option(metavar="PATH", help="a Python that has unbabel-comet: score with COMET, too")
    ] = None,
    comet_model: Annotated[
        str | None, typer.Option(metavar="NAME", help="of COMET; default: Unbabel/wmt22-comet-da")
    ] = None,
    source_lang: SourceLang = None,
    target_lang: TargetLang = None,
    source_column: SourceColumn = None,
    target_column: TargetColumn = None,
    on_bad_row: OnBadRow = "error",
    on_long: Annotated[OnLongName, typer.Option(help="a source with more tokens than the model reads")] = "split",
    num_beams: NumBeams = None,
    engine: EngineChoice = None,
) -> None:
    """Score a translator on a corpus, alone or against another."""
    check_beams(num_beams)
    names: Sequence[str | None] = corpus or [None]
    is_file = against is not None and Path(against).is_file()
    of_one = {"--translations": translations, "--references": references, f"--against {against}": is_file}
    if len(names) > 1 and (typed := next((option for option, value in of_one.items() if value), None)):
        raise UserError(f"{typed} is of one test set: give --corpus once")
    if comet_model and not comet_python:
        raise UserError("--comet-model needs --comet-python, an interpreter that has COMET")
    for file in filter(None, (translations, per_sentence)):
        check_new_file(file)
    comet = None
    if comet_python:
        from ..training.metrics.comet import DEFAULT_MODEL, Comet

        comet = Comet(comet_python, comet_model or DEFAULT_MODEL)
        announce(f"COMET {comet.check()} in {comet_python}")
    checkpoint = open_checkpoint(model, with_engine=True)
    other = open_checkpoint(against, with_engine=True) if against and not is_file else None
    from ..engines.choice import choose_engine
    from ..files import write_text
    from ..text.tally import Tally
    from ..training.comparison import TranslatedCorpus, score_systems, sentence_rows
    from ..training.evaluate import (
        choose_test_set,
        load_test_set,
        own_test_set,
        parts_to_score,
        references_of,
        save_scores,
        scored_rows,
        translate_rows,
    )
    from ..training.evaluate import evaluate as evaluate_corpus
    from ..translation import SearchSettings

    recipe, lowercase = checkpoint.recipe, checkpoint.lowercase
    parts = [recipe] if corpus or recipe is None else parts_to_score(recipe, source_lang, target_lang)
    if len(parts) > 1 and (typed := next((option for option, value in of_one.items() if value), None)):
        raise UserError(f"{typed} is of one test set: choose it with --source-lang and --target-lang")
    sets = []
    for part, name in product(parts, names):
        typed_or_own = source_lang, target_lang
        if part is not None and part is not recipe:
            typed_or_own = part.source_lang, part.target_lang
        chosen = choose_test_set(
            part,
            corpus=name,
            config=config,
            split=split,
            source_lang=language(typed_or_own[0], checkpoint, "source"),
            target_lang=language(typed_or_own[1], checkpoint, "target"),
            source_column=source_column,
            target_column=target_column,
        )
        required(chosen.corpus, "--corpus")
        sets.append(chosen)
    loaded = [load_test_set(recipe, chosen, on_bad_row=on_bad_row) for chosen in sets]
    more = [_lines(file, loaded[0]) for file in references or ()]
    given = _lines(str(against), loaded[0]) if is_file else None
    for each in filter(None, (checkpoint, other)):
        set_languages(each, sets[0].source_lang, sets[0].target_lang, are_columns=True)
    width = num_beams or checkpoint.num_beams
    searching = choose_engine(checkpoint, SearchSettings(width), engine)
    announce(f"engine: {searching}")
    if other is not None:
        other_width = num_beams or other.num_beams
        other_searching = choose_engine(other, SearchSettings(other_width), engine)
        announce(f"engine of {other}: {other_searching}")
    records: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for chosen, test_set in zip(sets, loaded, strict=True):
        for each in filter(None, (checkpoint, other)):
            set_languages(each, chosen.source_lang, chosen.target_lang, are_columns=True)
        print(test_set.summary(), flush=True)
        announce(f"Translating {test_set.full:,} sentences with {checkpoint} (beam {width})")
        how: dict[str, Any] = {"progress": is_terminal(), "on_long": on_long}
        scores, texts = evaluate_corpus(
            checkpoint.model,
            checkpoint.tokenizer,
            test_set,
            chosen.target_lang,
            num_beams=width,
            lowercase=lowercase,
            more_references=more,
            tally=(tally := Tally()),
            engine=searching.engine,
            **how,
        )
        say_tally(tally, "sources")
        systems = {"ours": texts}
        if other is not None:
            announce(f"Translating them with {other} (beam {other_width})")
            systems["theirs"] = translate_rows(
                other.model, other.tokenizer, test_set, num_beams=other_width, engine=other_searching.engine, **how
            )
        elif given is not None:
            systems["theirs"] = given
        rows = scored_rows(checkpoint.model, checkpoint.tokenizer, test_set, on_long)
        translated = TranslatedCorpus(
            test_set, rows, references_of(test_set, rows, more), systems, chosen.target_lang, lowercase
        )
        facts, of_comet = score_systems(translated, comet)
        found.append(scores)
        compared = {"against": against} if against else {}
        if len(parts) > 1:
            compared["direction"] = f"{chosen.source_lang}-{chosen.target_lang}"
        print(json.dumps({**scores, **compared, **facts}, indent=2, ensure_ascii=False), flush=True)
        if per_sentence:
            records += sentence_rows(translated, of_comet)
    if per_sentence:
        write_text(per_sentence, "".join(f"{json.dumps(record, ensure_ascii=False)}\n" for record in records))
    if translations:
        write_text(translations, "".join(f"{' '.join(text.splitlines())}\n" for text in texts))
    folder = users_folder(checkpoint)
    own = [] if recipe is None else [own_test_set(part) for part in recipe.parts()]
    if folder is not None and sets == own and not references:
        save_scores(found[0], folder, *found[1:])


def _lines(file: str, test_set: "Corpus") -> list[str]:
    """Read texts, one a line for each row of a test set. Raises `UserError` where there are more or fewer."""
    from ..text.readers import read_lines

    lines = [line for _, line in read_lines(Path(file))]
    rows = len(test_set.dataset)
    if len(lines) != rows:
        raise UserError(f"{file} has {len(lines):,} lines, but {test_set.name} {rows:,} rows: write one for each")
    return lines
