"""Data that can be drawn, by a room that the data do not know: `view.notebook` registers how, when first asked."""

from functools import singledispatch
from importlib import import_module
from typing import Any

RENDERERS = f"{__package__.partition('.')[0]}.view.notebook"


@singledispatch
def html_of(data: Any) -> str:
    """Write data as HTML for a notebook. Raises `TypeError` for a type that nobody has registered."""
    return _found(html_of, data)(data)


@singledispatch
def figure_of(data: Any, *args: Any, **kwargs: Any) -> Any:
    """Draw data with matplotlib. Raises `TypeError` for a type that nobody has registered."""
    return _found(figure_of, data)(data, *args, **kwargs)


def _found(function: Any, data: Any) -> Any:
    """Let the renderers register themselves, and find the one for a type."""
    import_module(RENDERERS)
    renderer = function.dispatch(type(data))
    if renderer is function.dispatch(object):
        raise TypeError(f"{RENDERERS} registers nothing that shows a {type(data).__name__}")
    return renderer
