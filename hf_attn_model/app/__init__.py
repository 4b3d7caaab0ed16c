"""The app: type a sentence, get its translations, and look at their attention.

Reading order: `look` (a sentence -> what is shown) -> `interface` (what is shown where, with Gradio).
"""

from .interface import launch_app
from .look import Look, look

__all__ = ["Look", "launch_app", "look"]
