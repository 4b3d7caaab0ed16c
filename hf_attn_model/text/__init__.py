"""Text: corpora -> sentence pairs -> tokens -> batches.

Reading order: `readers` -> `corpora`; `tokenizer`, `bpe_dropout` -> `resegmented`; `lengths` -> `batch_plan` ->
`batches`, or `batch_stream` for what does not fit into memory; `words` knows what a word is.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batch_stream import TokenBatchStream
    from .batches import TokenBatchSampler
    from .corpora import Corpus, load_corpus, stream_corpus
    from .tokenizer import train_tokenizer

_HOME_OF = {  # loaded when used: who records attention needs `words` alone, and no data sets
    "Corpus": "corpora",
    "TokenBatchSampler": "batches",
    "TokenBatchStream": "batch_stream",
    "load_corpus": "corpora",
    "stream_corpus": "corpora",
    "train_tokenizer": "tokenizer",
}
__all__ = ["Corpus", "TokenBatchSampler", "TokenBatchStream", "load_corpus", "stream_corpus", "train_tokenizer"]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
