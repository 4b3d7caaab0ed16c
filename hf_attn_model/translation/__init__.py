"""Translation: sentences -> hypotheses as the search wrote them -> texts."""

from .search import best_translations, translate, translate_to_ids

__all__ = ["best_translations", "translate", "translate_to_ids"]
