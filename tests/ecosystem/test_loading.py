"""The ways in which checkpoints are saved, loaded, cast and copied."""

import copy
import json
import pickle

import pytest
import torch
from small_models import BUILDS, B, S, T, V, build_name, make_model
from transformers import AutoModelForSeq2SeqLM


@pytest.fixture
def ids():
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randint(2, V, (B, length), generator=generator) for length in (S, T))


def logits_of(model, ids):
    with torch.no_grad():
        return model(ids[0], decoder_input_ids=ids[1]).logits


def count_embeddings(model):
    """Count the tensors that the three embeddings and the output projection hold between them."""
    body = model.model
    owners = (body.shared, body.encoder.embed_tokens, body.decoder.embed_tokens, model.lm_head)
    return len({owner.weight.data_ptr() for owner in owners})


@pytest.mark.parametrize("build", BUILDS, ids=build_name)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, "bfloat16", "auto"], ids=str)
def test_loads_in_the_dtype_asked_for(ids, tmp_path, dtype, build):
    model = make_model(**build)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path, dtype=dtype)
    expected = {"bfloat16": torch.bfloat16, "auto": torch.float32}.get(dtype, dtype)
    assert {parameter.dtype for parameter in loaded.parameters()} == {expected}

    logits = logits_of(loaded, ids)
    assert logits.dtype == expected
    tolerance = 0.0 if expected == torch.float32 else 8 * torch.finfo(expected).eps
    torch.testing.assert_close(logits.float(), logits_of(model, ids), atol=tolerance, rtol=0)
    loss = loaded(ids[0], labels=ids[1]).loss
    assert loss.dtype == torch.float32
    loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in loaded.parameters())
    text = loaded.generate(ids[0], num_beams=3, max_new_tokens=5, eos_token_id=None)
    assert text.shape == (B, 6)


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, torch.bfloat16), ({"dtype": "auto"}, torch.bfloat16), ({"dtype": torch.float32}, torch.float32)],
    ids=["nothing", "auto", "float32"],
)
def test_the_saved_dtype_is_the_default(tmp_path, options, expected):
    make_model().to(torch.bfloat16).save_pretrained(tmp_path)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path, **options)
    assert {parameter.dtype for parameter in loaded.parameters()} == {expected}


def test_half_and_back_stays_close(ids):
    model = make_model()
    halved = copy.deepcopy(model).half()
    assert {tensor.dtype for tensor in [*halved.parameters(), *halved.buffers()]} == {torch.float16}
    torch.testing.assert_close(logits_of(halved, ids).float(), logits_of(model, ids), atol=0.01, rtol=0)
    torch.testing.assert_close(logits_of(halved.float(), ids), logits_of(model, ids), atol=0.01, rtol=0)


def test_weights_are_saved_as_safetensors_alone(tmp_path):
    make_model().save_pretrained(tmp_path)
    assert (tmp_path / "model.safetensors").exists()
    assert not list(tmp_path.glob("*.bin"))


def test_many_files_load_as_one(ids, tmp_path):
    model = make_model()
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    shards = list(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 3
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == {shard.name for shard in shards}
    assert torch.equal(logits_of(AutoModelForSeq2SeqLM.from_pretrained(tmp_path), ids), logits_of(model, ids))


def test_weights_of_an_older_day_load_from_a_pickle(ids, tmp_path):
    """transformers 5 reads `pytorch_model.bin` still (tensors only, no code), and saves it as safetensors."""
    model = make_model()
    model.config.save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert torch.equal(logits_of(loaded, ids), logits_of(model, ids))
    assert count_embeddings(loaded) == 1


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["copy", "pickle"]
)
@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_copies_are_equal_and_apart(ids, copied, tied):
    model = make_model(tie_word_embeddings=tied)
    twin = copied(model)
    assert count_embeddings(twin) == (1 if tied else 2)
    expected = logits_of(model, ids)
    assert torch.equal(logits_of(twin, ids), expected)
    with torch.no_grad():
        twin.model.shared.weight.zero_()
    assert not torch.equal(logits_of(twin, ids), expected)
    assert torch.equal(logits_of(model, ids), expected)
