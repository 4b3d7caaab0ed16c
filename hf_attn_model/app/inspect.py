"""A sentence -> its best translations, and the page that shows the attention of each."""

from collections.abc import Iterable
from dataclasses import dataclass

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..checkpoint.alignment_config import HeadSummary
from ..errors import UserError
from ..view.page import inspect_nbest, page_frame

ALTERNATIVES = 3  # translations that are shown, the best one included
MOST_CHARACTERS = 600  # of a sentence


@dataclass(frozen=True)
class Inspection:
    """What the app shows of a sentence.

    Attributes:
        translations: the best ones of the beam, the best first, each once.
        frame: the page with all of them, an HTML element.
    """

    translations: list[str]
    frame: str


def inspect_sentence(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sentence: str,
    *,
    num_beams: int = 5,
    heads: Iterable[HeadSummary] = (),
) -> Inspection:
    """Translate a sentence, and look at its best translations.

    Args:
        model, tokenizer, num_beams: see `inspect_nbest`.
        sentence: what was typed; white space around it does not count.
        heads: what is known of heads of cross-attention.

    Raises:
        UserError: there is nothing to translate, or too much.
    """
    sentence = sentence.strip()
    if not sentence:
        raise UserError("type a sentence first")
    if len(sentence) > MOST_CHARACTERS:
        raise UserError(f"{len(sentence):,} characters are too many: give a sentence of at most {MOST_CHARACTERS}")
    seen = inspect_nbest(model, tokenizer, sentence, ALTERNATIVES, num_beams=num_beams)
    translations = dict.fromkeys(each.maps.target for each in seen)
    return Inspection([*translations], page_frame(seen, heads=heads))
