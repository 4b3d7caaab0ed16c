"""sentences -> translations, line for line."""

import sys
from collections.abc import Sequence

import torch
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .errors import UserError


def translate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sentences: Sequence[str],
    *,
    num_beams: int = 5,
    batch_size: int = 64,
    first_line: int = 1,
    progress: bool = False,
) -> list[str]:
    """Translate each sentence; an empty or blank one becomes the empty string.

    Sentences of like length are translated together and come back in the order given. A translation ends at its end
    mark, or after twice as many tokens as the longest source translated with it, plus ten.

    Args:
        model: a sequence-to-sequence model; it is used as it is, on its own device.
        tokenizer: of the model.
        sentences: one text each.
        num_beams: 1 is greedy search.
        batch_size: sentences translated together.
        first_line: number by which an error message calls the first sentence.
        progress: show a progress bar on standard error.

    Raises:
        UserError: a sentence has more tokens than the model has positions.
    """
    limit = getattr(model.config, "max_position_embeddings", sys.maxsize)  # T5 has no limit
    encoded = {i: tokenizer(text)["input_ids"] for i, text in enumerate(sentences) if text.strip()}
    for i, ids in encoded.items():
        if len(ids) > limit:
            where = f"line {first_line + i}"
            raise UserError(f"{where} has {len(ids)} tokens, but the model reads at most {limit}: split it")

    translations = [""] * len(sentences)
    by_length = sorted(encoded, key=lambda i: len(encoded[i]), reverse=True)  # the longest first: no late surprise
    with tqdm(total=len(encoded), desc="Translating", unit=" sentences", disable=not progress) as bar:
        for start in range(0, len(by_length), batch_size):
            chosen = by_length[start : start + batch_size]
            batch = tokenizer.pad({"input_ids": [encoded[i] for i in chosen]}, return_tensors="pt")
            longest = batch["input_ids"].shape[1]
            with torch.inference_mode():
                outputs = model.generate(  # type: ignore[operator]
                    **batch.to(model.device),
                    num_beams=num_beams,
                    do_sample=False,
                    max_length=min(2 * longest + 11, limit),  # the start mark counts
                )
            texts = tokenizer.batch_decode(outputs, skip_special_tokens=True)
            for i, text in zip(chosen, texts, strict=True):
                translations[i] = text
            bar.update(len(chosen))
    return translations
