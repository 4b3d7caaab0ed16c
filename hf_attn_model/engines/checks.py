"""Two models, two tokenizers: do they compute the same? What cannot be shown equal is refused."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..errors import UserError
from .weights import SIDES

TOLERANCE = 1e-5  # of logits, or of their largest, where that is above 1
PAIRS, LONGEST = 5, 23
TEXTS = (
    "The ball is blue.",
    "¿Dónde está la pelota azul? ¡Aquí!",
    "我喜歡我的狗，牠們很小。",
    "A very-long, \u201cquoted\u201d sentence: it costs $3,000.50 (or 2\u00a0750 €) & more…",
    "naïve façade, Größe, œuvre, İstanbul, ﬁ, ½, 👍🏽",
    "  two  spaces,\ttab\n",
)


@dataclass(frozen=True)
class Agreement:
    """How far two models agree.

    Attributes:
        pairs: random pairs of token ids that both read.
        largest_logit, largest_difference: over all tokens of the targets and the whole vocabulary.
    """

    pairs: int
    largest_logit: float
    largest_difference: float

    def __str__(self) -> str:
        return (
            f"logits of {self.pairs} random pairs differ by at most {self.largest_difference:.1e} "
            f"(the largest is {self.largest_logit:.3g})"
        )


def compare_logits(first: PreTrainedModel, second: PreTrainedModel) -> Agreement:
    """Let both models read random token ids, some of them padded.

    Raises:
        UserError: logits are no numbers, or differ by more than `TOLERANCE`.
    """
    source, source_mask = _random_ids(first, 0, first.config.vocab_size)
    target, target_mask = _random_ids(first, 1, first.get_output_embeddings().weight.shape[0])
    with torch.inference_mode():
        logits = [
            model(source, attention_mask=source_mask, decoder_input_ids=target).logits[target_mask.bool()]
            for model in (first, second)
        ]
    largest = logits[0].abs().max().item()
    difference = (logits[0] - logits[1]).abs().max().item()
    if not difference <= TOLERANCE * max(1.0, largest):  # also where one of them is no number
        raise UserError(f"the logits of both models differ by {difference:.1e}, where the largest is {largest:.3g}")
    return Agreement(PAIRS, largest, difference)


def compare_positions(native: PreTrainedModel, stock: PreTrainedModel) -> None:
    """Look at the vectors of all positions, of which random ids reach the first ones alone.

    Raises:
        UserError: some differ by more than `TOLERANCE`.
    """
    for side in SIDES:
        ours, theirs = (_positions(model, side) for model in (native, stock))
        first, last = native.config.position_offset, min(len(ours), len(theirs))
        difference = (ours[first:last] - theirs[first:last]).abs().max().item()
        if not difference <= TOLERANCE:
            raise UserError(
                f"{side}.embed_positions differs by {difference:.1e} from position_embedding="
                f"{native.config.position_embedding}, which stands for it"
            )


def compare_tokenizers(first: PreTrainedTokenizerBase, second: PreTrainedTokenizerBase) -> int:
    """Let both tokenizers read some texts, as source and as target; returns how many.

    Raises:
        UserError: a vocabulary, ids of a text, or the text made of ids differ.
    """
    if first.get_vocab() != second.get_vocab():
        raise UserError("the tokenizer has another vocabulary after it was saved")
    for text in TEXTS:
        for argument in ("text", "text_target"):
            ids = [_ids(tokenizer, argument, text) for tokenizer in (first, second)]
            if ids[0] != ids[1]:
                raise UserError(f"the tokenizer reads {text!r} as other ids after it was saved")
            if ids[0] is not None and first.decode(ids[0]) != second.decode(ids[0]):
                raise UserError(f"the tokenizer writes another text for {text!r} after it was saved")
    return len(TEXTS)


def _positions(model: PreTrainedModel, side: str) -> Tensor:
    """The vectors of all positions of a side (P,D), which M2M-100 calls `weights`."""
    module: Any = model.get_submodule(f"model.{side}.embed_positions")
    return module.weights if hasattr(module, "weights") else module.weight


def _ids(tokenizer: PreTrainedTokenizerBase, argument: str, text: str) -> list[int] | None:
    """The ids of a text; `None` where a multilingual tokenizer knows no target language yet."""
    if argument == "text_target" and getattr(tokenizer, "tgt_lang", "") is None:
        return None
    return list(tokenizer(**{argument: text})["input_ids"])


def _random_ids(model: PreTrainedModel, seed: int, vocab_size: int) -> tuple[Tensor, Tensor]:
    """Draw ids (B,T) other than padding, the second half of them padded on the right, and their mask."""
    generator = torch.Generator().manual_seed(seed)
    longest = min(LONGEST, model.config.max_position_embeddings)
    pad = model.config.pad_token_id
    ids = torch.randint(vocab_size, (PAIRS, longest), generator=generator)
    if pad is not None:
        ids[ids == pad] = (pad + 1) % vocab_size
    lengths = torch.randint(1, longest + 1, (PAIRS, 1), generator=generator)
    lengths[: PAIRS // 2] = longest
    mask = (torch.arange(longest) < lengths).long()
    return ids.masked_fill(mask == 0, pad or 0), mask
