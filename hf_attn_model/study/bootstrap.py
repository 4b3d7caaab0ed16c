"""Intervals by the bootstrap over sentences: how far a number would move if other sentences had been drawn.

Sentences are drawn anew, with replacement, as often as there are; whatever is compared is computed from the same draw,
so that an interval of a difference is a paired one (Efron 1979; Koehn 2004 for translation scores).

Shapes: N sentences, M draws.
"""

import numpy as np

SAMPLES = 1000
COVERAGE = 0.95


def draw_sentences(sentences: int, samples: int = SAMPLES, seed: int = 0) -> np.ndarray:
    """Draw sentences with replacement: how often each counts, (1 + samples, N) float64.

    The first row is the corpus itself, each sentence once: multiply the matrix with sums of sentences (N,..), and the
    first result is the measured one, the others are its replicates.
    """
    drawn = np.random.default_rng(seed).multinomial(sentences, np.full(sentences, 1 / sentences), size=samples)
    return np.concatenate([np.ones((1, sentences)), drawn])


def interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the 2.5th and the 97.5th percentile of replicates (1 + M,..), without their first row: (..) each.

    Replicates that are not a number, as no sentence with anything to count was drawn, are left out.
    """
    tail = 50 * (1 - COVERAGE)
    low, high = np.nanpercentile(values[1:], [tail, 100 - tail], axis=0)
    return low, high
