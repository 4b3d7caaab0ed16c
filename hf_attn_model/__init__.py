"""A translation transformer you can see through.

Importing this package teaches transformers' Auto classes the model type `hf_attn`.
"""

from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM

from .model import AttnConfig, AttnForConditionalGeneration, AttnModel

AutoConfig.register(AttnConfig.model_type, AttnConfig)
AutoModel.register(AttnConfig, AttnModel)
AutoModelForSeq2SeqLM.register(AttnConfig, AttnForConditionalGeneration)

__version__ = "0.1.0"
__all__ = ["AttnConfig", "AttnForConditionalGeneration", "AttnModel"]
