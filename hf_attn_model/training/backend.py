"""Which arithmetic trains fastest on this machine, and a scope in which it is used.

Nothing here is changed at import, and everything is as before when the scope ends.
"""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import PreTrainedModel

from ..model.dropout import Dropout


@dataclass(frozen=True)
class ComputeBackend:
    """How the products, the attention and the dropout of a training are computed.

    Attributes:
        bf16: autocast matrix products to bfloat16; sums, norms and weights stay float32.
        onednn: take float32 products through oneDNN instead of MKL, on a CPU.
        attention: an attention implementation of transformers.
        drop_by_bits: see `Dropout`.
    """

    bf16: bool
    onednn: bool
    attention: str
    drop_by_bits: bool

    def summary(self) -> str:
        """One line to print, such as "bf16 autocast, eager attention, dropout by bits"."""
        parts = [
            "bf16 autocast" if self.bf16 else "fp32",
            "oneDNN products" if self.onednn else "",
            f"{self.attention} attention",
            "dropout by bits" if self.drop_by_bits else "",
        ]
        return ", ".join(filter(None, parts))


STOCK = ComputeBackend(bf16=False, onednn=False, attention="sdpa", drop_by_bits=False)


def choose_backend(bf16: bool | None = None) -> ComputeBackend:
    """Choose for this machine; `bf16` decides the precision beforehand.

    The choice depends on the processor alone, not on a measurement that other work could disturb: a resumed training
    computes as it began. Plain matrix products beat fused attention on a CPU as long as sentences are short, and
    bfloat16 gains where the processor has instructions for it.
    """
    if bf16 is None:
        bf16 = gains_from_bf16()
    on_cpu = not torch.accelerator.is_available()
    return ComputeBackend(
        bf16=bf16,
        onednn=on_cpu and not bf16 and _onednn_is_faster() and _onednn_is_exact(),
        attention="eager" if on_cpu else "sdpa",
        drop_by_bits=on_cpu,
    )


def gains_from_bf16() -> bool:
    """Tell whether matrix products in bfloat16 run faster than in float32 here."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


@contextmanager
def use_backend(backend: ComputeBackend, model: PreTrainedModel) -> Iterator[None]:
    """Compute with `kernels` inside, autocast excepted, which is the Trainer's (`bf16=backend.bf16`)."""
    precision = torch.get_float32_matmul_precision()
    attention = model.config._attn_implementation
    dropouts = [module for module in model.modules() if isinstance(module, Dropout)]
    drawn = [module.draws_bits for module in dropouts]
    try:
        if backend.onednn:
            torch.set_float32_matmul_precision("medium")
        model.set_attn_implementation(backend.attention)
        for module in dropouts:
            module.draws_bits = backend.drop_by_bits
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        model.set_attn_implementation(attention)
        for module, draws_bits in zip(dropouts, drawn, strict=True):
            module.draws_bits = draws_bits


def _onednn_is_faster() -> bool:
    """Tell whether MKL keeps its best kernels from this processor: those for AVX512, from all that are not Intel's."""
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return False
    return torch.backends.cpu.get_cpu_capability() == "AVX512" and "AuthenticAMD" in _describe_processor()


def _describe_processor() -> str:
    """Read what the system says of the processor; its vendor is part of that."""
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.read_text() if cpuinfo.is_file() else platform.processor()


def _onednn_is_exact() -> bool:
    """Tell whether products that are allowed bfloat16 come out in float32 all the same: true without AMX."""
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(257, 257, generator=generator) for _ in range(2))
    exact = left.double() @ right.double()
    precision = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        error = (left @ right - exact).abs().max() / exact.abs().max()
    finally:
        torch.set_float32_matmul_precision(precision)
    return bool(error < 1e-5)  # bfloat16 would be off by 1e-3
