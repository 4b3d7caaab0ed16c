"""heads made uniform or removed -> what becomes of the translations and of the alignments, with intervals.

Shapes: N sentences, M draws of the bootstrap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

import numpy as np
from sacrebleu.metrics import CHRF
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..alignment.cross_attention import read_cross_attention
from ..alignment.pairs import GoldPair
from ..alignment.scores import LinkCounts, count_links
from ..attention.intervene import intervene
from ..attention.places import PLACES, Head
from ..attention.teacher_forcing import teacher_forced_attention
from ..checkpoint.alignment_config import AlignmentConfig
from ..errors import UserError
from ..translation.search import decode, search
from .bleu import bleu_of_language
from .bootstrap import SAMPLES, draw_sentences, interval


@dataclass(frozen=True)
class Effect:
    """What changed heads do to one score.

    Attributes:
        metric: "BLEU", "chrF" or "AER", from 0 to 100; AER, the alignment error rate, is better when it is lower.
        before, after: of the untouched and of the changed model, on the same sentences.
        interval: 95 % interval of the difference, by the paired bootstrap over sentences.
    """

    metric: str
    before: float
    after: float
    interval: tuple[float, float]

    @property
    def difference(self) -> float:
        """What was gained (or, below 0, lost)."""
        return self.after - self.before


@dataclass(frozen=True)
class Ablation:
    """Heads that were changed together, and the effects."""

    heads: tuple[Head, ...]
    mode: str
    effects: list[Effect]


def ablate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[str],
    references: Sequence[str],
    settings: Sequence[Sequence[tuple[str, int, int]]],
    mode: str,
    *,
    target_lang: str = "",
    gold: Sequence[GoldPair] = (),
    alignment: AlignmentConfig | None = None,
    num_beams: int = 5,
    batch_size: int = 64,
    samples: int = SAMPLES,
    progress: bool = False,
) -> Iterator[Ablation]:
    """Change heads, translate again, align again, and compare with the untouched model on the same sentences.

    Args:
        model, tokenizer: a translator.
        sources, references: sentences to translate, and what they should become.
        settings: sets of heads; those of a set are changed together.
        mode: "uniform" or "zero"; see `intervene`.
        target_lang: chooses BLEU's words, as the packaged metric does.
        gold: linked pairs for the alignment error rate, which is left out without them.
        alignment: how links are read off cross-attention; by all heads unless given.
        num_beams, batch_size: see `search`.
        samples: draws for each interval.
        progress: show a progress bar on standard error.

    Yields:
        an `Ablation` for each of the settings, as soon as it is measured.

    Raises:
        UserError: there is nothing to translate, or a head or a way that there is not.
    """
    if not sources or len(sources) != len(references):
        raise UserError(f"{len(sources)} sentences and {len(references)} references do not pair up")
    for heads in settings:  # whatever is wrong with them comes to light before the long work
        with intervene(model, heads, mode):
            teacher_forced_attention(model, tokenizer, sources[:1], references[:1])
    scores = _Scores(references, target_lang, gold, alignment or AlignmentConfig(), samples)

    def measured() -> dict[str, np.ndarray]:
        found = search(model, tokenizer, sources, num_beams=num_beams, batch_size=batch_size)
        translations = decode(tokenizer, found)  # limits are not told: a model without some heads may find no end
        attentions = read_cross_attention(model, tokenizer, gold, batch_size=batch_size)
        rates = {"AER": scores.of_links(attentions)} if gold else {}
        return scores.of_translations(translations) | rates

    before = measured()
    for heads in tqdm(settings, desc="Changing heads", disable=not progress):
        with intervene(model, heads, mode):
            after = measured()
        effects = []
        for metric, replicates in after.items():
            low, high = interval(replicates - before[metric])
            effects.append(Effect(metric, float(before[metric][0]), float(replicates[0]), (float(low), float(high))))
        yield Ablation(tuple(Head(*head) for head in heads), mode, effects)


class _Scores:
    """Scores a corpus and its replicates at once, (1 + M) each, the same draw for every model that is compared."""

    def __init__(
        self,
        references: Sequence[str],
        target_lang: str,
        gold: Sequence[GoldPair],
        alignment: AlignmentConfig,
        samples: int,
    ):
        self.metrics = {"BLEU": bleu_of_language(target_lang, references), "chrF": CHRF()}
        self.references = references
        self.gold = gold
        self.alignment = alignment
        self.drawn = draw_sentences(len(references), samples)
        self.drawn_gold = draw_sentences(len(gold), samples) if gold else None

    def of_translations(self, translations: Sequence[str]) -> dict[str, np.ndarray]:
        """Sum up sacreBLEU's counts of each sentence, as its own bootstrap does: scores by metric."""
        scores = {}
        for name, metric in self.metrics.items():
            counts = metric._extract_corpus_statistics(translations, [self.references])  # (N, counts)
            totals = self.drawn @ np.array(counts, dtype=float)
            scores[name] = np.array([metric._compute_score_from_stats(list(total)).score for total in totals])
        return scores

    def of_links(self, attentions: Iterator) -> np.ndarray:
        """Compute alignment error rates, in percent."""
        counts = [
            astuple(count_links(attention.links(self.alignment), *pair.matrices))
            for attention, pair in zip(attentions, self.gold, strict=True)
        ]
        return 100 * LinkCounts(*(self.drawn_gold @ np.array(counts, dtype=float)).T).error_rate


def all_heads(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, source: str, reference: str
) -> list[tuple[Head, ...]]:
    """List every head of the model by itself; a sentence pair is passed through it to see them."""
    (record,) = teacher_forced_attention(model, tokenizer, [source], [reference])
    return [
        (Head(place, layer, head),) for place in PLACES for layer, head in np.ndindex(record.place(place).shape[:2])
    ]
