"""Scores of a translator: on a test set, and on a few held-out sentences as its training goes on."""

import time
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.fitting import fit_sources
from ..checkpoint.converted import conversion_for
from ..errors import UserError
from ..files import write_json
from ..languages import is_same_language
from ..recipes.recipe import Recipe, recipe_of
from ..text.cache import Cache
from ..text.corpora import Corpus, OnBadRow, load_corpus, whole_path
from ..text.mapped import map_splits
from ..text.multilingual import decode_targets
from ..text.tally import Tally
from ..text.too_long import OnLong, join_parts
from ..translation.engine import Engine
from ..translation.search import decode, search, translate_to_ids
from . import provenance
from .card import CTRANSLATE2, EVALUATION_FILE, write_card
from .examples import choose_languages, load_split
from .metrics import load_translation_metric
from .records import OF_CORPORA


class CorpusSplit(NamedTuple):
    """What to score on, in the words of `load_corpus`; `corpus` is `None` where nothing says it.

    With `held_out`, the split is one of those that a training dealt its corpus out into (see `hold_out`).
    """

    corpus: str | None
    config: str | None
    split: str
    source_lang: str
    target_lang: str
    source_column: str | None = None
    target_column: str | None = None
    held_out: int = 0


def own_test_set(recipe: Recipe) -> CorpusSplit:
    """Return the test set of a recipe: what is measured there counts as the quality of its model."""
    languages, columns = (recipe.source_lang, recipe.target_lang), (recipe.source_column, recipe.target_column)
    held_out = recipe.hold_out or 0
    return CorpusSplit(whole_path(recipe.corpus), recipe.config, recipe.test_split, *languages, *columns, held_out)


def parts_to_score(recipe: Recipe, source_lang: str | None, target_lang: str | None) -> list[Recipe]:
    """Choose among the corpora of a recipe those of typed languages, or all.

    Raises:
        UserError: it has several, and none of these languages.
    """
    parts = recipe.parts()
    if not recipe.corpora:
        return parts
    found = [
        part
        for part in parts
        if (source_lang is None or is_same_language(source_lang, part.source_lang))
        and (target_lang is None or is_same_language(target_lang, part.target_lang))
    ]
    if not found:
        asked = f"from {source_lang or 'any language'} into {target_lang or 'any'}"
        raise UserError(f"the model was not trained {asked}, but {recipe.directions}: give --corpus for others")
    return found


def choose_test_set(
    recipe: Recipe | None,
    *,
    corpus: str | None,
    config: str | None,
    split: str | None,
    source_lang: str,
    target_lang: str,
    source_column: str | None = None,
    target_column: str | None = None,
) -> CorpusSplit:
    """Complete what a user asked for: no corpus means that of the recipe, no split the one it tests on, or `test`."""
    held_out = 0
    if corpus is None and recipe is not None:
        held_out = recipe.hold_out or 0
        corpus, config, split = recipe.corpus, config or recipe.config, split or recipe.test_split
        source_column, target_column = source_column or recipe.source_column, target_column or recipe.target_column
    name = None if corpus is None else whole_path(corpus)
    languages, columns = (source_lang, target_lang), (source_column, target_column)
    return CorpusSplit(name, config, split or "test", *languages, *columns, held_out)


def load_test_set(recipe: Recipe | None, chosen: CorpusSplit, *, on_bad_row: OnBadRow = "error") -> Corpus:
    """Read what to score on, with a pair for every row; or what the training of a recipe has held out.

    Raises:
        UserError: see `load_corpus`.
    """
    if chosen.held_out and recipe is not None:
        own = (recipe.train_split, recipe.dev_split, recipe.test_split)
        if chosen.split in own:
            cache = Cache()
            whole = load_split(recipe, recipe.train_split, cache)
            return map_splits(whole, chosen.held_out, cache)[own.index(chosen.split)]
    assert chosen.corpus is not None
    return load_corpus(
        chosen.corpus,
        chosen.source_lang,
        chosen.target_lang,
        chosen.split,
        config=chosen.config,
        source_column=chosen.source_column,
        target_column=chosen.target_column,
        on_bad_row=on_bad_row,
        keep_rows=True,
    )


def evaluate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    corpus: Corpus,
    target_lang: str,
    *,
    num_beams: int,
    lowercase: bool = False,
    batch_size: int = 64,
    progress: bool = False,
    on_long: OnLong = "error",
    tally: Tally | None = None,
    more_references: Sequence[Sequence[str]] = (),
    engine: Engine | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Translate the sources of a corpus and score the translations against its targets.

    Args:
        model, tokenizer, num_beams, batch_size, progress, engine: see `translate`.
        corpus: what to translate, and the references; empty pairs, of rows that cannot be used, are not scored.
        target_lang: language code, for the words of BLEU.
        lowercase: whether all scores ignore case, for a model that writes none; their signatures say so.
        on_long: what becomes of a source that is too long for the model; see `LengthLimit`. What is left out is not
            scored.
        tally: counts those.
        more_references: further ones, each with a text for every row of the corpus.

    Returns:
        the scores, and the translations in the order of the corpus, empty where nothing was translated. The scores are
        `bleu` and `chrf` of the text as it is, and `tokenized_bleu` of lowercased, tokenised text (see
        `metrics.tokenized`), in 0..100 with their sacreBLEU signatures, `exact_match` in percent of the sentences,
        `sentences`, `num_beams`, `seconds` and the `command`; and `engine`, what searched, where that is not
        transformers.

    Raises:
        UserError: a source is too long, with `on_long="error"`; or nothing is left to be scored.
    """
    tally = Tally() if tally is None else tally
    parts = _readable_parts(model, tokenizer, corpus, on_long, tally)
    scored = [i for i, some in enumerate(parts) if some]
    if not scored:
        raise UserError(f"{corpus.name}: there is nothing to score: {tally.summary()}")
    start = time.perf_counter()
    translations = _translate_parts(model, tokenizer, corpus, parts, num_beams, batch_size, progress, engine)
    seconds = time.perf_counter() - start

    predictions, references = [translations[i] for i in scored], references_of(corpus, scored, more_references)
    metric = load_translation_metric()
    scores = metric.compute(
        predictions=predictions,
        references=[texts if len(texts) > 1 else texts[0] for texts in zip(*references, strict=True)],
        target_lang=target_lang,
        lowercase=lowercase,
    )
    ours, *theirs = (_to_compare(column, lowercase) for column in (predictions, *references))
    exact = sum(one in others for one, others in zip(ours, zip(*theirs, strict=True), strict=True))
    result = {
        "command": provenance.command(),
        **scores,
        "exact_match": round(100 * exact / len(scored), 2),
        "sentences": len(scored),
        "num_beams": num_beams,
        "seconds": round(seconds, 1),
        **({} if engine is None or engine.name == "transformers" else {"engine": engine.name}),
    }
    return result, translations


def scored_rows(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, corpus: Corpus, on_long: OnLong
) -> list[int]:
    """List the rows that `evaluate` scores: all, but for empty pairs and those that are left out."""
    parts = _readable_parts(model, tokenizer, corpus, on_long, Tally())
    return [i for i, some in enumerate(parts) if some]


def references_of(corpus: Corpus, rows: Sequence[int], more: Sequence[Sequence[str]] = ()) -> list[list[str]]:
    """List the references of some rows: those of the corpus, and each of the others."""
    return [[texts[i] for i in rows] for texts in (corpus.dataset["target"][:], *more)]


def translate_rows(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    corpus: Corpus,
    *,
    num_beams: int,
    batch_size: int = 64,
    progress: bool = False,
    on_long: OnLong = "error",
    tally: Tally | None = None,
    engine: Engine | None = None,
) -> list[str]:
    """Translate the sources of a corpus as `evaluate` does: a text for every row."""
    parts = _readable_parts(model, tokenizer, corpus, on_long, Tally() if tally is None else tally)
    return _translate_parts(model, tokenizer, corpus, parts, num_beams, batch_size, progress, engine)


def _readable_parts(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, corpus: Corpus, on_long: OnLong, tally: Tally
) -> list[list[str]]:
    """List what is translated of each row."""
    return fit_sources(model, tokenizer, corpus.dataset["source"][:], _places(corpus), on_long, tally)


def _translate_parts(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    corpus: Corpus,
    parts: list[list[str]],
    num_beams: int,
    batch_size: int,
    progress: bool,
    engine: Engine | None,
) -> list[str]:
    found = translate_to_ids(
        model,
        tokenizer,
        [part for some in parts for part in some],
        num_beams=num_beams,
        batch_size=batch_size,
        names=[place for place, some in zip(_places(corpus), parts, strict=True) for _ in some],
        progress=progress,
        engine=engine,
    )
    texts = iter(decode_targets(tokenizer, found))
    return [join_parts(list(islice(texts, len(some)))) for some in parts]


def _places(corpus: Corpus) -> list[str]:
    return corpus.places or [f"{corpus.name}, pair {number}" for number in range(1, len(corpus.dataset) + 1)]


def _to_compare(texts: Iterable[str], lowercase: bool) -> list[str]:
    """Take what does not count off texts: white space around them, and maybe case."""
    return [text.strip().lower() if lowercase else text.strip() for text in texts]


def save_scores(scores: dict[str, Any], folder: str | Path, *more: dict[str, Any]) -> None:
    """Keep the scores beside the model in `folder`, and renew the card of one that `train` left there.

    Args:
        scores: on the test set of its recipe; of a recipe of several corpora on that of the first one.
        folder: of the model.
        more: scores on the test sets of the others.
    """
    recipe = recipe_of(folder) if more else None
    if recipe is not None:
        scores = {OF_CORPORA: dict(zip(recipe.part_names(), (scores, *more), strict=True))}
    write_json(Path(folder, EVALUATION_FILE), scores)
    if conversion_for(Path(folder), CTRANSLATE2) is None:
        write_card(folder)


SENTENCES = 200
SHOWN = 3


def dev_translations(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Dataset,
    target_lang: str,
    *,
    max_length: int,
    lowercase: bool = False,
    batch_size: int = 64,
) -> dict[str, Any]:
    """Translate the first 200 pairs greedily, and score the translations.

    The search draws no random numbers, and the model is left in the mode it was in: a training that is watched is the
    same, bit for bit.

    Args:
        model: as it is, on its own device.
        tokenizer: of the model.
        pairs: held-out texts, `source` and `target`.
        target_lang: language code, for the words of BLEU.
        max_length: tokens of the longest source; pairs with longer ones are passed over.
        lowercase: whether BLEU ignores case, for a model that writes none.
        batch_size: sentences translated together.

    Returns:
        `bleu`, 0 to 100 by sacreBLEU, and `samples`, Markdown text with the source, the reference and the translation
        of three pairs; empty if no pair is left.
    """
    fitting = (pair for pair in pairs if len(tokenizer(pair["source"])["input_ids"]) <= max_length)
    chosen = list(islice(fitting, SENTENCES))
    if not chosen:
        return {}
    sources, references = ([pair[side] for pair in chosen] for side in ("source", "target"))
    was_training = model.training
    model.eval()
    try:
        translations = decode(tokenizer, search(model, tokenizer, sources, num_beams=1, batch_size=batch_size))
    finally:
        model.train(was_training)
    scores = load_translation_metric().compute(
        predictions=translations, references=references, target_lang=target_lang, lowercase=lowercase
    )
    every = -(-len(chosen) // SHOWN)  # from all over the sentences: neighbours are often much alike
    shown = list(zip(sources, references, translations, strict=True))[::every]
    return {"bleu": round(scores["bleu"], 2), "samples": "\n\n".join(map(_lines, shown))}


def dev_scores(
    model: PreTrainedModel, recipe: Recipe, tokenizer: PreTrainedTokenizerBase, dev: Sequence[Dataset]
) -> dict[str, Any]:
    """Score a model on the dev pairs of each corpus of its recipe; see `dev_translations`.

    Args:
        model, tokenizer: told the languages of the first corpus, and so again in the end.
        recipe: of the training.
        dev: texts `source` and `target` of each corpus.

    Returns:
        `bleu` and `samples`; of several corpora `bleu_en-es` and so on, and `samples` of all.
    """
    bleu: dict[str, float] = {}
    samples: list[str] = []
    for name, part, pairs in reversed([*zip(recipe.part_names(), recipe.parts(), dev, strict=True)]):
        choose_languages(part, model, tokenizer)
        settings: dict[str, Any] = {"max_length": recipe.max_length, "lowercase": recipe.lowercase}
        if scores := dev_translations(model, tokenizer, pairs, part.target_lang, **settings):
            bleu = {f"bleu_{name}" if name else "bleu": scores["bleu"]} | bleu
            samples.insert(0, scores["samples"])
    return bleu | {"samples": "\n\n".join(samples)} if bleu else {}


def _lines(sample: tuple[str, str, str]) -> str:
    """Set a source, its reference and its translation below each other; two spaces end a line in Markdown."""
    names = ("source", "reference", "ours")
    return "  \n".join(f"{name}: {' '.join(text.split())}" for name, text in zip(names, sample, strict=True))
