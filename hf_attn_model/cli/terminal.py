"""What appears on a terminal: a line before long work, bars where somebody looks; and what libraries say, or not."""

import logging
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint

SILENCED = {  # exact beginnings of messages that frighten for nothing, by the logger that they come from
    # We check lengths ourselves, and say which line is too long.
    "transformers.tokenization_utils_base": ("Token indices sequence length is longer than",),
    # Checkpoints written within a second are sorted by their steps, which is what is wanted.
    "transformers.trainer_utils": ("mtime may not be reliable on this filesystem",),
    # When one of several processes fails, which is said in a line, the others are ended.
    "torch.multiprocessing.spawn": ("Terminating process", "Unable to shutdown process"),
}


def announce(text: str) -> None:
    """Say on standard error what is about to be done, where it takes long."""
    print(text, file=sys.stderr, flush=True)


def is_terminal() -> bool:
    """Whether somebody looks at standard error: there are progress bars then."""
    return sys.stderr.isatty()


def quiet_libraries() -> None:
    """Keep off the terminal what libraries say of a normal run. Whatever they say of a mistake is left as it is.

    What the rooms of this package have to say of it becomes a line.
    """
    from huggingface_hub.utils import enable_progress_bars
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # "Loading weights: 100%", "Writing model shards: 100%"
    if is_terminal():
        enable_progress_bars()  # downloads take long: their bars stay
    else:
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")  # "Tokenizing: 100%"; it is not imported yet
    for name, beginnings in SILENCED.items():
        logger = logging.getLogger(name)
        if not any(isinstance(each, _Silence) for each in logger.filters):
            logger.addFilter(_Silence(beginnings))
    ours = logging.getLogger("hf_attn_model")
    if not any(isinstance(each, _Line) for each in ours.handlers):
        ours.addHandler(_Line())


class _Silence(logging.Filter):
    """Drops messages that begin so."""

    def __init__(self, beginnings: tuple[str, ...]):
        super().__init__()
        self.beginnings = beginnings

    def filter(self, record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith(self.beginnings)


class _Line(logging.Handler):
    """Says what a room logged, such as how many translations reached their limit."""

    def emit(self, record: logging.LogRecord) -> None:
        announce(f"hf-attn: {record.getMessage()}")


def open_checkpoint(name: str, *, with_engine: bool = False) -> "Checkpoint":
    """Find a translator, with a line where it comes from the Hub; nothing is loaded yet.

    Args:
        name: of the translator.
        with_engine: it may be one that was converted for another engine.
    """
    from ..checkpoint import Checkpoint

    if with_engine:
        from ..engines.choice import open_translator

        checkpoint = open_translator(name)
    else:
        checkpoint = Checkpoint(name)
    if checkpoint.folder is None:
        announce(f"Looking for {checkpoint} on the Hub")
    checkpoint.check()
    quiet_libraries()
    return checkpoint
