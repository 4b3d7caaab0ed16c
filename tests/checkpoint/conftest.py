"""A checkpoint as small as can be, with everything beside its weights."""

import json
import shutil

import pytest
import torch
from small_models import make_model

from hf_attn_model.checkpoint.alignment_config import AlignmentConfig, HeadSummary, save_alignment
from hf_attn_model.text.tokenizer import train_tokenizer


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """The folder of a model of one layer on each side: for reading alone."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    tokenizer = train_tokenizer(["the ball is blue"], 300)
    sizes = {"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 3}
    model = make_model(vocab_size=len(tokenizer), **sizes)
    model.generation_config.update(num_beams=3, max_length=41)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    save_alignment(folder, AlignmentConfig(((0, 1),), True), [HeadSummary(0, 1, "aligning", 0.25, True)], {})
    return folder


@pytest.fixture
def copy(tiny, tmp_path):
    """A copy of it, to be damaged."""
    return shutil.copytree(tiny, tmp_path / "copy")


@pytest.fixture
def rewrite(copy):
    """Change values of a JSON file of the copy; those that are `...` are taken out."""

    def rewritten(file, **changes):
        content = json.loads((copy / file).read_text()) | changes
        (copy / file).write_text(json.dumps({name: value for name, value in content.items() if value is not ...}))
        return copy

    return rewritten


def set_weights(folder, change):
    """Let `change` do something to the stored weights of a model, by name."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(
        {name: torch.as_tensor(each).contiguous() for name, each in weights.items()},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    return folder
