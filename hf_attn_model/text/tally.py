"""What became of rows that could not be used as they are: how many of each kind, and where the first of them stand."""

from collections import Counter

MOST_NAMED = 3  # places of each kind in a message


class Tally:
    """Counts rows by what became of them, such as "blank" or "too long, left out", and names the first ones.

    Attributes:
        counts: rows of each kind, in the order in which the kinds came up.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._places: dict[str, list[str]] = {}

    def add(self, kind: str, place: str) -> None:
        """Count a row; `place` is where it stands in the user's file: "p.tsv, line 5"."""
        self.counts[kind] += 1
        named = self._places.setdefault(kind, [])
        if len(named) < MOST_NAMED:
            named.append(place)

    def include(self, later: "Tally") -> None:
        """Count what another one has counted, of rows behind those of this one."""
        for kind, count in later.counts.items():
            self.counts[kind] += count
            named = self._places.setdefault(kind, [])
            named.extend(later._places[kind][: MOST_NAMED - len(named)])

    def __bool__(self) -> bool:
        """Whether any row was counted."""
        return bool(self.counts)

    def summary(self) -> str:
        """One line: "2 blank (p.tsv, line 3; p.tsv, line 5), 1 too long, left out (p.tsv, line 6)"."""
        return ", ".join(f"{count:,} {kind} ({self._named(kind, count)})" for kind, count in self.counts.items())

    def _named(self, kind: str, count: int) -> str:
        more = [f"and {count - MOST_NAMED:,} more"] if count > MOST_NAMED else []
        return "; ".join([*self._places[kind], *more])
