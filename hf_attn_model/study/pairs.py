"""Held-out sentence pairs to study, with gold links and the roles of their words where these are known."""

from collections.abc import Sequence
from dataclasses import dataclass

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from ..align.pairs import GoldPair, Pair
from ..text.corpora import TEXTBOOK
from ..text.textbook import load_textbook

BLACK_CAT = 1  # row of the test split: "The black cat drank the milk"


@dataclass(frozen=True)
class RolePair(GoldPair):
    """A gold pair of which it is known what part each word plays; see `text.textbook.roles`."""

    source_roles: Sequence[str] = ()
    target_roles: Sequence[str] = ()

    def swapped(self) -> "RolePair":
        """The same pair in the other direction."""
        return RolePair(**vars(super().swapped()), source_roles=self.target_roles, target_roles=self.source_roles)


def pairs_to_watch(
    corpus: str,
    source_lang: str,
    split: str,
    size: int,
    rows: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    longest: int,
) -> tuple[list[Pair], RolePair | None]:
    """Choose the first pairs of a split, and the tutorials' sentence about the black cat where it is held out.

    Args:
        corpus: its name; of `textbook:en-es` and its like links and roles are known.
        source_lang, split: of the corpus.
        size: how many pairs, at most.
        rows: the split, columns `source` and `target`.
        tokenizer, longest: pairs with more tokens on a side than `longest` are passed over.
    """
    if corpus.startswith(TEXTBOOK):
        pair = corpus.removeprefix(TEXTBOOK)
        chosen = textbook_pairs(pair, source_lang, split, 0, min(size, len(rows)))
        return [*chosen], textbook_pairs(pair, source_lang, "test", BLACK_CAT, 1)[0]
    sources, targets = list(rows["source"]), list(rows["target"])
    lengths = zip(tokenizer(sources)["input_ids"], tokenizer(text_target=targets)["input_ids"], strict=True)
    fitting = [i for i, sides in enumerate(lengths) if max(map(len, sides)) <= longest]
    return [Pair(sources[i], targets[i]) for i in fitting[:size]], None


def textbook_pairs(pair: str, source_lang: str, split: str, first: int, size: int) -> list[RolePair]:
    """Take pairs `first` to `first + size - 1` of a split of the textbook, in either direction.

    Raises:
        UserError: there is no such pair of languages or split, or it has fewer rows.
    """
    english, foreign = pair.split("-")
    pairs = [
        RolePair(
            row["translation"][english],
            row["translation"][foreign],
            row["source_words"],
            row["target_words"],
            row["sure"],
            row["possible"],
            row["source_roles"],
            row["target_roles"],
        )
        for row in load_textbook(pair, split, size=first + size, roles=True).skip(first)
    ]
    return pairs if source_lang == english else [each.swapped() for each in pairs]
