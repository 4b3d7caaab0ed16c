"""Scores of a translator: on a test set, and on a few held-out sentences as its training goes on."""

import time
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..checkpoint.converted import conversion_for
from ..files import write_json
from ..recipes.recipe import Recipe
from ..text.corpora import Corpus
from ..translation.engine import Engine
from ..translation.search import decode, search, translate
from . import provenance
from .card import CTRANSLATE2, EVALUATION_FILE, write_card
from .metrics import load_translation_metric


class CorpusSplit(NamedTuple):
    """What to score on, in the words of `load_corpus`; `corpus` is `None` where nothing says it."""

    corpus: str | None
    config: str | None
    split: str
    source_lang: str
    target_lang: str


def own_test_set(recipe: Recipe) -> CorpusSplit:
    """Return the test set of a recipe: what is measured there counts as the quality of its model."""
    return CorpusSplit(recipe.corpus, recipe.config, recipe.test_split, recipe.source_lang, recipe.target_lang)


def choose_test_set(
    recipe: Recipe | None,
    *,
    corpus: str | None,
    config: str | None,
    split: str | None,
    source_lang: str,
    target_lang: str,
) -> CorpusSplit:
    """Complete what a user asked for: no corpus means that of the recipe, no split the one it tests on, or `test`."""
    if corpus is None and recipe is not None:
        return CorpusSplit(recipe.corpus, config or recipe.config, split or recipe.test_split, source_lang, target_lang)
    return CorpusSplit(corpus, config, split or "test", source_lang, target_lang)


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
    engine: Engine | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """Translate the sources of a corpus and score the translations against its targets.

    Args:
        model, tokenizer, num_beams, batch_size, progress, engine: see `translate`.
        corpus: what to translate, and the references.
        target_lang: language code, for the words of BLEU.
        lowercase: whether all scores ignore case, for a model that writes none; their signatures say so.

    Returns:
        the scores, and the translations in the order of the corpus. The scores are `bleu` and `chrf` of the text as it
        is, and `tokenized_bleu` of lowercased, tokenised text (see `metrics.tokenized`), in 0..100 with their
        sacreBLEU signatures, `exact_match` in percent of the sentences, `sentences`, `num_beams`, `seconds` and the
        `command`; and `engine`, what searched, where that is not transformers.
    """
    sources, references = list(corpus.dataset["source"]), list(corpus.dataset["target"])
    start = time.perf_counter()
    translations = translate(
        model, tokenizer, sources, num_beams=num_beams, batch_size=batch_size, progress=progress, engine=engine
    )
    seconds = time.perf_counter() - start

    metric = load_translation_metric()
    scores = metric.compute(
        predictions=translations, references=references, target_lang=target_lang, lowercase=lowercase
    )
    ours, theirs = (_to_compare(texts, lowercase) for texts in (translations, references))
    exact = sum(one == other for one, other in zip(ours, theirs, strict=True))
    result = {
        "command": provenance.command(),
        **scores,
        "exact_match": round(100 * exact / len(sources), 2),
        "sentences": len(sources),
        "num_beams": num_beams,
        "seconds": round(seconds, 1),
        **({} if engine is None or engine.name == "transformers" else {"engine": engine.name}),
    }
    return result, translations


def _to_compare(texts: Iterable[str], lowercase: bool) -> list[str]:
    """Take what does not count off texts: white space around them, and maybe case."""
    return [text.strip().lower() if lowercase else text.strip() for text in texts]


def save_scores(scores: dict[str, Any], folder: str | Path) -> None:
    """Keep the scores beside the model in `folder`, and renew the card of one that `train` left there."""
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


def _lines(sample: tuple[str, str, str]) -> str:
    """Set a source, its reference and its translation below each other; two spaces end a line in Markdown."""
    names = ("source", "reference", "ours")
    return "  \n".join(f"{name}: {' '.join(text.split())}" for name, text in zip(names, sample, strict=True))
