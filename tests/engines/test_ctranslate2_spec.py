"""Our model as CTranslate2's graph computes what the model itself computes, and gives the attention of chosen heads."""

import json

import numpy as np
import pytest
import torch
from families import build
from small_models import BUILDS, V, build_name, make_model
from torch import nn
from transformers import PreTrainedTokenizerFast

from hf_attn_model import AlignmentConfig, UserError
from hf_attn_model.attention import record_attention
from hf_attn_model.engines.ctranslate2 import open_engine
from hf_attn_model.engines.ctranslate2_spec import AligningHeads, aligning_heads, specify

MORE = [
    {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 41},
    {"tie_word_embeddings": False},
    {"activation_function": "swish", "scale_embedding": True},
    {"position_embedding": "tensor2tensor", "position_offset": 2},
]
SOURCES = [[5, 7, 11, 2], [3, 4, 9, 12, 30, 36, 2], [6, 2]]
TARGETS = [[8, 9, 2], [10, 20, 31, 17, 2], [4, 4, 4, 4, 4, 4, 2]]


@pytest.fixture(scope="module")
def tokenizer():
    """One that names fewer tokens than the models have."""
    vocabulary = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, **{f"w{i}": i for i in range(4, V - 5)}}
    content = {"version": "1.0", "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "<unk>"}}
    from tokenizers import Tokenizer

    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(content)), **names)


def make(**changes):
    return sharpen(make_model(pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=0, **changes))


def sharpen(model):
    """Give every weight a value that shows."""
    torch.manual_seed(1)
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) / 5)
    model.tie_weights()
    return model


def of_model(model, source, target):
    with torch.no_grad():
        decoder = torch.tensor([[model.config.decoder_start_token_id, *target[:-1]]])
        logits = model(torch.tensor([source]), decoder_input_ids=decoder).logits[0]
    return logits.log_softmax(-1)[range(len(target)), target]


def differences(model, engine):
    for source, target, found in zip(SOURCES, TARGETS, engine.log_probabilities(SOURCES, TARGETS), strict=True):
        yield (of_model(model, source, target) - torch.tensor(found)).abs().max().item()


@pytest.mark.parametrize("changes", BUILDS + MORE, ids=build_name)
def test_log_probabilities_are_those_of_the_model(tokenizer, changes):
    model = make(**changes)
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    engine = open_engine(model, tokenizer, threads=1)
    assert max(differences(model, engine)) < 1e-4
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_of_t5_they_are_the_same_through_the_loader_of_ctranslate2(tokenizer):
    model = sharpen(build("t5"))
    model.generation_config.eos_token_id = model.config.eos_token_id = 2
    engine = open_engine(model, tokenizer, threads=1)
    assert max(differences(model, engine)) < 1e-3  # its logits are hundreds of times as large


@pytest.mark.parametrize("changes", BUILDS, ids=build_name)
def test_attention_is_the_mean_of_the_chosen_heads_and_nothing_else_changes(tokenizer, changes):
    model = make(**changes)
    chosen = AligningHeads(1, (1, 4))
    engine = open_engine(model, tokenizer, aligning=chosen, threads=1)
    assert max(differences(model, engine)) < 1e-4
    for source, target, found in zip(SOURCES, TARGETS, engine.attend(SOURCES, TARGETS), strict=True):
        with torch.no_grad(), record_attention(model.model, places=["cross"]) as record:
            model(torch.tensor([source]), decoder_input_ids=torch.tensor([[0, *target[:-1]]]))
        weights = record.forwards[0].weights("cross")[0, 1]  # (H,T,S)
        assert np.allclose(found, weights[[1, 4]].mean(0), atol=1e-5)
        assert not np.allclose(found, weights.mean(0), atol=1e-3)


def test_of_a_source_that_is_an_end_mark_alone_all_attention_is_on_that(tokenizer):
    engine = open_engine(make(), tokenizer, aligning=AligningHeads(1, (1, 4)), threads=1)
    maps = engine.attend([[2], SOURCES[0], [2]], [[2], TARGETS[0], TARGETS[1]])
    assert [each.shape for each in maps] == [(1, 1), (3, 4), (5, 1)]
    assert (maps[0] == 1).all()
    assert (maps[2] == 1).all()


def heads(*which, **changes):
    return AlignmentConfig(heads=which, **changes)


def test_aligning_heads_are_those_of_the_choice():
    model = make()
    assert aligning_heads(heads((2, 3), (2, 1)), model) == (2, (1, 3))
    assert aligning_heads(heads((0, None)), model) == (0, (0, 1, 2, 3, 4))
    for config, why in (
        (heads((0, 1), (2, 1)), "of one layer"),
        (AlignmentConfig(), "of one layer"),
        (heads((0, 1), measure="norms"), "read off norms"),
        (heads((0, 5)), "3 layers of 5 heads"),
        (heads((3, 0)), "3 layers of 5 heads"),
    ):
        with pytest.raises(UserError, match=why):
            aligning_heads(config, model)
    with pytest.raises(UserError, match="no chosen heads of t5"):
        aligning_heads(heads((0, 1)), build("t5"))


def refusal(model):
    with pytest.raises(UserError) as caught:
        specify(model, ["a"] * 99, ["a"] * 99)
    return str(caught.value)


def test_what_ctranslate2_does_not_know_is_refused_by_name():
    assert "activation_function is mish, and CTranslate2 knows relu" in refusal(make(activation_function="mish"))
    assert 'its model_type is "t5gemma"' in refusal(build("t5gemma"))


def test_a_layer_that_an_adapter_has_changed_is_refused():
    class Changed(nn.Linear):
        pass

    Changed.__module__ = "peft.tuners.lora.layer"
    model = make()
    model.model.decoder.layers[1].fc1 = Changed(22, 19)
    assert refusal(model).startswith("model.decoder.layers.1.fc1 is a Changed, which CTranslate2 does not know")
