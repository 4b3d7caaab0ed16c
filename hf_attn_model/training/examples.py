"""corpus of a recipe -> sentence pairs -> tokenizer -> token ids to train and evaluate on."""

from collections.abc import Iterator

from accelerate import PartialState
from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from ..errors import UserError, in_words
from ..recipes.recipe import Recipe
from ..text.corpora import load_corpus
from ..text.multilingual import encode_sources, encode_targets
from ..text.resegmented import ResegmentedPairs
from ..text.tokenizer import train_tokenizer


def load_pairs(recipe: Recipe) -> tuple[Dataset, Dataset]:
    """Read the training and dev pairs, and say what was read and what left out."""
    pairs = []
    for split in (recipe.train_split, recipe.dev_split):
        corpus = load_corpus(recipe.corpus, recipe.source_lang, recipe.target_lang, split, config=recipe.config)
        PartialState().print(corpus.summary())
        pairs.append(corpus.dataset)
    return pairs[0], pairs[1]


def sentences_of(pairs: Dataset) -> Iterator[str]:
    """Go through the sources, then through the targets."""
    return (text for column in ("source", "target") for text in pairs[column])


def make_tokenizer(recipe: Recipe, pairs: Dataset) -> PreTrainedTokenizerBase:
    """Learn the subwords of both languages from the training pairs."""
    assert recipe.vocab_size is not None
    return train_tokenizer(
        sentences_of(pairs), recipe.vocab_size, max_length=recipe.max_length, lowercase=recipe.lowercase
    )


def training_examples(
    recipe: Recipe, pairs: Dataset, tokenizer: PreTrainedTokenizerBase, seed: int
) -> Dataset | ResegmentedPairs:
    """Tokenize the training pairs: once, or anew in every epoch."""
    if not recipe.bpe_dropout:
        return tokenize(pairs, tokenizer, recipe.max_length)
    try:
        resegmented = ResegmentedPairs(pairs, tokenizer, recipe.bpe_dropout, seed, recipe.max_length)
    except ValueError as error:
        raise UserError(f"bpe_dropout: {in_words(error)}") from error
    _say_left_out(resegmented.left_out, recipe.max_length)
    return resegmented


def tokenize(pairs: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Dataset:
    """Turn `source` and `target` texts into `input_ids` and `labels`, without pairs longer than `max_length` tokens.

    The ids are those that a search and a teacher-forced pass have, with the marks of languages.

    Raises:
        UserError: no pair is left, or a model of many languages was not told which (see `set_languages`).
    """

    def encode(batch: dict) -> dict:
        return {
            "input_ids": encode_sources(tokenizer, batch["source"]),
            "labels": encode_targets(tokenizer, batch["target"]),
        }

    encoded = pairs.map(encode, batched=True, remove_columns=pairs.column_names, desc="Tokenizing")
    kept = encoded.filter(
        lambda batch: [
            max(len(source), len(target)) <= max_length
            for source, target in zip(batch["input_ids"], batch["labels"], strict=True)
        ],
        batched=True,
        desc="Filtering by length",
    )
    _say_left_out(len(encoded) - len(kept), max_length)
    if not len(kept):
        raise UserError(f"no pair is left: all are longer than max_length={max_length} tokens")
    return kept


def _say_left_out(pairs: int, max_length: int) -> None:
    if pairs:
        PartialState().print(f"left out {pairs:,} pairs longer than {max_length} tokens")
