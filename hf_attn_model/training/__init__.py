"""Training: a recipe -> Trainer -> checkpoint, scores and model card.

`TranslationTrainer` trains with all of it. Each part also stands alone, in a stock `Seq2SeqTrainer` and for a stock
model (`docs/training-parts.md`): batches of a token budget (`TokenBatches`), the smoothed loss (`SmoothedLoss`),
averages of the weights (`EMACallback` with `EMAEvaluation`, `AverageCallback`, `average_checkpoints`), attention as it
is learnt (`AttentionCallback`), and the metric (`compute_translation_metrics`, `load_translation_metric`).

The names below are loaded when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .averaging import average_checkpoints as average_checkpoints
    from .averaging import choose_checkpoints as choose_checkpoints
    from .callbacks.attention import AttentionCallback as AttentionCallback
    from .callbacks.average import AverageCallback as AverageCallback
    from .callbacks.ema import EMACallback as EMACallback
    from .callbacks.ema import load_ema as load_ema
    from .metrics import compute_translation_metrics as compute_translation_metrics
    from .metrics import load_translation_metric as load_translation_metric
    from .mixins import EMAEvaluation as EMAEvaluation
    from .mixins import TokenBatches as TokenBatches
    from .regularise import duplicate_batch as duplicate_batch
    from .regularise import word_dropout as word_dropout
    from .smoothed_loss import SmoothedLoss as SmoothedLoss
    from .trainer import TranslationTrainer as TranslationTrainer

_HOMES = {
    "AttentionCallback": "callbacks.attention",
    "AverageCallback": "callbacks.average",
    "EMACallback": "callbacks.ema",
    "EMAEvaluation": "mixins",
    "SmoothedLoss": "smoothed_loss",
    "TokenBatches": "mixins",
    "TranslationTrainer": "trainer",
    "average_checkpoints": "averaging",
    "choose_checkpoints": "averaging",
    "compute_translation_metrics": "metrics",
    "duplicate_batch": "regularise",
    "load_ema": "callbacks.ema",
    "load_translation_metric": "metrics",
    "word_dropout": "regularise",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
