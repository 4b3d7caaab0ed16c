"""One model of several corpora, or directions: what stands in the list `corpora` of a recipe."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..languages import find_code, target_mark

SHARED = ("corpus", "source_lang", "target_lang")  # of the first entry where the recipe does not say them
MOST_WEIGHT = 10**9


@dataclass(frozen=True)
class WeightedCorpus:
    """A corpus of several, read in one direction. What is `None` is as in the recipe.

    Args:
        corpus, source_lang, target_lang, train_split, dev_split, test_split: see `Recipe`.
        config, source_column, target_column: of this corpus; a `config` of the recipe is of the recipe's corpus.
        weight: how many times as often its pairs are trained on as those of an entry with 1, at temperature 1.
    """

    corpus: str | None = None
    source_lang: str | None = None
    target_lang: str | None = None
    weight: float = 1.0
    config: str | None = None
    source_column: str | None = None
    target_column: str | None = None
    train_split: str | None = None
    dev_split: str | None = None
    test_split: str | None = None

    def settings(self) -> dict[str, Any]:
        """List what it changes in the recipe."""
        given = {name: value for name, value in asdict(self).items() if value is not None and name != "weight"}
        return given if self.corpus is None else {"config": None} | given


def names_of(directions: Sequence[str], corpora: Sequence[str]) -> list[str]:
    """Name each corpus by its direction, `en-es`; with its last part, and a number, where that is not enough."""
    names = [*directions]
    last = [Path(corpus).name.replace(":", "_") for corpus in corpora]
    for more in (last, [str(number) for number in range(1, len(names) + 1)]):
        counts = Counter(names)
        names = [f"{name}_{each}" if counts[name] > 1 else name for name, each in zip(names, more, strict=True)]
    return names


def wrong_corpora(
    settings: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], marks: Sequence[str]
) -> Iterator[str]:
    """Say what contradicts in the corpora of a recipe.

    Args:
        settings: of the recipe.
        parts: the settings that hold for each of its corpora.
        marks: of the target languages, where there are several.
    """
    entries: Sequence[WeightedCorpus] = settings["corpora"]
    if len(entries) < 2:
        if entries:
            yield "corpora has one entry, and is for two and more: write it as corpus, source_lang and target_lang"
        if settings["temperature"] != 1:
            yield "temperature has no effect: it is for several corpora"
        return
    for name in ("source_column", "target_column"):
        if settings[name] is not None:
            yield f"{name} has no effect: each of corpora has its own"
    for name in SHARED:
        own = [getattr(entry, name) for entry in entries]
        if None not in own and settings[name] != own[0]:
            yield f"{name} has no effect: each of corpora has its own"
    for number, entry in enumerate(entries, 1):
        if not 0 < entry.weight <= MOST_WEIGHT:
            yield f"corpora: the weight of entry {number} must be above 0, at most 1e9, got {entry.weight:g}"
        if parts[number - 1] in parts[: number - 1]:
            yield f"corpora: entry {number} is one of those before: give it once, with a larger weight"
    if settings["hold_out"]:
        yield "hold_out is for one corpus: give several with splits, such as hf-attn clean --hold-out makes"
    if settings["bpe_dropout"]:
        yield "bpe_dropout is for one corpus: leave it out, or corpora"
    for code in {part["target_lang"]: None for part in parts} if marks else ():
        if find_code(code, marks) != target_mark(code):
            yield f"target_lang {code} of corpora: write codes of languages such as es, one for each language"
