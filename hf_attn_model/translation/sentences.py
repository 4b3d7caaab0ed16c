"""A line of several sentences -> each of them, by Wikimedia's sentencex, which knows the abbreviations of languages."""

from collections.abc import Callable

from ..errors import UserError
from ..languages import meaning_of

EXTRA = "sentences"


def sentence_splitter(language: str | None) -> Callable[[str], list[str]]:
    """Make a function that splits a text into sentences, without the white space between them.

    Args:
        language: code of the language of the texts, of any kind; one that sentencex does not know, and `None`, are
            split by their punctuation alone.

    Raises:
        UserError: sentencex is not installed.
    """
    try:
        from sentencex import segment
    except ImportError:
        raise UserError(f"splitting into sentences needs sentencex: pip install 'hf-attn-model[{EXTRA}]'") from None
    meaning = meaning_of(language) if language else None
    code = meaning.macrolanguage if meaning else "en"
    return lambda text: [sentence.strip() for sentence in segment(code, text) if sentence.strip()]
