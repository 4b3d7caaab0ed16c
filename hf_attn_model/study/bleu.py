"""BLEU with the words of the language that it is computed on."""

import warnings
from collections.abc import Iterable

import regex
from sacrebleu.metrics import BLEU

from ..errors import UserError
from ..languages import language_of_bleu
from ..text.words import UNSPACED

UNSPACED_LETTER, LETTER = regex.compile(rf"(?V1)[{UNSPACED}\p{{Katakana}}]"), regex.compile(r"\p{L}")


def bleu_of_language(target_lang: str, references: Iterable[str], *, lowercase: bool = False) -> BLEU:
    """Make the metric, with sacreBLEU's tokenizer for a language in any spelling of its code, or else 13a.

    Warns where the references are written without spaces, in a script that has no tokenizer of its own there: 13a then
    takes whole sentences for words.

    Args:
        target_lang: code of the language, such as "zh", "cmn" or "zho_Hans"; "" for none.
        references: what is compared with.
        lowercase: whether case is ignored.

    Raises:
        UserError: the language's tokenizer is not installed.
    """
    try:
        bleu = BLEU(lowercase=lowercase, trg_lang=language_of_bleu(target_lang))
    except RuntimeError as error:
        raise UserError(f"BLEU for {target_lang!r}: {' '.join(str(error).split())}") from None
    if bleu.tokenizer.signature() == BLEU.TOKENIZER_DEFAULT and _are_unspaced(references):
        named = f"for {target_lang!r}" if target_lang else "without a target language"
        warnings.warn(
            f"BLEU {named} splits words at spaces (13a), and most letters of the references are of a script without: "
            "read chrF, or name the language",
            stacklevel=2,
        )
    return bleu


def _are_unspaced(texts: Iterable[str]) -> bool:
    text = "".join(texts)
    return 2 * len(UNSPACED_LETTER.findall(text)) > len(LETTER.findall(text))
