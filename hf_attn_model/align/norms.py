"""Attention weights times what they carry: ||Σ_h α_h f_h(x)||, the length of what a query gets from a key.

A head adds to the output, from key j, its weight α_ij times f(x_j): the value of x_j (bias included) under the head's
part of the output projection. A key that is looked at much, but carries next to nothing, such as the end mark, has a
short f(x_j). Kobayashi et al. (2020), "Attention is Not Only a Weight: Analyzing Transformers with Vector Norms".

Shapes: H heads, T queries, S keys, K head_dim, D d_model.
"""

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from ..errors import UserError
from ..maps.record import place_of

OUTPUT_PROJECTIONS = ("out_proj", "o", "o_proj")  # BART's family and ours, T5, T5Gemma


def output_projections(model: PreTrainedModel) -> dict[int, torch.Tensor]:
    """Find the weight (D,H*K) of the output projection of cross-attention in each layer.

    Raises:
        UserError: the model has no cross-attention with an output projection of a known name.
    """
    found = {}
    for path, module in model.named_modules():
        place = place_of(path)
        names = [name for name in OUTPUT_PROJECTIONS if isinstance(getattr(module, name, None), nn.Module)]
        if place is not None and place[0] == "cross" and names:
            found[place[1]] = getattr(module, names[0]).weight.detach()
    if not found:
        raise UserError(
            f"norms: {type(model).__name__} has no output projection called {', '.join(OUTPUT_PROJECTIONS)}"
        )
    return found


def head_products(value: torch.Tensor, projection: torch.Tensor) -> torch.Tensor:
    """Dot products of what each two heads carry from a key: (H,S,K), (D,H*K) -> (S,H,H).

    The length of any weighted sum over heads follows from them, without a vector of size D for every query and key.
    """
    heads, _, size = value.shape
    per_head = projection.unflatten(1, (heads, size)).to(value.dtype)
    carried = torch.einsum("hsk,dhk->shd", value, per_head)  # f_h(x_j)
    return carried @ carried.mT  # (S,H,D) @ (S,D,H) -> (S,H,H)


def norms(weights: np.ndarray, products: np.ndarray) -> np.ndarray:
    """||Σ_h α_h f_h(x)|| of the heads given, together: (H,T,S), (S,H,H) -> (T,S)."""
    squared = np.einsum("hts,shg,gts->ts", weights, products, weights)
    return np.sqrt(np.maximum(squared, 0))  # rounding may leave a zero below zero
