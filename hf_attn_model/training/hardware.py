"""What this machine gains from: bfloat16 arithmetic, and which attention implementation."""

import torch


def gains_from_bf16() -> bool:
    """Tell whether matrix products in bfloat16 run faster than in float32 here."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def attention_for_training() -> str:
    """Name the attention implementation that trains faster on sentences: plain matrix products on a CPU."""
    return "sdpa" if torch.cuda.is_available() else "eager"
