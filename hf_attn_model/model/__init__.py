"""The model: the flat folder that travels to the Hub with a checkpoint. The configuration loads without torch."""

from typing import TYPE_CHECKING, Any

from .configuration_attn import AttnConfig

if TYPE_CHECKING:
    from .modeling_attn import AttnForConditionalGeneration, AttnModel

__all__ = ["AttnConfig", "AttnForConditionalGeneration", "AttnModel"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import modeling_attn

    return getattr(modeling_attn, name)
