"""What record_attention keeps, what it refuses, and how it calls what there is."""

import pytest
import torch
from families import B, build, eager_weights, make_batch
from transformers import AttentionInterface, GPT2Config, GPT2Model
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from hf_attn_model.attention.places import PLACES
from hf_attn_model.attention.record import record_attention
from hf_attn_model.errors import UserError


def test_places_layers_and_heads_are_chosen():
    model, batch = build("ours"), make_batch("right")
    with record_attention(model) as everything:
        model(**batch)
    with record_attention(model, places=["cross"], layers=[0, 2], heads=[1]) as record:
        model(**batch)
    assert list(record.forwards[0].calls) == [("cross", 0), ("cross", 2)]
    for layer in (0, 2):
        chosen, expected = record[1].cross[layer, 1], everything[1].cross[layer, 1]
        torch.testing.assert_close(chosen.attention_weights, expected.attention_weights)
        assert record[1].cross[layer].query.shape == (1, *expected.query.shape)
    with pytest.raises(IndexError, match=r"head 0 was not recorded; there are \[1\]"):
        record[1].cross[0, 0]
    with pytest.raises(IndexError, match=r"layer 1 was not recorded; there are \[0, 2\]"):
        record[1].cross[1]


@pytest.mark.parametrize("family", ["t5", "t5gemma"])
def test_chosen_heads_keep_their_bias_and_their_shared_key(family):
    model, batch = build(family), make_batch("right")
    expected = eager_weights(model, batch)
    heads = [0, 2] if family == "t5" else [1, 2]
    with record_attention(model, heads=heads, keep=("query", "key", "value")) as record:
        model(**batch)
    for place in PLACES:
        weights = getattr(record[1], place).attention_weights
        torch.testing.assert_close(weights, expected[1][place][:, heads], atol=1e-6, rtol=0)
        assert record.forwards[0].calls[place, 0].value.shape[1] == 2


def test_values_are_kept_when_asked():
    model, batch = build("ours"), make_batch("right")
    with record_attention(model) as record:
        model(**batch)
    with pytest.raises(UserError, match='keep=\\("query", "key", "value"\\)'):
        _ = record[0].cross[0, 0].context
    assert all(call.value is None for call in record.forwards[0].calls.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"places": ["middle"]}, "choose from encoder, decoder, cross"),
        ({"places": []}, "choose from encoder, decoder, cross"),
        ({"layers": [5, 3]}, "there is no layer 3 in encoder, decoder, cross"),
        ({"places": ["encoder"], "layers": [2]}, "there is no layer 2 in encoder of"),
        ({"heads": [-1]}, "give numbers of heads"),
        ({"heads": []}, "give numbers of heads"),
        ({"keep": ["weights"]}, "cannot keep weights: keep query and key"),
        ({"heads": [7]}, "no head 7: the attention has heads 0 to 2"),
    ],
)
def test_wrong_choices_are_told(options, message):
    model, batch = build("ours"), make_batch("right")
    with pytest.raises(UserError, match=message), record_attention(model, **options):
        model(**batch)
    assert model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("padded", [False, True])
def test_memory_grows_with_the_length_not_with_its_square(implementation, padded):
    model, length = build("ours"), 37
    model.set_attn_implementation(implementation)
    ids = torch.randint(3, 37, (B, length))
    mask = torch.ones(B, length, dtype=torch.long)
    mask[1, -5:] = 0 if padded else 1
    with record_attention(model) as record:
        model(ids, attention_mask=mask, decoder_input_ids=ids, decoder_attention_mask=mask)
    for (place, _), call in record.forwards[0].calls.items():
        for name, tensor in vars(call).items():
            assert not isinstance(tensor, torch.Tensor) or tensor.shape.count(length) < 2, (place, name)
        assert call.causal == (place == "decoder")
        assert (call.mask is not None) == padded


def test_what_cannot_be_recorded_is_refused():
    gpt = GPT2Model(GPT2Config(n_embd=12, n_layer=1, n_head=3, vocab_size=37))
    with pytest.raises(UserError, match="GPT2Model has no encoder and decoder"), record_attention(gpt):
        pass
    model, marian, batch = build("ours"), build("marian"), make_batch("right")
    with pytest.raises(UserError, match="attention sinks"), record_attention(marian):
        marian(**batch, s_aux=torch.zeros(3))
    AttentionInterface.register("maskless", ALL_ATTENTION_FUNCTIONS["sdpa"])
    model.config._attn_implementation = "maskless"
    with pytest.raises(UserError, match="'maskless' has no mask function"), record_attention(model):
        pass


def test_wrong_indices_name_what_there_is():
    model, batch = build("ours"), make_batch("right")
    with record_attention(model) as record:
        model(**batch)
    with pytest.raises(IndexError, match="over 2 sentences"):
        record[2]
    with pytest.raises(IndexError, match=r"there are \[0, 1\]"):
        record[0].encoder[2, 0]
    with pytest.raises(IndexError, match=r"head 2 was not recorded; there are \[0, 1\]"):
        record[0].cross[0, 2]
    torch.testing.assert_close(record[-1].encoder[0].query, record[1].encoder[0].query)
