"""COMET, run by an interpreter that has it: JSON on standard input -> JSON on the last line of standard output.

This file is given to that interpreter as it is; it imports nothing of this package, which COMET cannot live beside:
unbabel-comet asks for transformers below 5.

In: `{"model": NAME or path of a checkpoint, "data": [{"src": ..., "mt": ..., "ref": ...}, ...]}`; no model asks for the
version alone. Out: `{"version": ..., "scores": [...], "system_score": ...}`.
"""

import json
import os
import sys
from importlib.metadata import version
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))


def main() -> None:
    """Answer one request."""
    asked = json.load(sys.stdin)
    sys.path = [path for path in sys.path if path != HERE]  # what lies beside this file is called comet, too
    import comet

    answer: dict[str, Any] = {"version": version("unbabel-comet")}
    if asked["model"] is not None:
        path = asked["model"] if os.path.exists(asked["model"]) else comet.download_model(asked["model"])
        model = comet.load_from_checkpoint(path)
        found = model.predict(asked["data"], batch_size=8, gpus=asked["gpus"], progress_bar=False)
        answer |= {"scores": [float(score) for score in found.scores], "system_score": float(found.system_score)}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
