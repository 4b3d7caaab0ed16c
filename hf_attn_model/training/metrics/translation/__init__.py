"""An `evaluate` module: `evaluate.load` takes this folder."""
