"""What must hold of the whole model: against itself in other modes, and against MarianMT."""

import copy

import pytest
import torch
from small_models import BUILDS, B, D, S, T, V, build_name, make_model
from transformers import AutoModel, AutoModelForSeq2SeqLM, MarianConfig, MarianMTModel
from transformers.modeling_outputs import BaseModelOutput

from hf_attn_model import AttnForConditionalGeneration, AttnModel


def pad_ids(row, length, side):
    """One row of ids (1,n) -> ids and mask (1,length), padded on one side."""
    padding = torch.zeros(1, length - row.shape[1], dtype=torch.long)
    ones = torch.ones_like(row)
    order = (row, padding) if side == "right" else (padding, row)
    mask = (ones, padding) if side == "right" else (padding, ones)
    return torch.cat(order, dim=1), torch.cat(mask, dim=1)


def test_output_shapes(model, ids):
    model.set_attn_implementation("eager")
    source, target = ids
    outputs = model(source, decoder_input_ids=target, output_attentions=True, output_hidden_states=True)
    assert outputs.logits.shape == (B, T, V)
    assert [weights.shape for weights in outputs.encoder_attentions] == [(B, 3, S, S)] * 2
    assert [weights.shape for weights in outputs.decoder_attentions] == [(B, 5, T, T)] * 3
    assert [weights.shape for weights in outputs.cross_attentions] == [(B, 5, T, S)] * 3
    assert [states.shape for states in outputs.encoder_hidden_states] == [(B, S, D)] * 3
    assert [states.shape for states in outputs.decoder_hidden_states] == [(B, T, D)] * 4


def test_eager_equals_sdpa_in_outputs_and_gradients(model, ids):
    source, labels = ids
    mask = torch.ones_like(source)
    mask[1, 4:] = 0
    twin = copy.deepcopy(model)
    model.set_attn_implementation("eager")
    twin.set_attn_implementation("sdpa")
    ours, theirs = (each(source, attention_mask=mask, labels=labels) for each in (model, twin))
    torch.testing.assert_close(ours.logits, theirs.logits, atol=1e-5, rtol=0)
    ours.loss.backward()
    theirs.loss.backward()
    for (name, parameter), other in zip(model.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad, atol=1e-5, rtol=0, msg=name)


def test_equals_marian_with_copied_weights(ids):
    sizes = {
        "vocab_size": V,
        "d_model": 24,
        "encoder_layers": 2,
        "decoder_layers": 3,
        "encoder_attention_heads": 3,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 17,
        "decoder_ffn_dim": 19,
        "max_position_embeddings": 61,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
        "scale_embedding": True,
        "activation_function": "gelu",
    }
    torch.manual_seed(0)
    marian = MarianMTModel(MarianConfig(**sizes, forced_eos_token_id=None)).eval()
    model = make_model(**sizes, head_dim=None, norm_position="post")
    missing, unexpected = model.load_state_dict(marian.state_dict(), strict=False)
    assert not missing
    extra = {"final_logits_bias", "model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight"}
    assert set(unexpected) == extra

    source, labels = ids
    mask = torch.ones_like(source)
    mask[1, 5:] = 0
    ours, theirs = (each(source, attention_mask=mask, labels=labels) for each in (model, marian))
    torch.testing.assert_close(ours.logits, theirs.logits, atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.loss, theirs.loss, atol=1e-5, rtol=0)
    beams = [each.generate(source, attention_mask=mask, num_beams=3, max_new_tokens=11) for each in (model, marian)]
    assert torch.equal(*beams)


def copy_layer(ours, theirs):
    """Copy the weights of one of our layers into one of PyTorch's."""
    pairs = [(ours.fc1, theirs.linear1), (ours.fc2, theirs.linear2), (ours.self_attn_layer_norm, theirs.norm1)]
    attentions = [(ours.self_attn, theirs.self_attn)]
    if hasattr(ours, "encoder_attn"):
        attentions.append((ours.encoder_attn, theirs.multihead_attn))
        pairs += [(ours.encoder_attn_layer_norm, theirs.norm2), (ours.final_layer_norm, theirs.norm3)]
    else:
        pairs.append((ours.final_layer_norm, theirs.norm2))
    for our_attention, their_attention in attentions:
        projections = [our_attention.q_proj, our_attention.k_proj, our_attention.v_proj]
        their_attention.in_proj_weight.copy_(torch.cat([projection.weight for projection in projections]))
        their_attention.in_proj_bias.copy_(torch.cat([projection.bias for projection in projections]))
        pairs.append((our_attention.out_proj, their_attention.out_proj))
    for our_part, their_part in pairs:
        their_part.load_state_dict(our_part.state_dict())


@torch.no_grad()
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_pre_norm_equals_the_transformer_of_pytorch(ids):
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "decoder_ffn_dim": 17, "head_dim": None}
    model = make_model(norm_position="pre", **heads)
    for parameter in model.parameters():  # norms and biases too, which start at 1 and 0
        parameter.add_(torch.randn_like(parameter), alpha=0.1)
    pytorchs = torch.nn.Transformer(D, 2, 2, 3, 17, dropout=0.0, batch_first=True, norm_first=True).eval()
    body = model.model
    for ours, theirs in ((body.encoder, pytorchs.encoder), (body.decoder, pytorchs.decoder)):
        theirs.norm.load_state_dict(ours.layer_norm.state_dict())
        for our_layer, their_layer in zip(ours.layers, theirs.layers, strict=True):
            copy_layer(our_layer, their_layer)

    source, target = ids
    mask = torch.ones_like(source)
    mask[1, 4:] = 0
    source_vectors, target_vectors = (
        body.shared(side) + body.encoder.embed_positions(torch.arange(side.shape[1])[None]) for side in ids
    )
    expected = pytorchs(
        source_vectors,
        target_vectors,
        tgt_mask=torch.ones(T, T).triu(1).bool(),
        src_key_padding_mask=mask == 0,
        memory_key_padding_mask=mask == 0,
    )
    states = body(source, attention_mask=mask, decoder_input_ids=target).last_hidden_state
    torch.testing.assert_close(states, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_future_token_never_changes_the_past(model, ids, implementation):
    model.set_attn_implementation(implementation)
    source, target = ids
    before = model(source, decoder_input_ids=target).logits
    for position in range(1, T):
        changed = target.clone()
        changed[:, position] = (changed[:, position] - 1) % (V - 2) + 2
        after = model(source, decoder_input_ids=changed).logits
        torch.testing.assert_close(after[:, :position], before[:, :position], atol=1e-6, rtol=0)
        assert not torch.allclose(after[:, position], before[:, position], atol=1e-6)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_never_changes_the_rest(model, ids, implementation, side):
    model.set_attn_implementation(implementation)
    source, target = ids[0][:1, :4], ids[1][:1, :3]
    target[:, 0] = 0  # the start mark, which a mask cannot take for padding
    alone = model(source, decoder_input_ids=target).logits

    padded_source, source_mask = pad_ids(source, S, side)
    padded_target, target_mask = pad_ids(target, T, side)
    batch = model(
        torch.cat([padded_source, ids[0][1:]]),
        attention_mask=torch.cat([source_mask, torch.ones(1, S, dtype=torch.long)]),
        decoder_input_ids=torch.cat([padded_target, ids[1][1:]]),
        decoder_attention_mask=torch.cat([target_mask, torch.ones(1, T, dtype=torch.long)]),
    ).logits
    torch.testing.assert_close(batch[:1][target_mask.bool()][None], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_cached_equals_uncached_logits(model, ids, implementation):
    model.set_attn_implementation(implementation)
    source, target = ids
    mask = torch.ones_like(source)
    mask[1, :3] = 0
    expected = model(source, attention_mask=mask, decoder_input_ids=target).logits
    encoder_outputs = model.get_encoder()(source, attention_mask=mask)
    cache = None
    for step in range(T):
        outputs = model(
            encoder_outputs=encoder_outputs,
            attention_mask=mask,
            decoder_input_ids=target[:, step : step + 1],
            past_key_values=cache,
            use_cache=True,
        )
        cache = outputs.past_key_values
        torch.testing.assert_close(outputs.logits[:, 0], expected[:, step], atol=1e-5, rtol=0)


def test_encoder_outputs_may_be_a_tuple(model, ids):
    source, target = ids
    states = model.get_encoder()(source).last_hidden_state
    as_tuple = model(encoder_outputs=(states,), decoder_input_ids=target).logits
    as_output = model(encoder_outputs=BaseModelOutput(states), decoder_input_ids=target).logits
    assert torch.equal(as_tuple, as_output)


def test_loss_is_cross_entropy_of_the_returned_logits(model, ids):
    source, labels = ids
    labels[1, 3:] = -100
    outputs = model(source, labels=labels)
    log_probabilities = outputs.logits.log_softmax(-1)
    chosen = [log_probabilities[b, t, labels[b, t]] for b in range(B) for t in range(T) if labels[b, t] != -100]
    torch.testing.assert_close(outputs.loss, -torch.stack(chosen).mean())
    halved = model(source, labels=labels, num_items_in_batch=2 * len(chosen))
    torch.testing.assert_close(halved.loss, outputs.loss / 2)


def test_skipping_logits_changes_neither_loss_nor_gradient(model, ids):
    source, labels = ids
    labels[1, 3:] = -100
    # the start mark is a vector of zeros: where nothing is added to it, a norm makes its gradients 300 times as large
    torch.nn.init.normal_(model.model.shared.weight, std=D**-0.5)
    twin = copy.deepcopy(model)
    skipped = model(source, labels=labels, label_smoothing=0.1, skip_logits=True)
    full = twin(source, labels=labels, label_smoothing=0.1)
    assert skipped.logits is None
    torch.testing.assert_close(skipped.loss, full.loss)
    smoothed = torch.nn.functional.cross_entropy(full.logits.flatten(0, 1), labels.flatten(), label_smoothing=0.1)
    torch.testing.assert_close(full.loss, smoothed)
    skipped.loss.backward()
    full.loss.backward()
    for parameter, other in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, other.grad, atol=1e-6, rtol=0)


@pytest.mark.parametrize("tied", [True, False])
def test_save_and_load_is_exact(tmp_path, ids, tied):
    model = make_model(tie_word_embeddings=tied)
    source, target = ids
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert type(loaded) is AttnForConditionalGeneration
    for (name, parameter), other in zip(model.named_parameters(), loaded.named_parameters(), strict=True):
        assert name == other[0]
        assert torch.equal(parameter, other[1])
    assert torch.equal(model(source, decoder_input_ids=target).logits, loaded(source, decoder_input_ids=target).logits)

    base = AutoModel.from_pretrained(tmp_path)
    assert type(base) is AttnModel
    states = base(source, decoder_input_ids=target).last_hidden_state
    torch.testing.assert_close(loaded.lm_head(states), loaded(source, decoder_input_ids=target).logits)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_loads_in_half_precision(tmp_path, model, ids, dtype, implementation):
    source, target = ids
    expected = model(source, decoder_input_ids=target).logits
    model.save_pretrained(tmp_path)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path, dtype=dtype, attn_implementation=implementation)
    logits = loaded(source, decoder_input_ids=target).logits
    assert logits.dtype == dtype
    torch.testing.assert_close(logits.float(), expected, atol=16 * torch.finfo(dtype).eps, rtol=0)


def test_tied_embeddings_are_one_tensor():
    model = make_model()
    addresses = {
        module.weight.data_ptr()
        for module in (model.model.shared, model.model.encoder.embed_tokens, model.model.decoder.embed_tokens)
    }
    assert addresses == {model.lm_head.weight.data_ptr()}
    untied = make_model(tie_word_embeddings=False)
    assert untied.lm_head.weight.data_ptr() != untied.model.shared.weight.data_ptr()


def test_word_vectors_may_stand_in_for_ids(model, ids):
    source, target = ids
    embed = model.get_input_embeddings()
    by_vectors = model(inputs_embeds=embed(source), decoder_inputs_embeds=embed(target)).logits
    torch.testing.assert_close(by_vectors, model(source, decoder_input_ids=target).logits)
    with pytest.raises(ValueError, match="either input_ids or inputs_embeds"):
        model(source, inputs_embeds=embed(source), decoder_input_ids=target)


@pytest.mark.parametrize("build", BUILDS, ids=build_name)
def test_one_batch_overfits(ids, build):
    model = make_model(**build).train()
    source, labels = ids
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(60):
        loss = model(source, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.05
    greedy = model.eval().generate(source, max_new_tokens=T, eos_token_id=None)
    assert torch.equal(greedy[:, 1:], labels)
