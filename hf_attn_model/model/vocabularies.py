"""Vocabularies grow and shrink: the embeddings, the projection to the vocabulary and its bias together.

A model has one vocabulary for both languages or, without `share_encoder_decoder_embeddings`, one for each.
"""

from typing import Any

import torch
from torch import nn

from .stacks import AttnPreTrainedModel


class ResizableVocabularies(AttnPreTrainedModel):
    """What `AttnForConditionalGeneration` knows of vocabularies, under the names of Marian."""

    final_logits_bias: torch.Tensor | None

    def _resize_token_embeddings(self, new_num_tokens, pad_to_multiple_of=None, mean_resizing=True) -> nn.Module:
        """Resize the source's vocabulary, and that of the target where it is the same; as transformers asks for it."""
        if not self.config.share_encoder_decoder_embeddings:
            embeddings: Any = self.get_input_embeddings()
            resized = self._get_resized_embeddings(embeddings, new_num_tokens, pad_to_multiple_of, mean_resizing)
            self.set_input_embeddings(resized)
            return resized
        resized = super()._resize_token_embeddings(new_num_tokens, pad_to_multiple_of, mean_resizing)
        self._resize_final_logits_bias(len(resized.weight))
        self.config.decoder_vocab_size = len(resized.weight)
        return resized

    def resize_decoder_token_embeddings(self, new_num_tokens: int) -> nn.Module:
        """Resize the target's vocabulary, where it is one of its own; new rows begin near the mean of the old ones.

        Raises:
            ValueError: there is one vocabulary, which `resize_token_embeddings` resizes.
        """
        if self.config.share_encoder_decoder_embeddings:
            raise ValueError("both languages share one vocabulary: call resize_token_embeddings")
        decoder = self.get_decoder()
        decoder.embed_tokens = self._get_resized_embeddings(decoder.embed_tokens, new_num_tokens)
        self.set_output_embeddings(self._get_resized_lm_head(self.get_output_embeddings(), new_num_tokens))
        self._resize_final_logits_bias(new_num_tokens)
        self.config.decoder_vocab_size = new_num_tokens
        return decoder.embed_tokens

    def _resize_final_logits_bias(self, size: int) -> None:
        """Cut the bias (1,V), or let it begin at zero for new tokens."""
        if self.final_logits_bias is not None:
            self.final_logits_bias = nn.functional.pad(
                self.final_logits_bias, (0, size - self.final_logits_bias.shape[1])
            )
