"""A process whose Hub is that of HF_ENDPOINT: runs what it is told, JSON lines in, JSON lines out."""

import io
import json
import os
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout

from huggingface_hub.utils import http_backoff

from hf_attn_model.cli import main

http_backoff.__kwdefaults__["base_wait_time"] = 0  # retry at once


def run(request):
    """Run `hf-attn` with arguments, or lines of Python: exit status, standard output, standard error."""
    os.environ.pop("HF_TOKEN", None)
    if request["token"]:
        os.environ["HF_TOKEN"] = request["token"]
    with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as err:
        try:
            status = main(request["arguments"]) if "arguments" in request else exec(request["python"], {})
        except SystemExit as error:
            status = error.code
        except BaseException:
            traceback.print_exc()
            status = 1
    return status or 0, out.getvalue(), err.getvalue()


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), file=sys.__stdout__, flush=True)
