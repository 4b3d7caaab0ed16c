"""Where the numbers of a training go, besides its folder: TensorBoard, Trackio, W&B and others, by name."""

from typing import Any

from transformers import TrainingArguments
from transformers.integrations.integration_utils import get_reporting_integration_callbacks

from ..errors import UserError


def check_reporters(arguments: TrainingArguments) -> None:
    """Raise `UserError` for a name in `report_to` that is unknown, or whose package is not installed."""
    names: Any = arguments.report_to  # a list, once the arguments are made
    try:
        for callback in get_reporting_integration_callbacks(names):
            callback()
    except (ValueError, RuntimeError, ImportError) as error:
        raise UserError(f"training.report_to={','.join(names)}: {' '.join(str(error).split())}") from None
