"""Quality of translations, measured without a network."""

from pathlib import Path

import evaluate


def load_translation_metric() -> evaluate.Metric:
    """The packaged metric: BLEU and chrF with their signatures, for `.compute(predictions=..., references=...)`.

    It is a copy of its own, and keeps what it is given in memory: no other process can get in its way.
    """
    return evaluate.load(str(Path(__file__).with_name("translation")), keep_in_memory=True)
