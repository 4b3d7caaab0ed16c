"""Batches made harder for training: words left out, and every pair twice for R-Drop.

Shapes: B batch, S source length, T target length.
"""

import torch


def word_dropout(batch: dict[str, torch.Tensor], rate: float, pad_token_id: int) -> dict[str, torch.Tensor]:
    """Hide a share of the words that the model reads, on both sides (Gal and Ghahramani, 2016, section 4.2).

    A hidden word is replaced by the pad token, whose vector is zero, and stays where it is: its place can be attended
    to, and labels are untouched. The start mark of the decoder is never hidden.

    Args:
        batch: with `input_ids` (B,S) and `decoder_input_ids` (B,T).
        rate: the probability with which a word is hidden; drawn from torch's generator of the device.
        pad_token_id: of the model.
    """
    source, target = batch["input_ids"], batch["decoder_input_ids"]
    hidden = torch.rand(target.shape, device=target.device) < rate
    hidden[:, 0] = False
    return batch | {
        "input_ids": source.masked_fill(torch.rand(source.shape, device=source.device) < rate, pad_token_id),
        "decoder_input_ids": target.masked_fill(hidden, pad_token_id),
    }


def duplicate_batch(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Put every pair twice into the batch, as `r_drop` of the model reads it: all (B), then all again (2B)."""
    return {name: torch.cat([tensor, tensor]) for name, tensor in batch.items()}
