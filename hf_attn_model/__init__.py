"""A translation transformer you can see through.

Importing this package teaches transformers' Auto classes the model type `hf_attn`.
"""

from importlib.metadata import PackageNotFoundError, version

from transformers import AutoConfig, AutoModel, AutoModelForSeq2SeqLM

from .model import AttnConfig, AttnForConditionalGeneration, AttnModel

AutoConfig.register(AttnConfig.model_type, AttnConfig)
AutoModel.register(AttnConfig, AttnModel)
AutoModelForSeq2SeqLM.register(AttnConfig, AttnForConditionalGeneration)

try:
    __version__ = version("hf-attn-model")
except PackageNotFoundError:  # the files alone, as in a Space: pyproject.toml, which has the number, is not among them
    __version__ = "0+unknown"

__all__ = ["AttnConfig", "AttnForConditionalGeneration", "AttnModel"]
