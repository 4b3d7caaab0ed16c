"""What stands around the steps of a training, one callback to a file."""

from .attention import AttentionCallback
from .average import AverageCallback
from .divergence import DivergenceCallback
from .early_stopping import ResumableEarlyStopping
from .ema import EMACallback
from .manifest import Manifest
from .progress import TrainingProgress

__all__ = [
    "AttentionCallback",
    "AverageCallback",
    "DivergenceCallback",
    "EMACallback",
    "Manifest",
    "ResumableEarlyStopping",
    "TrainingProgress",
]
