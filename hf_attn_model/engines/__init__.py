"""The same translator elsewhere: as a stock class of transformers, and back; in CTranslate2.

Reading order: `families` (which stock class computes what, field by field) -> `weights` (the same numbers under the
other side's names) -> `checks` (logits, positions and token ids of both sides compared) -> `convert` (a folder);
`ctranslate2_spec` (our model as its graph) -> `ctranslate2` (its search) -> `ctranslate2_folder`; `choice` (what
searches). `transformer_lens` is for that library alone, which finds it by itself.
"""

from .convert import Conversion, convert
from .families import FAMILIES, NATIVE, Family

__all__ = ["FAMILIES", "NATIVE", "Conversion", "Family", "convert"]
