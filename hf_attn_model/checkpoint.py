"""A trained translator from a folder or the Hub: model and tokenizer, ready to use."""

from pathlib import Path

import torch
from huggingface_hub.errors import StrictDataclassError
from huggingface_hub.utils import httpx
from safetensors import SafetensorError
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from .errors import UserError
from .hub.errors import hub_reason


def load_translator(name_or_path: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load model and tokenizer in evaluation mode, on the accelerator if there is one.

    Models of this package run the package's own code, never code from a checkpoint.

    Args:
        name_or_path: a folder with a checkpoint, or a model on the Hub: `user/name`, or `user/name@revision` with a
            branch, tag or commit.

    Raises:
        UserError: nothing loadable there, or the Hub cannot be reached or refuses.
    """
    name, revision = name_or_path, "main"
    if not Path(name_or_path).exists() and "@" in name_or_path:
        name, revision = name_or_path.split("@", 1)
    options = {"revision": revision, "trust_remote_code": False}  # False: never ask on the terminal
    try:
        model = AutoModelForSeq2SeqLM.from_pretrained(name, **options)
        tokenizer = AutoTokenizer.from_pretrained(name, **options)
    except (OSError, ValueError, ImportError, SafetensorError, StrictDataclassError, httpx.TransportError) as error:
        reason = str(error).strip().splitlines()[0]
        if reason.rstrip().endswith(":"):  # the line names nothing yet
            reason = " ".join(str(error).split())
        if refusal := hub_reason(error):
            reason = f"no folder of that name, and on the Hub {refusal}"
        raise UserError(f"cannot load a translator from {name_or_path}: {reason}") from error
    if torch.accelerator.is_available():
        model = model.to(torch.accelerator.current_accelerator())
    return model.eval(), tokenizer
