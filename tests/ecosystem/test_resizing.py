"""resize_token_embeddings: a vocabulary grows or shrinks, and nothing else changes."""

import pytest
import torch
from small_models import B, S, T, V, make_model
from transformers import AutoModelForSeq2SeqLM

KEPT = 31  # ids below it exist in every vocabulary here


@pytest.fixture
def ids():
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randint(2, KEPT, (B, length), generator=generator) for length in (S, T))


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
@pytest.mark.parametrize("size", [KEPT, 41])
class TestResized:
    @pytest.fixture
    def before(self, tied):
        return make_model(tie_word_embeddings=tied)

    @pytest.fixture
    def resized(self, size, tied):
        model = make_model(tie_word_embeddings=tied)
        model.resize_token_embeddings(size)
        return model

    def test_every_part_has_the_new_size(self, resized, size, tied):
        body = resized.model
        for owner in (body.shared, body.encoder.embed_tokens, body.decoder.embed_tokens):
            assert owner.weight.shape[0] == owner.num_embeddings == size
            assert owner.padding_idx == resized.config.pad_token_id == 0
            assert not owner.weight[0].any()
            assert owner.weight.data_ptr() == body.shared.weight.data_ptr()
        assert resized.lm_head.weight.shape[0] == resized.lm_head.out_features == size
        assert (resized.lm_head.weight.data_ptr() == body.shared.weight.data_ptr()) == tied
        assert resized.config.vocab_size == size

    def test_old_words_keep_their_logits(self, before, resized, ids, size):
        source, target = ids
        kept = min(size, V)
        old, new = (model(source, decoder_input_ids=target).logits[..., :kept] for model in (before, resized))
        assert torch.equal(new, old)

    def test_trains_and_translates(self, resized, ids, size, tied):
        source, labels = ids
        labels[0, 0] = source[0, 0] = size - 1  # the last word: a new one where the vocabulary grew
        optimizer = torch.optim.Adam(resized.parameters(), lr=5e-3)
        for _ in range(60):
            loss = resized.train()(source, labels=labels).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        text = resized.eval().generate(source, max_new_tokens=T, eos_token_id=None)
        assert torch.equal(text[:, 1:], labels)
        assert resized.model.shared.weight[0].any() == tied  # padding is trained as an output, never as an input

    def test_saves_and_loads(self, resized, ids, size, tmp_path):
        resized.save_pretrained(tmp_path)
        loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
        assert loaded.config.vocab_size == size
        source, target = ids
        ours, theirs = (model(source, decoder_input_ids=target).logits for model in (loaded, resized))
        assert torch.equal(ours, theirs)


def test_pads_the_vocabulary_to_a_multiple():
    model = make_model()
    model.resize_token_embeddings(V, pad_to_multiple_of=8)
    assert model.config.vocab_size == model.lm_head.weight.shape[0] == 40
