"""Two vocabularies, one for each language, and a bias of the logits."""

import pytest
import torch
from small_models import B, S, T, V, make_model
from transformers import AutoModel, AutoModelForSeq2SeqLM

TARGET_V = 29
TWO = {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": TARGET_V, "logits_bias": True}


@pytest.fixture
def ids():
    generator = torch.Generator().manual_seed(1)
    source, target = torch.randint(2, V, (B, S), generator=generator), torch.randint(2, 23, (B, T), generator=generator)
    source[0, 0] = V - 1  # that the target does not have
    return source, target


@pytest.fixture(params=[True, False], ids=["tied", "untied"])
def model(request):
    return make_model(**TWO, tie_word_embeddings=request.param)


def logits_of(model, ids):
    with torch.no_grad():
        return model(ids[0], decoder_input_ids=ids[1]).logits


def is_tied(model):
    return model.lm_head.weight is model.model.decoder.embed_tokens.weight


def test_each_language_has_its_embedding(model, ids):
    body = model.model
    assert (body.encoder.embed_tokens.num_embeddings, body.decoder.embed_tokens.num_embeddings) == (V, TARGET_V)
    assert body.get_input_embeddings() is body.encoder.embed_tokens
    assert not hasattr(body, "shared")
    assert is_tied(model) == model.config.tie_word_embeddings
    assert logits_of(model, ids).shape == (B, T, TARGET_V)


def test_saves_and_loads(model, ids, tmp_path):
    model.save_pretrained(tmp_path)
    loaded, info = AutoModelForSeq2SeqLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert is_tied(loaded) == is_tied(model)
    assert torch.equal(logits_of(loaded, ids), logits_of(model, ids))
    body = AutoModel.from_pretrained(tmp_path)
    expected = model.model(ids[0], decoder_input_ids=ids[1]).last_hidden_state
    assert torch.equal(body(ids[0], decoder_input_ids=ids[1]).last_hidden_state, expected)


def test_the_bias_moves_the_logits(ids):
    model = make_model(logits_bias=True)
    bias = model.final_logits_bias.clone()
    biased = logits_of(model, ids)
    model.final_logits_bias.zero_()
    torch.testing.assert_close(biased, logits_of(model, ids) + bias)


def test_the_chunked_loss_is_that_of_all_logits(model, ids):
    losses = [model(ids[0], labels=ids[1], skip_logits=skip, label_smoothing=0.1).loss for skip in (False, True)]
    gradients = [torch.autograd.grad(loss, model.model.encoder.embed_tokens.weight)[0] for loss in losses]
    torch.testing.assert_close(losses[1], losses[0])
    torch.testing.assert_close(gradients[1], gradients[0])


@pytest.mark.parametrize("search", [{"num_beams": 1}, {"num_beams": 3}])
def test_a_cache_changes_no_text(model, ids, search):
    texts = [
        model.generate(ids[0], max_new_tokens=T, no_repeat_ngram_size=1, eos_token_id=None, use_cache=cache, **search)
        for cache in (True, False)
    ]
    assert len(texts[0].unique()) > T
    assert torch.equal(texts[0], texts[1])


@pytest.mark.parametrize("size", [31, 41])
def test_the_vocabulary_of_the_source_is_resized_alone(model, ids, size, tmp_path):
    ids[0].clamp_(max=30)
    before = logits_of(model, ids)
    model.resize_token_embeddings(size)
    assert (model.config.vocab_size, model.config.decoder_vocab_size) == (size, TARGET_V)
    assert torch.equal(logits_of(model, ids), before)
    model.save_pretrained(tmp_path)
    assert torch.equal(logits_of(AutoModelForSeq2SeqLM.from_pretrained(tmp_path), ids), before)


@pytest.mark.parametrize("size", [23, 41])
def test_the_vocabulary_of_the_target_is_resized_alone(model, ids, size, tmp_path):
    before = logits_of(model, ids)
    model.resize_decoder_token_embeddings(size)
    assert (model.config.vocab_size, model.config.decoder_vocab_size) == (V, size)
    assert model.lm_head.out_features == model.model.decoder.embed_tokens.num_embeddings == size
    assert is_tied(model) == model.config.tie_word_embeddings
    after = logits_of(model, ids)
    assert after.shape == (B, T, size)
    kept = min(size, TARGET_V)
    torch.testing.assert_close(after[..., :kept], before[..., :kept])
    assert not model.final_logits_bias[:, kept:].any()
    model.save_pretrained(tmp_path)
    assert torch.equal(logits_of(AutoModelForSeq2SeqLM.from_pretrained(tmp_path), ids), after)


def test_one_vocabulary_is_resized_on_both_sides(ids):
    model = make_model(logits_bias=True)
    before = logits_of(model, ids)
    model.resize_token_embeddings(41)
    assert model.config.decoder_vocab_size == 41
    torch.testing.assert_close(logits_of(model, ids)[..., :V], before)
    with pytest.raises(ValueError, match="share one vocabulary"):
        model.resize_decoder_token_embeddings(43)
