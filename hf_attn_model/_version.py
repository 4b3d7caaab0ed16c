"""The version, which stands in pyproject.toml alone."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("hf-attn-model")
except PackageNotFoundError:  # the files alone, as in a Space: pyproject.toml, with the number, is not among them
    __version__ = "0+unknown"
