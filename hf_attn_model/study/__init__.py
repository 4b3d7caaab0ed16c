"""Is it true? What attention is worth to a model, and what training makes of it.

Reading order: `relevance` (words that belong together) -> `measures` -> `curve` (along a training); `ablation`, on
a trained model; `bootstrap` (intervals).
"""

from .ablation import Ablation, ablate, all_heads
from .curve import read_curve, read_frames
from .measures import measure

__all__ = ["Ablation", "ablate", "all_heads", "measure", "read_curve", "read_frames"]
