"""The model: the flat folder that travels to the Hub with a checkpoint."""

from .configuration_attn import AttnConfig
from .modeling_attn import AttnForConditionalGeneration, AttnModel

__all__ = ["AttnConfig", "AttnForConditionalGeneration", "AttnModel"]
