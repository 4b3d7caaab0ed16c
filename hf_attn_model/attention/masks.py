"""MaskFolder: a mask (B,1,T,S) is folded into what it says, padding and causality, in memory that grows with S alone.

Shapes: B batch, T queries, S keys.
"""

from dataclasses import replace

import torch

from .steps import AttentionCall


class MaskFolder:
    """Folds the masks of one forward pass; layers share their masks, so that each is looked at once."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[torch.Tensor, tuple | None]] = {}  # the mask is kept: its id stays its own

    def fold(self, call: AttentionCall) -> AttentionCall:
        """Replace a mask (B,1,T,S) by padding (B,S) and `causal`, where they say the same; else change nothing."""
        mask = call.mask
        if not isinstance(mask, torch.Tensor) or mask.ndim != 4:
            return call
        if id(mask) not in self._seen:
            self._seen[id(mask)] = (mask, _fold(mask[..., : call.key.shape[2]]))
        folded = self._seen[id(mask)][1]
        if folded is None or (call.query.shape[0] != len(mask) and folded[0] is not None):
            return call
        padding, offset = folded
        return replace(call, mask=padding, causal=offset is not None, causal_offset=offset or 0)

    def forget(self) -> None:
        """Let the masks go, at the end of the pass."""
        self._seen.clear()


def _fold(mask: torch.Tensor) -> tuple[torch.Tensor | None, int | None] | None:
    """Find padding (B,S) and the causal offset which together are `mask`; `None` if there are none.

    The padding is `None` where nothing is padded, the offset `None` where nothing is causal.
    """
    batch, heads, queries, keys = mask.shape
    if heads != 1:
        return None
    visible = mask if mask.dtype == torch.bool else mask == 0
    if mask.dtype != torch.bool and not (visible | (mask <= torch.finfo(mask.dtype).min)).all():
        return None  # it adds something else than 0 and the most negative number
    padding = visible[:, 0, -1]  # the last query sees the most
    square = torch.ones(queries, keys, dtype=torch.bool, device=mask.device)
    for offset in (None, keys - queries):
        reach = square if offset is None else square.tril(offset)
        if torch.equal(visible, (reach & padding[:, None, None]).expand(batch, 1, queries, keys)):
            return None if padding.all() else padding.clone(), offset
    return None
