"""corpora of a recipe -> sentence pairs -> tokenizer -> token ids to train and evaluate on."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from accelerate import PartialState
from datasets import Dataset, concatenate_datasets
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..errors import UserError, in_words
from ..recipes.recipe import Recipe
from ..text.cache import Cache
from ..text.corpora import Corpus, Data, is_one_split
from ..text.mapped import SampledSentences, map_corpus, map_overlap, map_splits, map_tokenizer, map_tokens
from ..text.mixed import MixedExamples
from ..text.multilingual import has_choice, set_languages
from ..text.resegmented import ResegmentedPairs
from ..text.splitting import Overlap, usual_count

LEARNT_FROM = 250_000  # pairs, at most, that a vocabulary is learnt from


class Pairs(NamedTuple):
    """The pairs of a training, or of one part of it.

    Attributes:
        train, dev: texts `source` and `target`.
        held_out: how many were held out of the training split for each of dev and test; 0: they are splits themselves.
        overlap: how much of the test set is in the training set; `None` where there is no test set to be read.
    """

    train: Dataset
    dev: Dataset
    held_out: int
    overlap: Overlap | None


def load_parts(recipe: Recipe, cache: Cache | None = None, data: Data | None = None) -> list[Pairs]:
    """Read the pairs of each corpus of a recipe, or of data in memory; say what was read and what left out.

    What one corpus trains on, another may test on, also the other way round: the overlap is that with all of them.
    """
    cache, parts = cache or Cache(), recipe.parts()
    if recipe.corpora:
        _check_corpora(recipe, data)
    read = [_read_splits(part, cache, data) for part in parts]
    directions = [(part.source_lang, part.target_lang) for part in parts]
    found = []
    for number, (splits, held_out) in enumerate(read):
        here = directions[number]
        others = [
            (read[other][0][0].dataset, direction != here)
            for other, direction in enumerate(directions)
            if other != number and direction in (here, here[::-1])
        ]
        found.append(Pairs(splits[0].dataset, splits[1].dataset, held_out, _overlap(splits, others, cache)))
    return found


def _check_corpora(recipe: Recipe, data: Data | None) -> None:
    """Refuse several corpora of which one would be train, dev and test at once, or would not be heard."""
    if data is not None and any(entry.corpus for entry in recipe.corpora):
        raise UserError("corpora: the data are in memory, and an entry names another corpus: leave that out")
    for part in recipe.parts():
        if data is None and is_one_split(part.corpus):
            advice = "hf-attn clean --hold-out makes a folder of it with train, dev and test"
            raise UserError(f"corpora: {part.corpus} is one file, and so has one split: {advice}")


def _read_splits(recipe: Recipe, cache: Cache, data: Data | None) -> tuple[list[Corpus], int]:
    """Read train, dev and, where there is one, test; and say how many pairs were held out for them."""
    say = PartialState().print
    whole = load_split(recipe, recipe.train_split, cache, data)
    held_out = recipe.hold_out or 0
    if recipe.hold_out is None and data is None and is_one_split(recipe.corpus):
        held_out = usual_count(len(whole.dataset))
        say(f"{recipe.corpus} has one split: {held_out:,} pairs are held out for dev, and as many for test (hold_out)")
    if held_out:
        splits = map_splits(whole, held_out, cache)
    else:
        splits = [whole, load_split(recipe, recipe.dev_split, cache, data)]
        with suppress(UserError):  # a test set may come later
            splits.append(load_split(recipe, recipe.test_split, cache, data))
    for corpus in splits[:2]:
        say(corpus.summary())
    return splits, held_out


def _overlap(splits: Sequence[Corpus], others: Sequence[tuple[Dataset, bool]], cache: Cache) -> Overlap | None:
    """Count what of a test set is trained on, if there is a test set."""
    if len(splits) < 3:
        return None
    found = map_overlap(splits[2].dataset, splits[0].dataset, cache, others)
    if found.pairs:
        test = splits[2]
        PartialState().print(f"{found.pairs:,} of {len(test.dataset):,} test pairs are also in the training set")
    return found


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
    """Learn the subwords of all languages from the training pairs, or find what was learnt from them before.

    With several target languages the last entries are their marks.
    """
    assert recipe.vocab_size is not None
    tokenizer = map_tokenizer(
        pairs,
        LEARNT_FROM,
        cache or Cache(),
        vocab_size=recipe.vocab_size - len(recipe.marks),
        max_length=recipe.max_length,
        lowercase=recipe.lowercase,
    )
    tokenizer.add_tokens(recipe.marks)
    return tokenizer


def choose_languages(
    recipe: Recipe, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str = "the model"
) -> None:
    """Tell a translator of many languages those of a recipe of one corpus; see `set_languages`."""
    if has_choice(model, tokenizer):
        set_languages(model, tokenizer, recipe.source_lang, recipe.target_lang, name=name)


def examples_of(
    recipe: Recipe,
    loaded: Sequence[Pairs],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    seed: int,
    cache: Cache | None = None,
) -> tuple[Dataset | ResegmentedPairs | MixedExamples, Dataset]:
    """Tokenize what is trained on, and what is evaluated on; each corpus with the marks of its languages.

    The tokenizer ends as it is for the first corpus.
    """
    parts = recipe.parts()
    train: list[Any] = []
    dev: list[Dataset] = []
    for part, pairs in reversed([*zip(parts, loaded, strict=True)]):
        choose_languages(part, model, tokenizer)
        train.insert(0, training_examples(part, pairs.train, tokenizer, seed, cache))
        dev.insert(0, tokenize(pairs.dev, tokenizer, recipe.max_length, cache))
    if not recipe.corpora:
        return train[0], dev[0]
    mixed = MixedExamples(train, [entry.weight for entry in recipe.corpora], recipe.temperature, seed)
    for name, draws, size in zip(recipe.part_names(), mixed.draws, mixed.sizes, strict=True):
        if not draws:
            raise UserError(f"corpora: {name} has no share of the {len(mixed):,} pairs of an epoch: raise its weight")
        PartialState().print(f"{name}: {draws:,} of the {len(mixed):,} pairs of an epoch, out of {size:,}")
    return mixed, concatenate_datasets(dev)


def training_examples(
    recipe: Recipe, pairs: Dataset, tokenizer: PreTrainedTokenizerBase, seed: int, cache: Cache | None = None
) -> Dataset | ResegmentedPairs:
    """Tokenize the training pairs of one corpus: once, or anew in every epoch."""
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
