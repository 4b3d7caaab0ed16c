"""Corpus BLEU and chrF by two protocols, each with the signature that makes the number comparable.

`evaluate` loads this file by its path and runs a copy, so it imports nothing relative.
"""

from itertools import zip_longest

import datasets
import evaluate
from sacrebleu.metrics import CHRF

from hf_attn_model.errors import UserError
from hf_attn_model.languages import language_of_bleu
from hf_attn_model.study.bleu import bleu_of_language
from hf_attn_model.training.metrics.tokenized import tokenized_bleu

DESCRIPTION = """Corpus BLEU (Papineni et al., 2002) and chrF (Popović, 2015) of the text as it is, and BLEU of
lowercased, tokenised text to compare with papers; all by sacreBLEU, with their signatures."""

INPUTS = """
Args:
    predictions: list[str], one translation for each sentence, not tokenized.
    references: list[str], or list[list[str]] with at least one reference for each sentence.
    target_lang: language of the translations, by any code; it chooses BLEU's words as sacreBLEU advises: `tokenize=zh`
        for Chinese ("zh", "cmn", "zh-TW", "zho_Hans"), `ja-mecab` for Japanese, `ko-mecab` for Korean, `13a` for all
        others, with a warning where the references are in a script without spaces.
    lowercase: whether `bleu` and `chrf` ignore case.
Returns:
    dict with `bleu`, `chrf` and `tokenized_bleu`, floats from 0 to 100, each with its `_signature`. `tokenized_bleu`
    always ignores case; its words are those of Moses, or sacreBLEU's own for "zh", "ja" and "ko".
Raises:
    UserError: a sentence has no reference, or the language's tokenizer is not installed.
"""

CITATION = """
@inproceedings{post-2018-call, title = "A Call for Clarity in Reporting {BLEU} Scores", author = "Post, Matt",
  booktitle = "Proceedings of the Third Conference on Machine Translation", year = "2018",
  url = "https://aclanthology.org/W18-6319", pages = "186--191"}
"""


class TranslationMetric(evaluate.Metric):
    """BLEU and chrF of a whole corpus, as `evaluate.load` returns it."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=DESCRIPTION,
            citation=CITATION,
            inputs_description=INPUTS,
            features=[
                datasets.Features({"predictions": text, "references": datasets.List(text)}),
                datasets.Features({"predictions": text, "references": text}),
            ],
            reference_urls=["https://github.com/mjpost/sacrebleu"],
        )

    def _compute(
        self,
        predictions: list[str],
        references: list[str] | list[list[str]],
        target_lang: str = "",
        lowercase: bool = False,
    ) -> dict[str, float | str]:
        for_each = [[texts] if isinstance(texts, str) else texts for texts in references]
        if not all(for_each):
            raise UserError(f"sentence {for_each.index([]) + 1} has no reference to compare with")
        streams = list(zip_longest(*for_each))  # sacreBLEU wants all first references, all second ones, ...
        bleu = bleu_of_language(target_lang, (text for texts in for_each for text in texts), lowercase=lowercase)
        chrf = CHRF(lowercase=lowercase)
        tokenized, tokenized_signature = tokenized_bleu(predictions, streams, language_of_bleu(target_lang))
        return {
            "bleu": bleu.corpus_score(predictions, streams).score,
            "bleu_signature": str(bleu.get_signature()),
            "chrf": chrf.corpus_score(predictions, streams).score,
            "chrf_signature": str(chrf.get_signature()),
            "tokenized_bleu": tokenized,
            "tokenized_bleu_signature": tokenized_signature,
        }
