"""Translation: sentences -> hypotheses as the search wrote them -> texts.

Reading order: `settings` -> `hypotheses` (a batch), with `sampling` -> `engine` (what searches) -> `search` (a list);
`batches`, `parts` -> `stream` (rows without end), with `sentences` and `risk`; `stage` (batches of
any table); `formats` (how they are written down).
"""

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .engine import Engine
    from .hypotheses import Translation
    from .search import best_translations, translate, translate_to_ids
    from .sentences import sentence_splitter
    from .settings import Sampling, SearchSettings
    from .stage import TranslateBatch
    from .stream import TranslatedRow, translate_stream

_HOMES = {  # loaded when used: settings are checked before torch is imported
    "engine": ("Engine",),
    "hypotheses": ("Translation",),
    "search": ("best_translations", "translate", "translate_to_ids"),
    "sentences": ("sentence_splitter",),
    "settings": ("Sampling", "SearchSettings"),
    "stage": ("TranslateBatch",),
    "stream": ("TranslatedRow", "translate_stream"),
}

__all__ = [
    "Engine",
    "Sampling",
    "SearchSettings",
    "TranslateBatch",
    "TranslatedRow",
    "Translation",
    "best_translations",
    "sentence_splitter",
    "translate",
    "translate_stream",
    "translate_to_ids",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
