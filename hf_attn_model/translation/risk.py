"""The sample of least risk: the one that is most like all others, by chrF (minimum Bayes risk).

The expected score of a translation is its mean score against samples of the model, which stand for what people would
write. Eikema and Aziz (2020), "Is MAP Decoding All You Need?"; chrF is sacreBLEU's (Popović 2015).
"""

from collections import Counter
from collections.abc import Sequence

from sacrebleu.metrics import CHRF


def expected_chrf(samples: Sequence[str]) -> list[float]:
    """Compute the mean chrF of each of N texts against all N, itself included: N numbers from 0 to 100."""
    chrf, counts = CHRF(), Counter(samples)  # each different pair is scored once
    means = {
        text: sum(count * chrf.sentence_score(text, [other]).score for other, count in counts.items()) / len(samples)
        for text in counts
    }
    return [means[text] for text in samples]


def least_risk(samples: Sequence[str]) -> int:
    """Choose among texts the first one whose expected chrF is highest: its position."""
    expected = expected_chrf(samples)
    return expected.index(max(expected))
