"""A model and its gold sets -> the heads that align best, and how well they do: all that `hf-attn heads` finds out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..attention.places import LayerHead
from ..checkpoint import AlignmentConfig, Checkpoint
from ..checkpoint.alignment_config import save_alignment
from ..errors import UserError
from ..text.tally import Tally
from ..text.too_long import OnLong
from .corpus import LiveModel
from .heads import (
    HeadProfile,
    choose_alignment_config,
    profile_heads,
    score_alignment_config,
    score_diagonal,
    summarise_heads,
)
from .pairs import GoldPair
from .scores import LinkCounts


@dataclass(frozen=True)
class HeadSelection:
    """What was found out on gold sets, by the names of their splits.

    Attributes:
        config: the heads, the shift and the rule that align best on "dev".
        heads: those that it reads, one by one.
        profiles: what each head does on "dev".
        scores: of `config`.
        diagonal: of the diagonal: what any aligner must beat.
        sentences: of each gold set.
    """

    config: AlignmentConfig
    heads: list[LayerHead]
    profiles: list[HeadProfile]
    scores: dict[str, LinkCounts]
    diagonal: dict[str, LinkCounts]
    sentences: dict[str, int]

    def save(self, folder: Path, names: Mapping[str, str]) -> None:
        """Write `alignment.json` beside the model; `names` are those of the gold sets."""
        facts = {
            split: {"gold": names[split], "sentences": self.sentences[split], **_shares(counts)}
            for split, counts in self.scores.items()
        }
        save_alignment(folder, self.config, summarise_heads(self.profiles), facts)


def select_heads(
    checkpoint: Checkpoint,
    gold: Mapping[str, Sequence[GoldPair]],
    measure: str,
    on_long: OnLong = "error",
    tally: Tally | None = None,
) -> HeadSelection:
    """Choose the heads that align best.

    Args:
        checkpoint: the model.
        gold: linked pairs: "dev" to choose on; any others are only scored.
        measure: "weights" or "norms".
        on_long: what becomes of a pair that is too long for the model: "skip" or "error".
        tally: counts those.

    Raises:
        UserError: a sentence is too long for the model, or all are, or norms cannot be read off it.
    """
    model = LiveModel(checkpoint)
    gold = {split: model.fitting(pairs, on_long, tally) for split, pairs in gold.items()}
    if empty := [split for split, pairs in gold.items() if not pairs]:
        raise UserError(f"no sentence of the {empty[0]} set fits into {checkpoint}")
    attentions = {split: list(model.attend(pairs, measure)) for split, pairs in gold.items()}
    config = choose_alignment_config(attentions["dev"], gold["dev"], measure)
    return HeadSelection(
        config=config,
        heads=attentions["dev"][0].heads_of(config),
        profiles=profile_heads(attentions["dev"], gold["dev"]),
        scores={split: score_alignment_config(config, attentions[split], gold[split]) for split in gold},
        diagonal={split: score_diagonal(gold[split]) for split in gold},
        sentences={split: len(pairs) for split, pairs in gold.items()},
    )


def _shares(counts: LinkCounts) -> dict[str, float]:
    """The scores of a choice, rounded."""
    shares = {"aer": counts.error_rate, "precision": counts.precision, "recall": counts.recall, "f1": counts.f1}
    return {name: round(float(share), 4) for name, share in shares.items()}
