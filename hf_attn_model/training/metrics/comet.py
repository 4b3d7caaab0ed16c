"""COMET scores, from another Python environment: unbabel-comet asks for transformers below 5, this package for 5.

`comet_scores.py` is run there, and answers in JSON.
"""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import UserError

DEFAULT_MODEL = "Unbabel/wmt22-comet-da"
SCRIPT = Path(__file__).with_name("comet_scores.py")
OURS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")  # what would lead the other interpreter to this environment


class Comet(NamedTuple):
    """An environment that has COMET, and the model to score with.

    Attributes:
        python: its interpreter.
        model: a name on the Hub, or the path of a checkpoint.
    """

    python: str
    model: str = DEFAULT_MODEL

    def check(self) -> str:
        """Return the version of COMET there. Raises `UserError` where it does not run."""
        return str(self._ask({"model": None})["version"])

    def score(self, sources: Sequence[str], translations: Sequence[str], references: Sequence[str]) -> dict[str, Any]:
        """Score N translations against one reference each.

        Returns:
            `comet`, the score of the system, `comet_model`, `comet_version`, and `scores` of the sentences.

        Raises:
            UserError: COMET does not run there, or does not answer as it should.
        """
        import torch

        data = [
            {"src": source, "mt": translation, "ref": reference}
            for source, translation, reference in zip(sources, translations, references, strict=True)
        ]
        answer = self._ask({"model": self.model, "data": data, "gpus": int(torch.cuda.is_available())})
        scores, of_system = answer.get("scores"), answer.get("system_score")
        are_numbers = isinstance(scores, list) and all(isinstance(score, float) for score in [*scores, of_system])
        if not are_numbers or len(scores or []) != len(data):
            raise UserError(f"COMET in {self.python}: expected {len(data)} scores, got something else")
        return {
            "comet": of_system,
            "comet_model": self.model,
            "comet_version": answer["version"],
            "scores": scores,
        }

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        environment = {name: value for name, value in os.environ.items() if name not in OURS}
        try:
            done = subprocess.run(
                [self.python, str(SCRIPT)], input=json.dumps(request), env=environment, capture_output=True, text=True
            )
        except OSError as error:
            raise UserError(f"--comet-python {self.python}: {error.strerror}") from None
        said = done.stderr.strip().splitlines()
        if done.returncode:
            why = said[-1] if said else f"exit status {done.returncode}"
            advice = "; install unbabel-comet there" if "No module named 'comet'" in why else ""
            raise UserError(f"COMET does not run in {self.python}: {why}{advice}")
        try:
            answer = json.loads(done.stdout.strip().splitlines()[-1])
            return {"version": answer["version"], **answer}
        except (ValueError, LookupError, TypeError):
            raise UserError(f"COMET in {self.python}: its answer is no JSON object with a version") from None
