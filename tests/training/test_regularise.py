import pytest
import torch

from hf_attn_model.training.regularise import duplicate_batch, word_dropout

B, S, T, PAD = 97, 31, 37, 0


@pytest.fixture
def batch():
    return {
        "input_ids": torch.randint(2, 11, (B, S)),
        "attention_mask": torch.ones(B, S, dtype=torch.int64),
        "decoder_input_ids": torch.randint(2, 11, (B, T)),
        "labels": torch.randint(2, 11, (B, T)),
    }


def test_words_are_hidden_at_the_rate_and_nothing_else_changes(batch):
    torch.manual_seed(0)
    hidden = word_dropout(batch, 0.2, PAD)
    for name in ("input_ids", "decoder_input_ids"):
        gone = hidden[name] == PAD
        assert torch.equal(hidden[name][~gone], batch[name][~gone])
        assert abs(gone.float().mean() - 0.2) < 4 * (0.2 * 0.8 / gone.numel()) ** 0.5 + 1 / T
    assert (hidden["decoder_input_ids"][:, 0] != PAD).all(), "the start mark is hidden"
    for name in ("attention_mask", "labels"):
        assert torch.equal(hidden[name], batch[name])
    assert (batch["input_ids"] != PAD).all(), "the batch itself was changed"


def test_a_rate_of_one_hides_all_but_the_start(batch):
    hidden = word_dropout(batch, 1.0, PAD)
    assert not hidden["input_ids"].any()
    assert not hidden["decoder_input_ids"][:, 1:].any()


def test_twice_puts_one_half_after_the_other(batch):
    doubled = duplicate_batch(batch)
    for name, tensor in batch.items():
        first, second = doubled[name].chunk(2)
        assert torch.equal(first, tensor)
        assert torch.equal(second, tensor)
