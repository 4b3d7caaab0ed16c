"""Held-out sentences that are translated as a training goes on, to read and to score."""

from itertools import islice
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..translate import translate
from .metrics import load_translation_metric

SENTENCES = 200
SHOWN = 3


def dev_translations(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Dataset,
    target_lang: str,
    *,
    max_length: int,
    lowercase: bool = False,
    batch_size: int = 64,
) -> dict[str, Any]:
    """Translate the first 200 pairs greedily, and score the translations.

    The search draws no random numbers, and the model is left in the mode it was in: a training that is watched is the
    same, bit for bit.

    Args:
        model: as it is, on its own device.
        tokenizer: of the model.
        pairs: held-out texts, `source` and `target`.
        target_lang: language code, for the words of BLEU.
        max_length: tokens of the longest source; pairs with longer ones are passed over.
        lowercase: whether BLEU ignores case, for a model that writes none.
        batch_size: sentences translated together.

    Returns:
        `bleu`, 0 to 100 by sacreBLEU, and `samples`, Markdown text with the source, the reference and the translation
        of three pairs; empty if no pair is left.
    """
    fitting = (pair for pair in pairs if len(tokenizer(pair["source"])["input_ids"]) <= max_length)
    chosen = list(islice(fitting, SENTENCES))
    if not chosen:
        return {}
    sources, references = ([pair[side] for pair in chosen] for side in ("source", "target"))
    was_training = model.training
    model.eval()
    try:
        translations = translate(model, tokenizer, sources, num_beams=1, batch_size=batch_size)
    finally:
        model.train(was_training)
    scores = load_translation_metric().compute(
        predictions=translations, references=references, target_lang=target_lang, lowercase=lowercase
    )
    every = -(-len(chosen) // SHOWN)  # from all over the sentences: neighbours are often much alike
    shown = list(zip(sources, references, translations, strict=True))[::every]
    return {"bleu": round(scores["bleu"], 2), "samples": "\n\n".join(map(_lines, shown))}


def _lines(sample: tuple[str, str, str]) -> str:
    """Set a source, its reference and its translation below each other; two spaces end a line in Markdown."""
    names = ("source", "reference", "ours")
    return "  \n".join(f"{name}: {' '.join(text.split())}" for name, text in zip(names, sample, strict=True))
