"""Training: a recipe -> Trainer -> checkpoint, scores and model card.

`TranslationTrainer` trains with all of it. Each part also stands alone, in a stock `Seq2SeqTrainer` and for a stock
model (`docs/training-parts.md`): batches of a token budget (`TokenBatches`), the smoothed loss (`SmoothedLoss`),
averages of the weights (`EMACallback` with `EMAEvaluation`, `AverageCallback`, `average_checkpoints`), attention as it
is learnt (`AttentionCallback`), and the metric (`compute_translation_metrics`, `load_translation_metric`).

The names below are loaded when they are asked for.
"""

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .averaging import average_checkpoints, choose_checkpoints
    from .callbacks.attention import AttentionCallback
    from .callbacks.average import AverageCallback
    from .callbacks.ema import EMACallback, load_ema
    from .metrics import compute_translation_metrics, load_translation_metric
    from .mixins import EMAEvaluation, TokenBatches
    from .regularise import duplicate_batch, word_dropout
    from .smoothed_loss import SmoothedLoss
    from .trainer import TranslationTrainer

_HOMES = {
    "averaging": ("average_checkpoints", "choose_checkpoints"),
    "callbacks.attention": ("AttentionCallback",),
    "callbacks.average": ("AverageCallback",),
    "callbacks.ema": ("EMACallback", "load_ema"),
    "metrics": ("compute_translation_metrics", "load_translation_metric"),
    "mixins": ("EMAEvaluation", "TokenBatches"),
    "regularise": ("duplicate_batch", "word_dropout"),
    "smoothed_loss": ("SmoothedLoss",),
    "trainer": ("TranslationTrainer",),
}

__all__ = [
    "AttentionCallback",
    "AverageCallback",
    "EMACallback",
    "EMAEvaluation",
    "SmoothedLoss",
    "TokenBatches",
    "TranslationTrainer",
    "average_checkpoints",
    "choose_checkpoints",
    "compute_translation_metrics",
    "duplicate_batch",
    "load_ema",
    "load_translation_metric",
    "word_dropout",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
