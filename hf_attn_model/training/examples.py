"""corpus of a recipe -> sentence pairs -> tokenizer -> token ids to train and evaluate on."""

from accelerate import PartialState
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from ..errors import UserError, in_words
from ..recipes.recipe import Recipe
from ..text.cache import Cache
from ..text.corpora import Data
from ..text.mapped import SampledSentences, map_corpus, map_tokenizer, map_tokens
from ..text.resegmented import ResegmentedPairs

LEARNT_FROM = 250_000  # pairs, at most, that a vocabulary is learnt from


def load_pairs(recipe: Recipe, cache: Cache | None = None, data: Data | None = None) -> tuple[Dataset, Dataset]:
    """Read the training and dev pairs, of the recipe or of data in memory; say what was read and what left out."""
    pairs = []
    for split in (recipe.train_split, recipe.dev_split):
        corpus = map_corpus(
            recipe.corpus if data is None else data,
            recipe.source_lang,
            recipe.target_lang,
            split,
            config=recipe.config,
            source_column=recipe.source_column,
            target_column=recipe.target_column,
            cache=cache or Cache(),
        )
        PartialState().print(corpus.summary())
        pairs.append(corpus.dataset)
    return pairs[0], pairs[1]


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
