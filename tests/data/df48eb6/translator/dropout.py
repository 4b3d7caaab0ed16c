"""Dropout that draws 16 random bits for each number where PyTorch draws a float: on a CPU the drawing is what costs."""

import torch
from torch import nn

LEVELS = 2**16


class Dropout(nn.Dropout):
    """`nn.Dropout` whose probability is rounded to a multiple of 2^-16 when it trains on a CPU.

    Attributes:
        draws_bits: take the quick way on a CPU; without it this is `nn.Dropout`.
    """

    draws_bits = True

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Set each number to zero with probability p, and scale the others such that the mean stays."""
        dropped = round(self.p * LEVELS)
        if not self.training or not 0 < dropped < LEVELS or not self.draws_bits or input.device.type != "cpu":
            return super().forward(input)
        return _DropByBits.apply(input, dropped)


class _DropByBits(torch.autograd.Function):
    """Keep what draws at least `dropped` out of 0..65535."""

    @staticmethod
    def forward(ctx, input, dropped):
        words = torch.empty(-(-input.numel() // 4), dtype=torch.int64).random_(-(2**63), None)  # 4 draws in a word
        draws = words.view(torch.int16)[: input.numel()].view(input.shape)
        kept = draws >= dropped - LEVELS // 2
        scale = kept.to(input.dtype).mul_(LEVELS / (LEVELS - dropped))
        ctx.save_for_backward(scale)
        return input * scale

    @staticmethod
    def backward(ctx, gradient):
        (scale,) = ctx.saved_tensors
        return gradient * scale, None
