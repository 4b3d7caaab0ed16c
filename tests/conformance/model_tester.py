"""The small model that transformers' common tests build, and its inputs."""

from typing import Any, ClassVar

import torch
from transformers.testing_utils import torch_device

from hf_attn_model import AttnConfig, AttnForConditionalGeneration


class AttnModelTester:
    """Sizes, configuration and inputs, under the names by which the common tests ask for them.

    The tests take both stacks to have one number of layers and one number of heads.
    """

    causal_lm_class = AttnForConditionalGeneration  # the class that the training test trains
    is_training = True
    batch_size = 13
    encoder_seq_length = 7
    seq_length = decoder_seq_length = 5
    vocab_size = 97
    hidden_size = 22
    num_hidden_layers = 2
    num_attention_heads = 3
    choices: ClassVar[dict[str, Any]] = {}

    def get_config(self) -> AttnConfig:
        return AttnConfig(
            vocab_size=self.vocab_size,
            d_model=self.hidden_size,
            head_dim=11,
            encoder_layers=self.num_hidden_layers,
            decoder_layers=self.num_hidden_layers,
            encoder_attention_heads=self.num_attention_heads,
            decoder_attention_heads=self.num_attention_heads,
            encoder_ffn_dim=37,
            decoder_ffn_dim=41,
            dropout=0.1,
            attention_dropout=0.1,
            max_position_embeddings=67,
            pad_token_id=0,
            decoder_start_token_id=1,
            eos_token_id=2,
            **self.choices,
        )

    def prepare_config_and_inputs_for_common(self) -> tuple[AttnConfig, dict[str, torch.Tensor]]:
        source, target = (
            torch.randint(3, self.vocab_size, (self.batch_size, length), device=torch_device)
            for length in (self.encoder_seq_length, self.decoder_seq_length)
        )
        return self.get_config(), {
            "input_ids": source,
            "attention_mask": torch.ones_like(source),
            "decoder_input_ids": target,
            "decoder_attention_mask": torch.ones_like(target),
        }


class StockModelTester(AttnModelTester):
    """The same with what stock models have and ours by default has not."""

    choices: ClassVar[dict[str, Any]] = {
        "position_embedding": "learned",
        "position_offset": 2,
        "normalize_embedding": True,
        "logits_bias": True,
        "share_encoder_decoder_embeddings": False,
    }
