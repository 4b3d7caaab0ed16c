"""Checkpoint: who owns a translator's model, tokenizer, recipe, languages, search settings and alignment."""

from .alignment_config import AlignmentConfig, HeadSummary
from .checkpoint import Checkpoint, load_translator

__all__ = ["AlignmentConfig", "Checkpoint", "HeadSummary", "load_translator"]
