"""A trained translator from a folder or the Hub: model and tokenizer, ready to use."""

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from .errors import UserError


def load_translator(name_or_path: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load model and tokenizer in evaluation mode, on the accelerator if there is one.

    Args:
        name_or_path: a folder with a checkpoint, or a model id on the Hub.

    Raises:
        UserError: nothing loadable there.
    """
    try:
        model = AutoModelForSeq2SeqLM.from_pretrained(name_or_path)
        tokenizer = AutoTokenizer.from_pretrained(name_or_path)
    except (OSError, ValueError, ImportError, SafetensorError, StrictDataclassError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"cannot load a translator from {name_or_path}: {reason}") from error
    if torch.accelerator.is_available():
        model = model.to(torch.accelerator.current_accelerator())
    return model.eval(), tokenizer
