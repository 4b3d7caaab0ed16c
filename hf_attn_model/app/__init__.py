"""The app: type a sentence, get its translations, and look at their attention.

Reading order: `inspect` (a sentence -> what is shown) -> `interface` (what is shown where, with Gradio).
"""

from .inspect import Inspection, inspect_sentence
from .interface import launch_app

__all__ = ["Inspection", "inspect_sentence", "launch_app"]
