"""A stock checkpoint and the same one converted compute the same, and go back to the same weights."""

import pytest
import torch
from families import B, eager_weights
from safetensors.torch import load_file
from stock_checkpoints import sentences

from hf_attn_model import record_attention
from hf_attn_model.engines import FAMILIES, convert

ENGLISH, SPANISH = sentences("en")[:5], sentences("es")[:5]
OFFICIAL = {"marian-two": "marian", "nllb": "m2m_100"}


@pytest.fixture
def batch(pair):
    """Real sentence pairs of unlike length, padded on the right."""
    tokenizer = pair.tokenizers[0]
    if pair.name == "m2m_100":
        tokenizer.tgt_lang = "es"
    batch = tokenizer(ENGLISH, text_target=SPANISH, padding=True, return_tensors="pt")
    batch["labels"] = batch["labels"].masked_fill(batch["labels"] == tokenizer.pad_token_id, -100)
    assert (batch["attention_mask"] == 0).any()
    return batch


def test_logits_and_loss_are_equal(pair, batch):
    stock, ours = (model(**batch) for model in pair.models)
    counted = batch["labels"] != -100
    assert stock.logits.abs().max() > 2
    torch.testing.assert_close(ours.logits[counted], stock.logits[counted], atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.loss, stock.loss, atol=1e-5, rtol=0)
    chunked = pair.models[1](**batch, skip_logits=True).loss
    torch.testing.assert_close(chunked, stock.loss, atol=1e-5, rtol=0)


@pytest.mark.parametrize("search", [{"num_beams": 1}, {}, {"num_beams": 4, "num_return_sequences": 3}], ids=str)
def test_generated_ids_are_equal(pair, batch, search):
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")} | {"no_repeat_ngram_size": 2}
    stock, ours = (model.generate(**inputs, **search) for model in pair.models)
    assert len(set(stock.flatten().tolist())) > 7  # else equal ids would say little
    assert torch.equal(ours, stock)
    assert torch.equal(pair.models[1].generate(**inputs, **search, use_cache=False), stock)


def test_attention_is_that_of_the_stock_model(pair, batch):
    batch = {name: ids[:B] for name, ids in batch.items()}
    stock, ours = pair.models
    expected = eager_weights(stock, batch)
    with record_attention(ours) as record:
        ours(**batch)
    for i in range(B):
        for place, weights in expected[i].items():
            assert weights.max() > 0.9  # some heads look at one token
            torch.testing.assert_close(getattr(record[i], place).attention_weights, weights, atol=1e-5, rtol=0)


def test_weights_come_back_bit_for_bit(pair, tmp_path):
    to = OFFICIAL.get(pair.name, pair.name)
    convert(pair.folder, to, tmp_path / "back")
    before, after = (load_file(folder / "model.safetensors") for folder in (pair.stock_folder, tmp_path / "back"))
    for name, weight in before.items():
        tolerance = 1e-6 if "embed_positions" in name and FAMILIES[to].position_embedding == "sinusoidal" else 0
        torch.testing.assert_close(after[name], weight, atol=tolerance, rtol=0, msg=name)
    assert after.keys() == before.keys()


def test_only_what_the_weights_ask_for_is_there(pair):
    config = pair.ours.model.config
    family = FAMILIES[OFFICIAL.get(pair.name, pair.name)]
    assert (config.norm_position, config.position_embedding) == (family.norm_position, family.position_embedding)
    assert config.share_encoder_decoder_embeddings == (pair.name != "marian-two")
    assert config.logits_bias == family.logits_bias
    assert config.tie_word_embeddings
