"""When a training loss counts as exploded."""

from collections import deque
from itertools import accumulate
from statistics import median

WINDOW = 50  # steps
LEAST_RISE = 1.0  # nats per token


class ExplosionRule:
    """Tell from the losses of the steps, one by one, that a training has lost what it had learnt.

    The rule: the median loss of the last 50 steps has climbed, from the lowest such median so far, by 1 nat per token,
    and by half of the way to the loss of a blind guess. A median of 50 does not follow the ups and downs of batches,
    nor a spike that heals within 25 steps; and nothing counts before step 50, where a loss may rise before it falls.

    Args:
        blind_guess: loss of a model that knows nothing, ln(vocabulary size), in nats per token.

    Attributes:
        median, lowest: of the last 50 steps, and the lowest so far; infinite before step 50.
        recent: losses of the last 50 steps.
    """

    def __init__(self, blind_guess: float):
        self.blind_guess = blind_guess
        self.median = self.lowest = float("inf")
        self.recent: deque[float] = deque(maxlen=WINDOW)

    @property
    def limit(self) -> float:
        """Above which the median counts as exploded, in nats per token."""
        return max(self.lowest + LEAST_RISE, (self.lowest + self.blind_guess) / 2)

    def rise(self, loss: float) -> int | None:
        """Take the loss of one more step.

        Returns:
            how many steps ago the loss rose above the limit, 0 for this step; `None` while it has not exploded.
        """
        self.recent.append(loss)
        if len(self.recent) < WINDOW:
            return None
        self.median = median(self.recent)
        self.lowest = min(self.lowest, self.median)
        if self.median <= self.limit:
            return None
        high_minus_low = list(accumulate(1 if loss > self.limit else -1 for loss in reversed(self.recent)))
        return high_minus_low.index(max(high_minus_low))
