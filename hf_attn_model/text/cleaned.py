"""A corpus, cleaned and split, as files: one JSON object a line, which every verb reads."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from ..files import new_folder, replacing
from .cleaning import Cleaner
from .corpora import TextRow
from .splitting import SPLITS, hold_out


def write_cleaned(
    rows: Iterable[TextRow],
    cleaner: Cleaner,
    languages: tuple[str, str],
    out: str | Path,
    *,
    held_out: int = 0,
    seed: int = 0,
    rejected: str | Path | None = None,
) -> dict[str, int]:
    """Write the pairs that a cleaner leaves into a new folder: `train.jsonl`, and what is held out of it.

    Args:
        rows: sources and targets, with their places; read once.
        cleaner: what decides.
        languages: names of the two columns.
        out: the folder.
        held_out: pairs for each of `dev.jsonl` and `test.jsonl`, see `hold_out`; 0 for none.
        seed: of the choice.
        rejected: file for the pairs that are left out, each with its `reason` and its `place`.

    Returns:
        how many pairs each split has.

    Raises:
        UserError: `out` holds something, or a file cannot be written; nothing is left behind then.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(new_folder(out))
        bad = None
        if rejected is not None:
            bad = stack.enter_context(open(stack.enter_context(replacing(rejected)), "w", encoding="utf-8"))
        kept = folder / f"{SPLITS[0]}.jsonl"
        counts: Counter[str] = Counter()
        with kept.open("w", encoding="utf-8") as good:
            for place, source, target, reason in cleaner.clean(rows):
                row = dict(zip(languages, (source, target), strict=True))
                if reason is None:
                    counts[SPLITS[0]] += 1
                    print(json.dumps(row, ensure_ascii=False), file=good)
                elif bad is not None:
                    print(json.dumps({"reason": reason, "place": place, **row}, ensure_ascii=False), file=bad)
        if held_out:
            counts = _split(kept, languages[0], held_out, seed)
        return dict(counts)


def _split(file: Path, source_lang: str, held_out: int, seed: int) -> Counter[str]:
    """Deal the lines of a file out to the files of all splits beside it."""
    splits = hold_out((json.loads(line)[source_lang] for line in _lines(file)), held_out, seed)
    whole = file.rename(file.with_suffix(".all"))
    with ExitStack() as stack:
        files = [stack.enter_context((file.parent / f"{name}.jsonl").open("w", encoding="utf-8")) for name in SPLITS]
        for line, split in zip(_lines(whole), splits, strict=True):
            files[split].write(line)
    whole.unlink()
    return Counter(SPLITS[split] for split in splits.tolist())


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8") as lines:
        yield from lines
