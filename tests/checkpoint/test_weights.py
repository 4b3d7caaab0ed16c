"""Weights are compared with the configuration before anything is allocated; right ones of every family are opened."""

import json
import pickle
import resource
import shutil

import pytest
import torch
from checkpoint.conftest import set_weights
from families import SIZES, T5_SIZES, build
from small_models import make_model
from transformers import (
    BertConfig,
    BlenderbotSmallConfig,
    BlenderbotSmallForConditionalGeneration,
    EncoderDecoderConfig,
    EncoderDecoderModel,
    MBartConfig,
    MBartForConditionalGeneration,
    PegasusConfig,
    PegasusForConditionalGeneration,
    SwitchTransformersConfig,
    SwitchTransformersForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
)

from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.checkpoint.weights import TABLE
from hf_attn_model.cli import main
from hf_attn_model.errors import UserError

HUGE = 10**9
T5 = {**T5_SIZES, "decoder_start_token_id": 0}
BERT = {"vocab_size": 37, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 13}


def bert_to_bert():
    sides = BertConfig(**BERT), BertConfig(**BERT, is_decoder=True, add_cross_attention=True)
    return EncoderDecoderModel(
        EncoderDecoderConfig.from_encoder_decoder_configs(*sides, decoder_start_token_id=0, pad_token_id=0)
    )


RIGHT = {
    "ours": lambda: build("ours"),
    "ours post": lambda: build("ours", norm_position="post"),
    "ours untied": lambda: build("ours", tie_word_embeddings=False),
    "ours rotary": lambda: build("rotary"),
    "marian": lambda: build("marian"),
    "marian of two vocabularies": lambda: build(
        "marian", share_encoder_decoder_embeddings=False, decoder_vocab_size=31, tie_word_embeddings=False
    ),
    "bart": lambda: build("bart"),
    "bart untied": lambda: build("bart", tie_word_embeddings=False),
    "m2m_100": lambda: build("m2m_100"),
    "mbart": lambda: MBartForConditionalGeneration(MBartConfig(**SIZES)),
    "pegasus": lambda: PegasusForConditionalGeneration(PegasusConfig(**SIZES)),
    "blenderbot-small": lambda: BlenderbotSmallForConditionalGeneration(BlenderbotSmallConfig(**SIZES)),
    "t5": lambda: build("t5"),
    "t5 1.1": lambda: T5ForConditionalGeneration(
        T5Config(**T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    ),
    "t5gemma": lambda: build("t5gemma"),
    "switch": lambda: SwitchTransformersForConditionalGeneration(
        SwitchTransformersConfig(**T5, num_experts=3, num_sparse_encoder_layers=1, num_sparse_decoder_layers=1)
    ),
    "bert to bert": bert_to_bert,
}


def as_it_is(model, folder):
    model.save_pretrained(folder)


def in_shards(model, folder):
    model.save_pretrained(folder, max_shard_size="5KB")
    assert len(list(folder.glob("*.safetensors"))) > 2


def in_half(model, folder):
    model.half().save_pretrained(folder)


def pickled(model, folder):
    """As of old: with what is tied twice, computed tables and leftovers of fairseq, without `final_logits_bias`."""
    model.config.save_pretrained(folder)
    weights = {name: each for name, each in model.state_dict().items() if name != "final_logits_bias"}
    weights |= dict(model.named_non_persistent_buffers())
    weights |= {"encoder.version": torch.tensor([3.0]), "model.encoder.position_ids": torch.arange(41)}
    torch.save(weights, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)


def headless(model, folder):
    model.base_model.save_pretrained(folder)


HEADED = {"ours untied", "bart untied", "marian of two vocabularies", "t5 1.1", "bert to bert"}  # no head is a loss
KINDS = [
    (family, way)
    for family in RIGHT
    for way in (as_it_is, in_shards, in_half, pickled, headless)
    if not (way is headless and family in HEADED)
]
OFTEN = [kind for i, kind in enumerate(KINDS) if kind[0] == "ours" or i % 3 == 0]


def check_opened(family, way, folder):
    model = RIGHT[family]().eval()
    way(model, folder)
    opened = Checkpoint(folder).model
    assert type(opened) is type(model)
    theirs = opened.state_dict()
    for name, tensor in model.state_dict().items():
        if "embed_positions" not in name or family == "bart":  # Marian's are computed
            torch.testing.assert_close(theirs[name].float(), tensor.float(), rtol=0, atol=0)


@pytest.mark.parametrize(("family", "way"), OFTEN)
def test_right_weights_are_opened(family, way, tmp_path):
    check_opened(family, way, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("family", "way"), [kind for kind in KINDS if kind not in OFTEN])
def test_right_weights_of_every_other_kind_are_opened(family, way, tmp_path):
    check_opened(family, way, tmp_path)


WRONG_SIZES = [
    ({"encoder_layers": HUGE}, "config.json asks for encoder_layers of 1,000,000,000, more than any weights fill"),
    ({"encoder_layers": 900}, "asks for more layers than the weights hold tensors"),
    ({"decoder_layers": 2}, "the weights lack model.decoder.layers.1.encoder_attn.k_proj.bias and 25 more"),
    (
        {"vocab_size": HUGE, "decoder_vocab_size": HUGE},
        r"model.shared.weight has the shape \[2.., 22\] in the weights and \[1000000000, 22\]",
    ),
    ({"d_model": HUGE}, r"has the shape \[22\] in the weights and \[1000000000\] by config.json"),
    ({"encoder_ffn_dim": HUGE}, r"encoder.layers.0.fc1.bias has the shape \[17\]"),
    ({"encoder_attention_heads": HUGE}, r"encoder.layers.0.self_attn.k_proj.bias has the shape \[22\]"),
    ({"max_position_embeddings": HUGE}, "max_position_embeddings must be at most 131072, got 1000000000"),
    ({"num_labels": HUGE}, "asks for num_labels of 1,000,000,000"),
    ({"d_model": 10**19}, "config.json cannot be understood"),
    ({"d_model": -1}, "config.json asks for d_model of -1, less than none"),
    ({"norm_position": "post"}, "the weights hold model.decoder.layer_norm.bias and 3 more, which .* does not have"),
    ({"tie_word_embeddings": False}, "the weights lack lm_head.weight, which .* with tie_word_embeddings false"),
    ({"decoder_start_token_id": HUGE}, "decoder_start_token_id must be a token from 0 to"),
    ({"transformers_weights": "../model.safetensors"}, "does not lie in it: '../model.safetensors'"),
    ({"dtype": "int64"}, "not a floating-point dtype"),
    (
        {"vocab_size": HUGE, "decoder_vocab_size": HUGE, "quantization_config": None},
        r"model.shared.weight has the shape",
    ),
    (
        {"vocab_size": HUGE, "decoder_vocab_size": HUGE, "quantization_config": {}},
        "asks for model.shared.weight of .*, far more than the weights hold",
    ),
]


@pytest.mark.parametrize(("changes", "message"), WRONG_SIZES)
def test_sizes_that_the_weights_contradict_are_refused_before_anything_is_allocated(rewrite, changes, message):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=message) as error:
        _ = Checkpoint(rewrite("config.json", **changes)).model
    assert str(error.value).isprintable()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("marian", {"encoder_layers": HUGE}, "asks for encoder_layers of 1,000,000,000"),
        (
            "marian",
            {"max_position_embeddings": HUGE},
            r"asks for model.*embed_positions.weight of the shape \[1000000000, 12\], far more than the weights hold",
        ),
        ("m2m_100", {"max_position_embeddings": HUGE}, r"asks for model.*embed_positions.weights of .*\[1000000"),
        ("bart", {"max_position_embeddings": HUGE}, r"embed_positions.weight has the shape \[43, 12\] in the weights"),
        ("bart", {"encoder_attention_heads": -1}, "asks for encoder_attention_heads of -1, less than none"),
        ("bart", {"decoder_start_token_id": HUGE}, "config.json: decoder_start_token_id must be the number of a token"),
        ("marian", {"pad_token_id": HUGE}, "config.json cannot be right: Padding_idx must be within num_embeddings"),
        ("t5", {"num_layers": HUGE}, "asks for num_layers of 1,000,000,000"),
        ("t5", {"num_layers": 1}, "the weights hold encoder.block.1.* which a model of this config.json does not have"),
        ("t5gemma", {"encoder": {"num_hidden_layers": HUGE}}, "asks for num_hidden_layers of 1,000,000,000"),
    ],
)
def test_sizes_of_other_families(family, changes, message, tmp_path):
    build(family).save_pretrained(tmp_path)
    content = json.loads((tmp_path / "config.json").read_text())
    for name, value in changes.items():
        content[name] = content[name] | value if isinstance(value, dict) else value
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        _ = Checkpoint(tmp_path).model


FC1 = "model.decoder.layers.0.fc1.weight"
WRONG_WEIGHTS = [
    (
        lambda weights: weights[FC1].__setitem__((0, 3), float("nan")),
        f"{FC1} holds 1 value that is no finite number in float32",
    ),
    (lambda weights: weights[FC1].fill_(float("inf")), f"{FC1} holds 418 values that are no finite numbers in float32"),
    (lambda weights: weights.update({FC1: weights[FC1].round().long()}), f"{FC1} holds numbers of type int64, where"),
    (lambda weights: weights.update({FC1: weights[FC1] > 0}), f"{FC1} holds numbers of type bool, where"),
    (lambda weights: weights.update({FC1: weights[FC1].T}), rf"{FC1} has the shape \[22, 19\] in the weights and \[19"),
    (lambda weights: weights.pop(FC1), f"the weights lack {FC1}, which config.json asks for"),
    (lambda weights: weights.update({"x\n\x1b[31m": torch.ones(5)}), r"hold x\\n\\x1b\[31m, which"),
    (lambda weights: weights.clear(), "holds no weights"),
    (
        lambda weights: weights.update({"lm_head.weight": weights["model.shared.weight"] + 1}),
        "lm_head.weight and model.shared.weight are one, and the weights hold two that differ",
    ),
]


@pytest.mark.parametrize(("change", "message"), WRONG_WEIGHTS)
def test_weights_that_cannot_be_right_are_refused_by_name(copy, change, message, capfd):
    set_weights(copy, change)
    with pytest.raises(UserError, match=message) as error:
        _ = Checkpoint(copy).model
    assert str(error.value).isprintable()
    assert str(copy) in str(error.value)
    assert "LOAD REPORT" not in capfd.readouterr().err


def test_what_is_told_twice_alike_is_right(copy):
    set_weights(copy, lambda weights: weights.update({"lm_head.weight": weights["model.shared.weight"].clone()}))
    model = Checkpoint(copy).model
    assert model.lm_head.weight is model.model.shared.weight


def test_infinities_of_half_precision_are_told(copy, rewrite):
    rewrite("config.json", dtype="float16")
    set_weights(copy, lambda weights: weights[FC1].fill_(1e9))
    with pytest.raises(UserError, match=f"{FC1} holds 418 values that are no finite numbers in float16"):
        _ = Checkpoint(copy).model


def test_large_numbers_are_right_though_their_sum_is_infinite(copy):
    set_weights(copy, lambda weights: weights[FC1].fill_(3e38))
    assert Checkpoint(copy).model.get_parameter(FC1).isfinite().all()


@pytest.fixture
def sharded(tiny, tmp_path):
    folder = shutil.copytree(tiny, tmp_path / "sharded")
    (folder / "model.safetensors").unlink()
    make_model(vocab_size=Checkpoint(tiny).model.config.vocab_size).save_pretrained(folder, max_shard_size="20KB")
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda names: names.update({FC1: "../elsewhere.safetensors"}),
            "does not lie in it: '../elsewhere.safetensors'",
        ),
        (lambda names: names.update({FC1: "/etc/passwd"}), "does not lie in it: '/etc/passwd'"),
        (lambda names: names.update({FC1: "model-9.safetensors"}), "names model-9.safetensors, which is not there"),
        (lambda names: names.update({FC1: 7}), "it has no weight_map"),
        (lambda names: names.clear(), "it has no weight_map"),
    ],
)
def test_an_index_names_files_of_its_folder(sharded, change, message):
    (sharded.parent / "elsewhere.safetensors").write_bytes(b"")
    _ = Checkpoint(sharded).model
    index = sharded / "model.safetensors.index.json"
    content = json.loads(index.read_text())
    change(content["weight_map"])
    index.write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        _ = Checkpoint(sharded).model


class Hostile:
    def __reduce__(self):
        return eval, ("open('/tmp/hf_attn_model_was_here', 'w')",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"a": Hostile()}, "holds something else than weights, of which nothing was run"),
        ([1, 2], "cannot|damaged"),
        ({"a": 7}, "holds no weights"),
        ({FC1: torch.ones(1).expand(10**6, 10**6)}, "larger than the file"),
    ],
)
@pytest.mark.parametrize("as_zip", [True, False])
def test_pickles_are_read_without_running_them(copy, content, message, as_zip, tmp_path):
    (copy / "model.safetensors").unlink()
    torch.save(content, copy / "pytorch_model.bin", _use_new_zipfile_serialization=as_zip)
    with pytest.raises(UserError, match=message) as error:
        _ = Checkpoint(copy).model
    assert str(error.value).isprintable()


@pytest.mark.parametrize("content", [b"", b"half of a file", pickle.dumps(Hostile()), pickle.dumps({"a": 1})])
def test_what_is_no_pickle_of_torch(copy, content):
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"pytorch_model\.bin") as error:
        _ = Checkpoint(copy).model
    assert str(error.value).isprintable()


def test_without_weights(copy):
    (copy / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"no file named model\.safetensors"):
        _ = Checkpoint(copy).model


def test_a_verb_says_it_in_one_line(copy, capsys):
    set_weights(copy, lambda weights: weights[FC1].__setitem__((0, 3), float("nan")))
    assert main(["translate", str(copy), "one"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert f"{FC1} holds 1 value that is no finite number in float32" in captured.err.splitlines()[-1]


def test_no_right_model_computes_a_table_that_large():
    assert TABLE > 16384 * 1024 * 2  # the longest known, PEGASUS-X: 16,384 positions of width 1,024, on both sides
