"""Sharing on the Hugging Face Hub: a checkpoint -> what goes up -> one commit.

Reading order: `clean` -> `model`, `dataset`, `space` (what goes up) -> `upload` (one commit) -> `repositories`.
"""

from .repositories import push

__all__ = ["push"]
