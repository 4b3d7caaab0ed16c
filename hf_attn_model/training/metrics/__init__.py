"""Quality of translations, measured without a network."""

from collections.abc import Callable
from pathlib import Path

import evaluate
import numpy as np
from transformers import EvalPrediction, PreTrainedTokenizerBase

from ...errors import UserError

IGNORED = -100  # fills up rows of labels, and of predictions


def load_translation_metric() -> evaluate.Metric:
    """The packaged metric: BLEU and chrF with their signatures, for `.compute(predictions=..., references=...)`.

    It is a copy of its own, and keeps what it is given in memory: no other process can get in its way.
    """
    return evaluate.load(str(Path(__file__).with_name("translation")), keep_in_memory=True)


def compute_translation_metrics(
    tokenizer: PreTrainedTokenizerBase, target_lang: str, *, lowercase: bool = False
) -> Callable[[EvalPrediction], dict[str, float]]:
    """Make the `compute_metrics` of a stock `Seq2SeqTrainer` with `predict_with_generate=True`.

    References are the labels, decoded: what the tokenizer does not keep of a text, neither side has. To compare with
    others, score the texts themselves, with `load_translation_metric`, which says by which signature.

    Args:
        tokenizer: of the model.
        target_lang: language code, for the words of BLEU.
        lowercase: whether `bleu` and `chrf` ignore case.

    Returns:
        a function from what the Trainer has collected to `bleu`, `chrf` and `tokenized_bleu`, 0 to 100 each, which the
        Trainer calls `eval_bleu` and so on.

    Raises:
        UserError: at once, sacreBLEU's tokenizer of the language is not installed; when called, the predictions are
            not those of `generate`.
    """
    metric = load_translation_metric()
    metric.compute(predictions=["."], references=["."], target_lang=target_lang)  # not after an hour of training

    def decode(ids: np.ndarray) -> list[str]:
        return tokenizer.batch_decode(np.where(ids == IGNORED, tokenizer.pad_token_id, ids), skip_special_tokens=True)

    def compute_metrics(collected: EvalPrediction) -> dict[str, float]:
        predictions, labels = collected.predictions, collected.label_ids
        if not (isinstance(predictions, np.ndarray) and isinstance(labels, np.ndarray)) or predictions.ndim != 2:
            raise UserError("there are no translations to score: set predict_with_generate=True in the arguments")
        scores = metric.compute(
            predictions=decode(predictions),
            references=decode(labels),
            target_lang=target_lang,
            lowercase=lowercase,
        )
        return {name: scores[name] for name in ("bleu", "chrf", "tokenized_bleu")}

    return compute_metrics
