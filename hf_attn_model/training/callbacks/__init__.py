"""What stands around the steps of a training, one callback to a file.

The names below are loaded when they are asked for.
"""

from typing import TYPE_CHECKING

from ..._lazy import lazy_names

if TYPE_CHECKING:
    from .attention import AttentionCallback
    from .average import AverageCallback
    from .divergence import DivergenceCallback
    from .early_stopping import ResumableEarlyStopping
    from .ema import EMACallback
    from .manifest import Manifest
    from .progress import TrainingProgress

_HOMES = {
    "attention": ("AttentionCallback",),
    "average": ("AverageCallback",),
    "divergence": ("DivergenceCallback",),
    "early_stopping": ("ResumableEarlyStopping",),
    "ema": ("EMACallback",),
    "manifest": ("Manifest",),
    "progress": ("TrainingProgress",),
}

__all__ = [
    "AttentionCallback",
    "AverageCallback",
    "DivergenceCallback",
    "EMACallback",
    "Manifest",
    "ResumableEarlyStopping",
    "TrainingProgress",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
