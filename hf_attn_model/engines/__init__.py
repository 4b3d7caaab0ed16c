"""The same translator elsewhere: as a stock class of transformers, and back.

Reading order: `families` (which stock class computes what, field by field) -> `weights` (the same numbers under the
other side's names) -> `checks` (logits, positions and token ids of both sides compared) -> `convert` (a folder).
`transformer_lens` is for that library alone, which finds it by itself.
"""

from .convert import Conversion, convert
from .families import FAMILIES, NATIVE, Family

__all__ = ["FAMILIES", "NATIVE", "Conversion", "Family", "convert"]
