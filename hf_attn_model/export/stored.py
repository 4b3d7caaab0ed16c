"""StoredMap: the attention of one sentence in one place, read from a shard when it is asked for.

Shapes: L layers, H heads, T queries, S keys, K head_dim.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..attention.steps import rebuild_weights
from ..errors import UserError
from .schema import Layout


@dataclass(frozen=True, eq=False, repr=False)
class StoredMap:
    """A map on disk: `stored[layer, head]` is (T,S), `stored[layer]` (H,T,S), `np.asarray(stored)` (L,H,T,S).

    Layers and heads are called by their numbers in the model, also where only some were stored. What comes out are
    attention weights in float32, whatever was kept; nothing else of the shard is read.

    Attributes:
        layout: what is kept of each sentence.
        place: "encoder", "decoder" or "cross".
        shape: (L,H,T,S).
        columns: the flat numbers of each column, views of the shard.
    """

    layout: Layout
    place: str
    shape: tuple[int, int, int, int]
    columns: Mapping[str, np.ndarray]

    def __repr__(self) -> str:
        return f"StoredMap({self.place} {self.shape}, from {self.layout.keep})"

    @property
    def layers(self) -> tuple[int, ...]:
        """The numbers of the layers that were stored."""
        return self.layout.places[self.place].layers

    @property
    def heads(self) -> tuple[int, ...]:
        """The numbers of the heads that were stored."""
        return self.layout.places[self.place].heads

    @property
    def ndim(self) -> int:
        """Four."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """What the weights are read as: float32."""
        return np.dtype(np.float32)

    def __len__(self) -> int:
        """Return the number of layers."""
        return self.shape[0]

    def __getitem__(self, key: int | tuple[int, int]) -> np.ndarray:
        """Read one map or all heads of a layer. Raises `IndexError` for a layer or head that was not stored."""
        return self._weights(self._position(key))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Read all layers and heads, (L,H,T,S)."""
        if copy is False:
            raise ValueError("a stored map is made into an array: it cannot be one without a copy")
        return self._weights(()).astype(dtype or np.float32, copy=False)

    def rest(self, layer: int, head: int) -> np.ndarray:
        """Return, for each row, the attention that was left out: (T,) float32.

        Raises:
            UserError: the whole map was kept.
        """
        if f"{self.place}_rest" not in self.columns:
            raise UserError(f"the export keeps {self.layout.keep}: nothing was left out")
        return self._column(f"{self.place}_rest")[self._position((layer, head))].astype(np.float32)

    def _position(self, key: int | tuple[int, ...]) -> tuple[int, ...]:
        """Find layer and head among those stored."""
        numbers = key if isinstance(key, tuple) else (key,)
        position = []
        for kind, stored, number in zip(("layer", "head"), (self.layers, self.heads), numbers, strict=False):
            if number not in stored:
                raise IndexError(f"{self.place} {kind} {number} was not stored; there are {list(stored)}")
            position.append(stored.index(number))
        return tuple(position)

    def _column(self, name: str) -> np.ndarray:
        return self.columns[name].reshape(self.layout.columns(self.place, self.shape)[name])

    def _weights(self, at: tuple[int, ...]) -> np.ndarray:
        """Read or rebuild the weights (..,T,S) of all maps, of those of a layer, or of one."""
        if self.layout.keep == "weights":
            return self._column(self.place)[at].astype(np.float32)
        if self.layout.keep == "qk":
            return self._rebuild(at)
        strongest = self._column(self.place)[at].astype(np.float32)  # (..,T,k)
        weights = np.zeros((*strongest.shape[:-1], self.shape[-1]), np.float32)
        np.put_along_axis(weights, self._column(f"{self.place}_keys")[at].astype(np.intp), strongest, axis=-1)
        return weights

    def _rebuild(self, at: tuple[int, ...]) -> np.ndarray:
        """Make scores and weights (..,T,S) from queries (..,T,K) and keys (..,S,K)."""
        stored = self.layout.places[self.place]
        sharing = len(stored.heads) // stored.key_heads
        query, keys = self._column(f"{self.place}_query")[at], self._column(f"{self.place}_key")
        key = keys[at[0], at[1] // sharing] if len(at) == 2 else np.repeat(keys[at], sharing, axis=-3)  # G -> H
        return rebuild_weights(query, key, stored.scaling, is_causal=self.place == "decoder")
