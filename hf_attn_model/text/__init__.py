"""Text: corpora -> sentence pairs -> tokens -> batches.

Reading order: `readers` -> `tally` -> `corpora`; `cleaning`, `splitting` -> `cleaned`; `too_long`; `seen` ->
`tokenizer`, `bpe_dropout` -> `resegmented`; `fingerprint`, `cache` -> `mapped`, which keeps pairs and token ids in
files; `lengths` -> `batch_plan` -> `batches`, or `batch_stream` for what comes streaming; `mixed` makes one data set of
several corpora; `words` knows what a word is, and `multilingual` how a translator of many languages is told which.
"""

from typing import TYPE_CHECKING

from .._lazy import lazy_names

if TYPE_CHECKING:
    from .batch_stream import TokenBatchStream
    from .batches import TokenBatchSampler
    from .corpora import Corpus, load_corpus, stream_corpus
    from .multilingual import set_languages
    from .tokenizer import train_tokenizer

_HOMES = {  # loaded when used: who records attention needs `words` alone, and no data sets
    "batch_stream": ("TokenBatchStream",),
    "batches": ("TokenBatchSampler",),
    "corpora": ("Corpus", "load_corpus", "stream_corpus"),
    "multilingual": ("set_languages",),
    "tokenizer": ("train_tokenizer",),
}

__all__ = [
    "Corpus",
    "TokenBatchSampler",
    "TokenBatchStream",
    "load_corpus",
    "set_languages",
    "stream_corpus",
    "train_tokenizer",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
