"""`python -m hf_attn_model.cli`, which is how `torchrun` starts it."""

import sys

from . import main

if __name__ == "__main__":
    sys.exit(main())
