import pytest
from transformers import AutoConfig

from hf_attn_model import AttnConfig


def test_default_sizes_are_transformer_base():
    config = AttnConfig()
    assert (config.hidden_size, config.num_hidden_layers, config.num_attention_heads) == (512, 6, 8)


def test_save_and_load_is_exact(tmp_path):
    config = AttnConfig(d_model=22, head_dim=11, norm_position="post", attention_dropout=0.25)
    config.save_pretrained(tmp_path)
    loaded = AutoConfig.from_pretrained(tmp_path)
    assert type(loaded) is AttnConfig
    assert loaded.to_diff_dict() == config.to_diff_dict()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"d_model": 0}, "d_model must be at least 1"),
        ({"head_dim": 0}, "head_dim must be at least 1"),
        ({"d_model": 10, "decoder_attention_heads": 3, "encoder_attention_heads": 2}, "decoder_attention_heads=3"),
        ({"dropout": 1.0}, "dropout must lie in"),
        ({"max_position_embeddings": 10**9}, "max_position_embeddings must be at most 131072, got 1000000000"),
        ({"pad_token_id": 37, "vocab_size": 37}, "pad_token_id must be a token from 0 to 36, got 37"),
        ({"decoder_start_token_id": -1}, "decoder_start_token_id must be a token from 0 to 31999, got -1"),
        ({"is_decoder": True}, "is_decoder must be false"),
        ({"norm_position": "middle"}, "norm_position must be"),
        ({"position_embedding": "counted"}, "position_embedding must be"),
        ({"position_offset": -1}, "position_offset must be at least 0, got -1"),
        ({"position_offset": 2, "position_embedding": "rotary"}, "rotary positions have no position_offset, got 2"),
        ({"position_embedding": "tensor2tensor", "d_model": 3, "head_dim": 1}, "a d_model of at least 4, got 3"),
        ({"vocab_size": 31, "decoder_vocab_size": 37}, "decoder_vocab_size=37 needs share_encoder_decoder_embeddings"),
        ({"decoder_vocab_size": 0, "share_encoder_decoder_embeddings": False}, "decoder_vocab_size must be at least"),
        ({"position_embedding": "rotary", "head_dim": 7}, "even head_dim, got 7"),
        ({"position_embedding": "rotary", "d_model": 24, "decoder_attention_heads": 8}, "even head_dim, got 3"),
    ],
)
def test_impossible_sizes_are_refused(wrong, message):
    with pytest.raises(Exception, match=message):
        AttnConfig(**wrong)


def test_the_longest_sentence_and_the_last_token_are_allowed():
    config = AttnConfig(max_position_embeddings=2**17, vocab_size=37, pad_token_id=36, decoder_start_token_id=None)
    assert (config.max_position_embeddings, config.pad_token_id) == (131072, 36)


def test_heads_need_not_divide_the_width_when_head_dim_is_given():
    assert AttnConfig(d_model=10, head_dim=7, encoder_attention_heads=3, decoder_attention_heads=3).head_dim == 7
