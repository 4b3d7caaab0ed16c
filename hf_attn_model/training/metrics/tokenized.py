"""BLEU on lowercased, tokenised text: the protocol of many papers, to compare with them and with nothing else.

What is done to translations and references is what made the tokenised files of Multi30k (`task1-tokenize.sh` of
https://github.com/multi30k/dataset): lowercase, then Moses' `normalize-punctuation.perl`, then its `tokenizer.perl`
without `-a`, so that hyphens stay inside words. Wu et al. (2021, https://aclanthology.org/2021.acl-long.480) train and
score on these files. Prepared here, the German references of `test_2016_flickr` are those of the file to the token.
"""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from sacrebleu.metrics import BLEU
from sacremoses import MosesPunctNormalizer, MosesTokenizer

PREPARATION = "lc.norm.tok"  # as the files of Multi30k are called


class MosesPreparation:
    """Lowercase a text, normalise its punctuation and put spaces between its tokens, as the Perl scripts of Moses do.

    Args:
        language: code of two letters; it decides on apostrophes, quotation marks and abbreviations. One that Moses does
            not know has the abbreviations of English.
    """

    def __init__(self, language: str):
        self._normalizer = MosesPunctNormalizer(language, perl_parity=True)
        self._tokenizer = MosesTokenizer(language)

    def __call__(self, text: str) -> str:
        """Return the tokens in one line; `"` and its like are escaped as Moses does (`&quot;`)."""
        return self._tokenizer.tokenize(self._normalizer.normalize(text.lower()), return_str=True)


def tokenized_bleu(predictions: Sequence[str], streams: Sequence[Sequence[Any]], language: str) -> tuple[float, str]:
    """Score translations by lowercased, tokenised BLEU.

    Where sacreBLEU has a tokenizer of the language's own (Chinese, Japanese, Korean), that one cuts the lowercased
    text: Moses needs spaces. The signature says which: `tok:zh`, or `tok:none` with `moses:lc.norm.tok-de`.

    Args:
        predictions: one translation for each sentence, not tokenized.
        streams: all first references, all second ones, ...; `None` for a sentence that has fewer than others.
        language: code as `language_of_bleu` gives it, whose tokenizer of sacreBLEU is installed; without one, English.

    Returns:
        BLEU in 0..100, and sacreBLEU's signature with the preparation and the version of sacremoses in it.
    """
    own = BLEU(lowercase=True, trg_lang=language)
    if own.tokenizer.signature() != BLEU.TOKENIZER_DEFAULT:
        return own.corpus_score(predictions, streams).score, str(own.get_signature())
    language = language or "en"
    prepare = MosesPreparation(language)
    bleu = BLEU(lowercase=True, tokenize="none", force=True)  # force: tokenised text is no mistake here
    references: list[list[Any]] = [[text and prepare(text) for text in stream] for stream in streams]
    score = bleu.corpus_score([prepare(text) for text in predictions], references).score
    signature = bleu.get_signature()
    signature.update("moses", f"{PREPARATION}-{language}")
    signature.update("sacremoses", version("sacremoses"))
    return score, str(signature)
