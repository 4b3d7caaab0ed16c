"""The translation pipeline where the package is imported: any codes of languages, and mistakes in one line."""

from typing import Any

from ..languages import choose_code
from ..model import pipeline_translation
from ..text.multilingual import before_source, source_marks, task_prefixes, tokenizer_codes


class TranslationPipeline(pipeline_translation.TranslationPipeline):
    """Translate texts with `generate`: the pipeline that travels with checkpoints, for codes of any kind.

    `src_lang="en"` is `eng_Latn` for NLLB and `en_XX` for mBART; so is the task `translation_en_to_es`.
    """

    def _set_languages(self, source: str | None, target: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Find what a model of many languages wants. Raises `UserError` for a language that there is not."""
        name = self.model.name_or_path or "the model"
        if codes := tokenizer_codes(self.tokenizer):
            source, target = _chosen(source, codes, "src_lang", name), _chosen(target, codes, "tgt_lang", name)
        elif marks := source_marks(self.tokenizer):
            target = _chosen(target, marks, "tgt_lang", name)
        elif tasks := task_prefixes(self.model):
            source = _chosen(source, dict.fromkeys(pair[0] for pair in tasks), "src_lang", name)
            target = _chosen(target, dict.fromkeys(pair[1] for pair in tasks), "tgt_lang", name)
        return super()._set_languages(source, target)

    def preprocess(self, input_: str, *args: Any, **settings: Any) -> dict[str, Any]:
        """Tokenize one text. Raises `UserError` for a model that needs the mark of a language, and gets none."""
        if isinstance(input_, str) and not settings.get("prefix"):
            before_source(self.tokenizer, input_)
        return super().preprocess(input_, *args, **settings)


def _chosen(typed: str | None, codes: Any, option: str, name: str) -> str | None:
    return None if typed is None else choose_code(typed, codes, option, name)
