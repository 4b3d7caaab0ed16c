"""Heads made uniform against weights set by hand, removed heads against output projections with zeroed columns."""

import copy
import sys
import threading

import pytest
import torch
from small_models import B, S, T, V, make_model
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    GPT2Config,
    GPT2Model,
    T5Config,
    T5ForConditionalGeneration,
    T5GemmaConfig,
    T5GemmaForConditionalGeneration,
    T5GemmaModuleConfig,
)

from hf_attn_model.attention.intervene import intervene
from hf_attn_model.attention.modules import attention_modules
from hf_attn_model.attention.places import PLACES
from hf_attn_model.attention.record import record_attention
from hf_attn_model.errors import UserError

FAMILIES = ["ours", "bart", "t5", "t5gemma"]  # as it is, with biases, with position bias, with shared keys
RUNS = [(family, how) for family in FAMILIES for how in ("eager", "sdpa") if (family, how) != ("t5gemma", "sdpa")]
PAD, LAYER, HEAD = 0, 1, 2


def build(family):
    torch.manual_seed(11)
    if family == "ours":
        return make_model()
    if family == "bart":
        sizes = {"encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 3, "decoder_attention_heads": 3}
        widths = {"d_model": 21, "encoder_ffn_dim": 17, "decoder_ffn_dim": 19, "vocab_size": V}
        ids = {"pad_token_id": PAD, "decoder_start_token_id": PAD, "forced_eos_token_id": None}
        model = BartForConditionalGeneration(BartConfig(**sizes, **widths, **ids, max_position_embeddings=61))
    elif family == "t5":
        sizes = {"d_model": 22, "d_kv": 5, "d_ff": 13, "num_layers": 2, "num_heads": 3, "vocab_size": V}
        model = T5ForConditionalGeneration(T5Config(**sizes, decoder_start_token_id=PAD))
    else:
        side = T5GemmaModuleConfig(
            vocab_size=V,
            hidden_size=20,
            intermediate_size=13,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=6,
            attn_logit_softcapping=None,
            layer_types=["full_attention"] * 2,
            query_pre_attn_scalar=6,
            pad_token_id=PAD,
        )
        model = T5GemmaForConditionalGeneration(T5GemmaConfig(encoder=side, decoder=side, vocab_size=V))
    for parameter in model.parameters():  # initial weights attend almost evenly: larger ones tell more apart
        parameter.data.mul_(5 if parameter.ndim == 2 else 1)
    return model.eval()


def make_batch():
    """Two sentence pairs, the second source shorter."""
    torch.manual_seed(13)
    input_ids, mask = torch.randint(3, V, (B, S)), torch.ones(B, S, dtype=torch.long)
    mask[1, -3:] = 0
    return {"input_ids": input_ids.masked_fill(mask == 0, PAD), "attention_mask": mask}


def forced(batch):
    torch.manual_seed(17)
    return batch | {"decoder_input_ids": torch.randint(3, V, (B, T))}


def modules_by_place(model):
    """For each (place, layer) the attention module."""
    return {place: module for module, (place,) in attention_modules(model).items()}


def logits(model, batch):
    with torch.no_grad():
        return model(**batch).logits


def set_weights_by_hand(model, place, monkeypatch):
    """Let eager attention average over what `HEAD` of `place` may see, each key with the same weight."""
    chosen = modules_by_place(model)[place]

    def attend(module, query, key, value, attention_mask, scaling=None, position_bias=None, **kwargs):
        groups = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
        scores = query @ key.mT * scaling
        scores = scores if position_bias is None else scores + position_bias
        scores = scores if attention_mask is None else scores + attention_mask
        weights = scores.softmax(-1)
        if module is chosen:
            for b in range(B):
                for t in range(query.shape[2]):
                    hidden = torch.zeros(key.shape[2], dtype=torch.bool)
                    if attention_mask is not None:
                        hidden = attention_mask[b % len(attention_mask), 0, t] < -1e30
                    weights[b, HEAD, t] = (~hidden).to(weights.dtype) / (~hidden).sum()
        return (weights @ value).transpose(1, 2), weights

    model.set_attn_implementation("eager")
    monkeypatch.setattr(sys.modules[type(chosen).__module__], "eager_attention_forward", attend)


@pytest.mark.parametrize(("family", "implementation"), RUNS)
@pytest.mark.parametrize("place", PLACES)
def test_uniform_equals_weights_set_by_hand(family, implementation, place, monkeypatch):
    model, batch = build(family).double(), forced(make_batch())
    model.set_attn_implementation(implementation)
    plain = logits(model, batch)
    with intervene(model, [(place, LAYER, HEAD)], "uniform"):
        actual = logits(model, batch)
    torch.testing.assert_close(logits(model, batch), plain, atol=0, rtol=0)
    set_weights_by_hand(model, (place, LAYER), monkeypatch)
    torch.testing.assert_close(actual, logits(model, batch), atol=1e-6, rtol=0)
    assert (actual - plain).abs().max() > 1e-3


@pytest.mark.parametrize(("family", "implementation"), RUNS)
@pytest.mark.parametrize("place", PLACES)
def test_removed_equals_zeroed_columns_of_the_output_projection(family, implementation, place):
    model, batch = build(family).double(), forced(make_batch())
    model.set_attn_implementation(implementation)
    zeroed = copy.deepcopy(model)
    attention = modules_by_place(zeroed)[place, LAYER]
    output = next(getattr(attention, name) for name in ("out_proj", "o", "o_proj") if hasattr(attention, name))
    heads = {"ours": 3 if place == "encoder" else 5, "t5gemma": 4}.get(family, 3)
    with torch.no_grad():
        output.weight.unflatten(1, (heads, -1))[:, HEAD] = 0
    with intervene(model, [(place, LAYER, HEAD)], "zero"):
        actual = logits(model, batch)
    torch.testing.assert_close(actual, logits(zeroed, batch), atol=1e-6, rtol=0)
    assert (actual - logits(model, batch)).abs().max() > 1e-3


@pytest.mark.parametrize("how", ["uniform", "zero"])
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_the_other_heads_of_the_module_compute_the_same_bits(how, implementation):
    model, batch = build("ours"), forced(make_batch())
    model.set_attn_implementation(implementation)
    contexts = []
    attention = modules_by_place(model)["cross", LAYER]
    attention.out_proj.register_forward_pre_hook(lambda module, args: contexts.append(args[0].unflatten(-1, (5, -1))))
    logits(model, batch)
    with intervene(model, [("cross", LAYER, HEAD)], how):
        logits(model, batch)
    before, after = contexts
    others = [head for head in range(5) if head != HEAD]
    assert torch.equal(before[:, :, others], after[:, :, others])
    assert not torch.equal(before[:, :, HEAD], after[:, :, HEAD])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("how", ["uniform", "zero"])
def test_generation_with_a_cache_equals_one_pass_over_what_it_wrote(family, how):
    model, batch = build(family).double(), make_batch()
    heads = [(place, LAYER, HEAD) for place in PLACES]
    options = {"max_new_tokens": T, "min_new_tokens": T, "do_sample": False, "return_dict_in_generate": True}
    plain = model.generate(**batch, **options, output_logits=True)
    with intervene(model, heads, how):
        written = model.generate(**batch, **options, output_logits=True)
        at_once = logits(model, batch | {"decoder_input_ids": written.sequences[:, :-1]})
    assert written.past_key_values is not None
    torch.testing.assert_close(torch.stack(written.logits, dim=1), at_once.float(), atol=1e-5, rtol=0)
    assert (written.logits[0] - plain.logits[0]).abs().max() > 1e-4


@pytest.mark.parametrize("recorder_is_outside", [True, False])
def test_the_recorder_sees_what_the_changed_model_does(recorder_is_outside):
    model, batch = build("t5"), forced(make_batch())
    heads = [("encoder", 0, 1), ("decoder", 0, 1), ("cross", 0, 1)]
    with record_attention(model) as plain:
        logits(model, batch)
    contexts = [record_attention(model), intervene(model, heads)]
    with contexts[0 if recorder_is_outside else 1] as first, contexts[1 if recorder_is_outside else 0] as second:
        logits(model, batch)
    record = first if recorder_is_outside else second
    torch.testing.assert_close(record[1].encoder[0, 1].attention_weights, torch.full((4, 4), 1 / 4))
    causal = torch.ones(T, T).tril() / torch.arange(1, T + 1)[:, None]
    torch.testing.assert_close(record[0].decoder[0, 1].attention_weights, causal)
    torch.testing.assert_close(record[1].cross[0, 1].attention_weights, torch.full((T, 4), 1 / 4))
    for head in (0, 2):
        unchanged = plain[1].encoder[0, head].attention_weights
        torch.testing.assert_close(record[1].encoder[0, head].attention_weights, unchanged, atol=0, rtol=0)


def test_interventions_add_up():
    model, batch = build("ours"), forced(make_batch())
    heads = [("encoder", 0, 0), ("cross", 2, 4)]
    with intervene(model, heads[:1]), intervene(model, heads[1:]):
        nested = logits(model, batch)
    with intervene(model, iter(heads)):
        torch.testing.assert_close(logits(model, batch), nested, atol=0, rtol=0)


def test_gradients_flow_around_a_changed_head():
    model, batch = build("ours"), forced(make_batch())
    for how in ("uniform", "zero"):
        model.zero_grad()
        with intervene(model, [("cross", LAYER, HEAD)], how):
            model(**batch).logits.sum().backward()
        attention = modules_by_place(model)["cross", LAYER]
        queries, values = (layer.weight.grad.unflatten(0, (5, -1)) for layer in (attention.q_proj, attention.v_proj))
        assert not queries[HEAD].any()
        assert queries[HEAD - 1].any()
        assert values[HEAD].any() == (how == "uniform")


def test_everything_is_restored_on_exceptions():
    model, batch = build("bart"), forced(make_batch())
    model.set_attn_implementation("eager")
    plain = logits(model, batch)
    with pytest.raises(IndexError), intervene(model, [("cross", 0, 0)]):
        model(input_ids=torch.full((B, S), 999))
    assert {m.config._attn_implementation for m in model.modules() if hasattr(m, "config")} == {"eager"}
    torch.testing.assert_close(logits(model, batch), plain, atol=0, rtol=0)


def test_other_threads_see_the_model_as_it_is():
    model, batch = build("ours"), forced(make_batch())
    plain, seen, inside, done = logits(model, batch), {}, threading.Event(), threading.Event()

    def add_intervention():
        with intervene(model, [("encoder", 0, 0)]):
            inside.set()
            done.wait(timeout=60)
            seen["inside"] = logits(model, batch)

    thread = threading.Thread(target=add_intervention)
    thread.start()
    inside.wait(timeout=60)
    seen["outside"] = logits(model, batch)
    done.set()
    thread.join(timeout=60)
    torch.testing.assert_close(seen["outside"], plain, atol=0, rtol=0)
    assert not torch.equal(seen["inside"], plain)
    assert model.config._attn_implementation == "sdpa"


@pytest.mark.parametrize(
    ("heads", "mode", "message"),
    [
        ([("cross", 0, 0)], "remove", "choose from uniform, zero"),
        ([("middle", 0, 0)], "uniform", "no place is called 'middle'"),
        ([("encoder", 2, 0)], "uniform", "has no encoder layer 2"),
        ([("cross", 0, -1)], "zero", "heads count from 0"),
        ([], "uniform", "no head to change"),
        ([("encoder", 0, 1), ("encoder", 0, 3)], "uniform", "encoder layer 0 has heads 0 to 2, not 3"),
        ([("cross", 2, 5)], "zero", "cross layer 2 has heads 0 to 4, not 5"),
    ],
)
def test_wrong_choices_are_told(heads, mode, message):
    model = build("ours")
    with pytest.raises(UserError, match=message), intervene(model, heads, mode):
        logits(model, forced(make_batch()))
    assert model.config._attn_implementation == "sdpa"


def test_what_cannot_be_changed_is_refused():
    gpt = GPT2Model(GPT2Config(n_embd=12, n_layer=1, n_head=3, vocab_size=V))
    with pytest.raises(UserError, match="GPT2Model has no encoder and decoder"), intervene(gpt, [("encoder", 0, 0)]):
        pass
    model = build("marian")
    with pytest.raises(UserError, match="attention sinks"), intervene(model, [("encoder", 0, 0)]):
        model(**forced(make_batch()), s_aux=torch.zeros(3))
