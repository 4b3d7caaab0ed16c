"""corpus of a recipe -> sentence pairs -> tokenizer -> token ids to train and evaluate on."""

from contextlib import suppress
from typing import NamedTuple

from accelerate import PartialState
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from ..errors import UserError, in_words
from ..recipes.recipe import Recipe
from ..text.cache import Cache
from ..text.corpora import Corpus, Data, is_one_split
from ..text.mapped import SampledSentences, map_corpus, map_overlap, map_part, map_tokenizer, map_tokens
from ..text.resegmented import ResegmentedPairs
from ..text.splitting import SPLITS, Overlap, usual_count

LEARNT_FROM = 250_000  # pairs, at most, that a vocabulary is learnt from


class Pairs(NamedTuple):
    """The pairs of a training.

    Attributes:
        train, dev: texts `source` and `target`.
        held_out: how many were held out of the training split for each of dev and test; 0: they are splits themselves.
        overlap: how much of the test set is in the training set; `None` where there is no test set to be read.
    """

    train: Dataset
    dev: Dataset
    held_out: int
    overlap: Overlap | None


def load_pairs(recipe: Recipe, cache: Cache | None = None, data: Data | None = None) -> Pairs:
    """Read the pairs of the recipe, or of data in memory; say what was read and what left out."""
    cache, say = cache or Cache(), PartialState().print
    whole = load_split(recipe, recipe.train_split, cache, data)
    held_out = recipe.hold_out or 0
    if recipe.hold_out is None and data is None and is_one_split(recipe.corpus):
        held_out = usual_count(len(whole.dataset))
        say(f"{recipe.corpus} has one split: {held_out:,} pairs are held out for dev, and as many for test (hold_out)")
    if held_out:
        parts = [map_part(whole, split, held_out, cache) for split in SPLITS]
    else:
        parts = [whole, load_split(recipe, recipe.dev_split, cache, data)]
        with suppress(UserError):  # a test set may come later
            parts.append(load_split(recipe, recipe.test_split, cache, data))
    for corpus in parts[:2]:
        say(corpus.summary())
    found = map_overlap(parts[2].dataset, parts[0].dataset, cache) if len(parts) > 2 else None
    if found and found.pairs:
        say(f"{found.pairs:,} of {len(parts[2].dataset):,} test pairs are also in the training set")
    return Pairs(parts[0].dataset, parts[1].dataset, held_out, found)


def load_split(recipe: Recipe, split: str, cache: Cache, data: Data | None = None) -> Corpus:
    """Read a split as the recipe says; rules of cleaning are for the training split alone."""
    return map_corpus(
        recipe.corpus if data is None else data,
        recipe.source_lang,
        recipe.target_lang,
        split,
        config=recipe.config,
        source_column=recipe.source_column,
        target_column=recipe.target_column,
        rules=recipe.clean if split == recipe.train_split else (),
        max_ratio=recipe.max_length_ratio,
        cache=cache,
    )


def sentences_of(pairs: Dataset) -> SampledSentences:
    """The sources and then the targets of all pairs, or of `LEARNT_FROM` evenly spaced ones."""
    return SampledSentences(pairs, LEARNT_FROM)


def make_tokenizer(recipe: Recipe, pairs: Dataset, cache: Cache | None = None) -> PreTrainedTokenizerBase:
    """Learn the subwords of both languages from the training pairs, or find what was learnt from them before."""
    assert recipe.vocab_size is not None
    return map_tokenizer(
        pairs,
        LEARNT_FROM,
        cache or Cache(),
        vocab_size=recipe.vocab_size,
        max_length=recipe.max_length,
        lowercase=recipe.lowercase,
    )


def training_examples(
    recipe: Recipe, pairs: Dataset, tokenizer: PreTrainedTokenizerBase, seed: int, cache: Cache | None = None
) -> Dataset | ResegmentedPairs:
    """Tokenize the training pairs: once, or anew in every epoch."""
    if not recipe.bpe_dropout:
        return tokenize(pairs, tokenizer, recipe.max_length, cache)
    try:
        resegmented = ResegmentedPairs(pairs, tokenizer, recipe.bpe_dropout, seed, recipe.max_length)
    except ValueError as error:
        raise UserError(f"bpe_dropout: {in_words(error)}") from error
    _say_left_out(resegmented.left_out, recipe.max_length)
    return resegmented


def tokenize(
    pairs: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int, cache: Cache | None = None
) -> Dataset:
    """Turn `source` and `target` texts into `input_ids` and `labels`, without pairs longer than `max_length` tokens.

    The ids are those that a search and a teacher-forced pass have, with the marks of languages.

    Raises:
        UserError: no pair is left, or a model of many languages was not told which (see `set_languages`).
    """
    tokens, left_out = map_tokens(pairs, tokenizer, max_length, cache or Cache())
    _say_left_out(left_out, max_length)
    if not len(tokens):
        raise UserError(f"no pair is left: all are longer than max_length={max_length} tokens")
    return tokens


def _say_left_out(pairs: int, max_length: int) -> None:
    if pairs:
        PartialState().print(f"left out {pairs:,} pairs longer than {max_length} tokens")
