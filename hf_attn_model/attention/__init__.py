"""Attention of any sequence-to-sequence model: recorded, rebuilt step by step, changed, merged into words.

A map has one row per query and one column per key, and each of its rows sums to 1. There are three places:

- `encoder`: rows and columns are the tokens of the source, `</s>` included;
- `decoder`: a row is named by the token that is WRITTEN at it (y1 ... yn `</s>`), a column by the token that
  is READ (the start mark, y1 ... yn): a teacher-forced decoder reads one token and writes the next one;
- `cross`: rows as in `decoder`, columns as in `encoder`.

The end mark `</s>` is a row and a column of its own, and so is the start mark. The steps of attention are
called `query key value scores masked_scores attention_weights context`, here and in files; what is exported
are the `attention_weights`: after the softmax and before dropout.

Reading order: `places` -> `modules` -> `interface` -> `steps` -> `masks` -> `record` -> `recorded`; `edges`,
`tokenized` -> `teacher_forcing` -> `sentence` -> `words`; `intervene`.
"""

from .intervene import intervene
from .places import PLACES, Head
from .record import record_attention
from .sentence import SentenceMaps
from .teacher_forcing import teacher_forced_attention
from .words import merge_words

__all__ = [
    "PLACES",
    "Head",
    "SentenceMaps",
    "intervene",
    "merge_words",
    "record_attention",
    "teacher_forced_attention",
]
