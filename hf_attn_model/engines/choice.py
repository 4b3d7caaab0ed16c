"""Which engine searches: the one that was asked for, or else the fastest one that does the same."""

from typing import TYPE_CHECKING, NamedTuple

import torch

from ..checkpoint import Checkpoint
from ..checkpoint.converted import conversion_for
from ..errors import UserError
from ..translation.engine import Engine, TransformersEngine
from ..translation.settings import SearchSettings

if TYPE_CHECKING:
    from .ctranslate2 import CTranslate2Engine

ENGINES = ("transformers", "ctranslate2")


class Choice(NamedTuple):
    """An engine, and why it is not the faster one, if it is not; as a text, one line."""

    engine: Engine
    why: str = ""

    def __str__(self) -> str:
        return f"{self.engine.name} ({self.why})" if self.why else self.engine.name


def open_translator(name: str) -> Checkpoint:
    """Find a translator by name, also one that was converted for CTranslate2. Raises what `Checkpoint` raises."""
    checkpoint = Checkpoint(name)
    if checkpoint.folder is None or conversion_for(checkpoint.folder, "ctranslate2") is None:
        return checkpoint
    from .ctranslate2_folder import ConvertedFolder

    return ConvertedFolder(name)


def choose_engine(checkpoint: Checkpoint, settings: SearchSettings, typed: str | None = None) -> Choice:
    """Choose what translates.

    Args:
        checkpoint: of `open_translator`, told its languages.
        settings: of the search.
        typed: one of `ENGINES`, or `None` for CTranslate2 where it is installed and does what transformers does, on the
            device and in the numbers of the model.

    Raises:
        UserError: the engine that was asked for cannot do that.
    """
    if (converted := engine_of(checkpoint, typed)) is not None:
        converted.check(settings)
        return Choice(converted)
    if typed == "transformers":
        return Choice(TransformersEngine(checkpoint.model, checkpoint.tokenizer))
    if typed is None and (why := _other_numbers(checkpoint)):
        return Choice(TransformersEngine(checkpoint.model, checkpoint.tokenizer), why)
    try:
        from .ctranslate2 import check_search, open_engine

        check_search(checkpoint.model, settings)
        return Choice(open_engine(checkpoint.model, checkpoint.tokenizer))
    except UserError as error:
        if typed is not None:
            raise UserError(f"--engine {typed}: {error}") from error
        return Choice(TransformersEngine(checkpoint.model, checkpoint.tokenizer), str(error))


def engine_of(checkpoint: Checkpoint, typed: str | None) -> "CTranslate2Engine | None":
    """Return the engine of a folder that was converted; `None` for a model that transformers loads."""
    engine = getattr(checkpoint, "engine", None)
    if engine is not None and typed == "transformers":
        raise UserError(f"--engine transformers: {checkpoint} is for CTranslate2: give the model that it was made of")
    return engine


def _other_numbers(checkpoint: Checkpoint) -> str:
    """Say why CTranslate2, on the CPU and in float32, would compute other numbers than the model."""
    model = checkpoint.model
    if model.device.type != "cpu":
        return f"the model is on {model.device.type}"
    if model.dtype != torch.float32:
        return f"the model computes in {str(model.dtype).removeprefix('torch.')}"
    return ""
