"""record_attention against transformers' own eager weights, on every family of models that translates."""

import threading

import pytest
import torch
from families import FAMILIES, PAD, RUNS, B, S, T, build, eager_weights, make_batch
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
)
from transformers.masking_utils import flash_attention_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from hf_attn_model.attention.places import PLACES
from hf_attn_model.attention.record import record_attention


def assert_record_equals(record, expected):
    for i in range(B):
        for place in PLACES:
            weights = getattr(record[i], place).attention_weights
            torch.testing.assert_close(weights, expected[i][place], atol=1e-6, rtol=0)
            torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))


@pytest.mark.parametrize(("family", "implementation"), RUNS)
@pytest.mark.parametrize("padding_side", ["right", "left"])
def test_weights_equal_eager_ones(family, implementation, padding_side):
    model, batch = build(family), make_batch(padding_side)
    model.set_attn_implementation(implementation)
    expected = eager_weights(model, batch)
    plain = model(**batch)
    with record_attention(model) as record:
        output = model(**batch)
    assert_record_equals(record, expected)
    torch.testing.assert_close(output.logits, plain.logits, atol=0, rtol=0)


@pytest.mark.parametrize("family", ["ours", "t5"])
def test_weights_are_exact_in_double_precision(family):
    model, batch = build(family).double(), make_batch("right")
    with record_attention(model) as record:
        model(**batch)
    expected = eager_weights(model, batch)
    torch.testing.assert_close(record[1].cross.attention_weights, expected[1]["cross"], atol=1e-14, rtol=0)


def test_without_any_mask_sdpa_is_causal_in_the_decoder_alone():
    model, batch = build("ours"), make_batch("right")
    del batch["attention_mask"]
    batch |= {name: batch[name].clamp(min=1) for name in ("input_ids", "labels")}  # no padding
    with record_attention(model) as record:
        model(**batch)
    assert all(call.mask is None for call in record.forwards[0].calls.values())
    assert_record_equals(record, eager_weights(model, batch | {"attention_mask": torch.ones(B, S)}))


def test_padding_masks_of_flash_attention_are_understood():
    def varlen(module, query, key, value, attention_mask, **options):
        """Sdpa behind flash attention's masks: `None`, or the padding (B,S)."""
        assert attention_mask is None or attention_mask.ndim == 2
        mask = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool)
        mask = mask.tril() if module.is_causal else mask
        mask = mask if attention_mask is None else mask & attention_mask[:, None, None, :].bool()
        return ALL_ATTENTION_FUNCTIONS["sdpa"](module, query, key, value, mask, **options)

    AttentionInterface.register("varlen", varlen)
    AttentionMaskInterface.register("varlen", flash_attention_mask)
    model, batch = build("ours"), make_batch("right")
    expected = eager_weights(model, batch)
    model.config._attn_implementation = "varlen"
    with record_attention(model) as record:
        model(**batch)
    assert record.forwards[0].calls["encoder", 0].mask.ndim == 2
    assert_record_equals(record, expected)


def test_steps_follow_from_the_projections():
    model, batch = build("ours"), make_batch("right")
    inputs = {}
    attention = model.model.decoder.layers[2].encoder_attn
    attention.q_proj.register_forward_hook(lambda module, args, output: inputs.update(query=output))
    attention.k_proj.register_forward_hook(lambda module, args, output: inputs.update(key=output))
    attention.v_proj.register_forward_hook(lambda module, args, output: inputs.update(value=output))
    attention.out_proj.register_forward_pre_hook(lambda module, args: inputs.update(context=args[0]))
    with torch.no_grad(), record_attention(model, keep=("query", "key", "value")) as record:
        model(**batch)
    steps = record[1].cross[2, 1]
    wide = slice(7, 14)  # head 1 of heads 7 wide
    torch.testing.assert_close(steps.query, inputs["query"][1, :3, wide])
    torch.testing.assert_close(steps.key, inputs["key"][1, :4, wide])
    torch.testing.assert_close(steps.value, inputs["value"][1, :4, wide])
    torch.testing.assert_close(steps.context, inputs["context"][1, :3, wide])
    torch.testing.assert_close(steps.scores, steps.query @ steps.key.T / 7**0.5)
    torch.testing.assert_close(steps.attention_weights, steps.masked_scores.softmax(-1))
    assert record[1].cross[2].query.shape == (2, 3, 7)


def test_masked_scores_hide_the_future():
    model, batch = build("ours"), make_batch("right")
    with record_attention(model) as record:
        model(**batch)
    steps = record[0].decoder[0, 0]
    hidden = torch.ones(T, T).triu(1).bool()
    assert (steps.masked_scores[hidden] < -1e30).all()
    torch.testing.assert_close(steps.masked_scores[~hidden], steps.scores[~hidden])


@pytest.mark.parametrize("told_by", ["decoder_attention_mask", "labels", "decoder_input_ids"])
def test_target_padding_is_known_from_whatever_the_model_gets(told_by):
    model, batch = build("ours"), make_batch("right")
    labels = batch.pop("labels")
    read = model.prepare_decoder_input_ids_from_labels(labels)
    if told_by == "labels":
        batch["labels"] = labels
    else:
        read[1, 3:] = PAD
        batch["decoder_input_ids"] = read
        if told_by == "decoder_attention_mask":
            batch["decoder_attention_mask"] = (labels != -100).long()
    with record_attention(model) as record:
        model(**batch)
    assert record[0].cross[0, 0].attention_weights.shape == (5, 7)
    assert record[1].cross[0, 0].attention_weights.shape == (3, 4)
    assert record[1].decoder[0, 0].attention_weights.shape == (3, 3)


def test_the_start_mark_is_no_padding():
    model, batch = build("ours"), make_batch("right")
    del batch["labels"]
    with record_attention(model) as record:
        model(**batch, decoder_input_ids=torch.full((B, 1), PAD))
    assert record[0].cross[0, 0].attention_weights.shape == (1, 7)


def test_eager_attention_without_a_mask_is_never_causal():
    model, batch = build("ours"), make_batch("right")
    del batch["attention_mask"]
    model.set_attn_implementation("eager")
    for layer in model.model.encoder.layers:
        del layer.self_attn.is_causal  # only SDPA and flash ask for it, and take its absence for True
    with record_attention(model) as record:
        model(**batch)
    expected = eager_weights(model, batch | {"attention_mask": torch.ones(B, S)})
    torch.testing.assert_close(record[0].encoder.attention_weights, expected[0]["encoder"], atol=1e-6, rtol=0)


def test_positional_inputs_are_seen():
    model, batch = build("ours"), make_batch("right")
    with record_attention(model) as record:
        model(batch["input_ids"], batch["attention_mask"], labels=batch["labels"])
    assert record[1].encoder[0, 0].attention_weights.shape == (4, 4)


def test_dropout_does_not_touch_the_record():
    model, batch = build("marian"), make_batch("right")
    expected = eager_weights(model, batch)
    for module in model.modules():
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = 0.9
    attention = model.model.encoder.layers[-1].self_attn  # the last one: earlier layers would change its input
    attention.dropout = 0.9
    attention.train()
    with record_attention(model) as record:
        model(**batch)
    actual = record[0].encoder.attention_weights
    torch.testing.assert_close(actual, expected[0]["encoder"], atol=1e-6, rtol=0)


def test_half_precision_is_rebuilt_in_float32():
    model, batch = build("ours").to(torch.bfloat16), make_batch("right")
    with record_attention(model) as record:
        model(**batch)
    weights = record[0].cross.attention_weights
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, T))


def test_generation_gives_one_entry_per_forward_and_equals_the_forced_pass():
    model, batch = build("ours"), make_batch("right")
    source = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with record_attention(model) as steps:
        written = model.generate(**source, max_new_tokens=T, min_new_tokens=T, do_sample=False)
    with record_attention(model) as forced:
        model(**source, decoder_input_ids=written[:, :-1], decoder_attention_mask=torch.ones(B, T))
    assert len(steps.forwards) == 1 + T  # the encoder, then a step for each token
    last = steps.forwards[-1]
    with pytest.raises(LookupError, match=r"choose from record\.forwards"):
        steps[0]
    for i in range(B):
        torch.testing.assert_close(
            steps.forwards[0][i].encoder.attention_weights, forced[i].encoder.attention_weights, atol=1e-5, rtol=0
        )
        for place in ("decoder", "cross"):
            stepwise, at_once = getattr(last[i], place), getattr(forced[i], place)
            torch.testing.assert_close(
                stepwise.attention_weights, at_once.attention_weights[:, :, -1:], atol=1e-5, rtol=0
            )


@pytest.mark.parametrize(("family", "implementation"), RUNS)
def test_cached_steps_equal_eager_ones(family, implementation):
    model, batch = build(family), make_batch("right")
    source = {name: batch[name] for name in ("input_ids", "attention_mask")}
    options = {"max_new_tokens": T, "min_new_tokens": T, "do_sample": False}
    model.set_attn_implementation("eager")
    shown = model.generate(**source, **options, return_dict_in_generate=True, output_attentions=True)
    model.set_attn_implementation(implementation)
    with record_attention(model) as record:
        model.generate(**source, **options)
    sentence, kept = 1, batch["attention_mask"][1].bool()
    for step, (decoder, cross) in enumerate(zip(shown.decoder_attentions, shown.cross_attentions, strict=True)):
        steps = record.forwards[1 + step][sentence]
        expected = torch.stack([weights[sentence] for weights in decoder])
        torch.testing.assert_close(steps.decoder.attention_weights, expected, atol=1e-6, rtol=0)
        expected = torch.stack([weights[sentence] for weights in cross])[..., kept]
        torch.testing.assert_close(steps.cross.attention_weights, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_training_without_dropout_is_exact(family):
    model, batch = build(family).train(), make_batch("right")
    for module in model.modules():
        for name in ("dropout", "attention_dropout", "activation_dropout", "dropout_rate"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with record_attention(model) as record:
        model(**batch).loss.backward()
    assert_record_equals(record, eager_weights(model, batch))


def test_padding_before_cached_tokens_is_left_out_too():
    model, batch = build("ours"), make_batch("right")
    del batch["labels"]
    read, mask = torch.randint(3, 37, (B, 3)), torch.tensor([[1, 1, 1], [0, 1, 1]])
    cache = model(**batch, decoder_input_ids=read[:, :2], decoder_attention_mask=mask[:, :2]).past_key_values
    with record_attention(model) as record:
        model(**batch, decoder_input_ids=read[:, 2:], decoder_attention_mask=mask, past_key_values=cache)
    assert record[0].decoder[0, 0].attention_weights.shape == (1, 3)
    assert record[1].decoder[0, 0].attention_weights.shape == (1, 2)
    assert record[1].cross[0, 0].attention_weights.shape == (1, 4)


def test_layers_recomputed_in_the_backward_pass_count_once():
    model, batch = build("ours").train(), make_batch("right")
    model.activation_checkpointing_enable()
    with record_attention(model) as record:
        model(**batch, use_cache=False).loss.backward()
    assert len(record.forwards) == 1
    assert len(record.forwards[0].calls) == 2 + 3 + 3


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_everything_is_restored(implementation):
    model, batch = build("bart"), make_batch("right")
    model.set_attn_implementation(implementation)
    model(**batch)
    with record_attention(model) as outer:
        with record_attention(model) as inner:
            model(**batch)
        model(**batch)
    assert (len(outer.forwards), len(inner.forwards)) == (2, 1)
    with pytest.raises(IndexError), record_attention(model) as record:
        model(input_ids=torch.full((B, S), 999))
    assert record.forwards == []
    assert {m.config._attn_implementation for m in model.modules() if hasattr(m, "config")} == {implementation}
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    with record_attention(model) as record:  # still works after the failure
        model(**batch)
    assert len(record) == B


def test_a_failed_forward_leaves_the_record_usable():
    model, batch = build("ours"), make_batch("right")
    with record_attention(model) as record:
        with pytest.raises(ValueError, match="hold 999"):
            model(input_ids=torch.full((B, S), 999), labels=batch["labels"])
        model(**batch)
    assert_record_equals(record, eager_weights(model, batch))


def test_threads_do_not_see_each_other():
    model, batch = build("ours"), make_batch("right")
    both_inside, records = threading.Barrier(2), {}

    def work(name, passes):
        with record_attention(model) as record:
            both_inside.wait(timeout=10)
            for _ in range(passes):
                model(**batch)
        records[name] = len(record.forwards)

    threads = [threading.Thread(target=work, args=arguments) for arguments in (("one", 1), ("three", 3))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert records == {"one": 1, "three": 3}
    assert model.config._attn_implementation == "sdpa"
