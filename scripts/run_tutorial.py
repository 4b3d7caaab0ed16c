"""Run every command and every program of a tutorial, and write what they print below them.

A block ```console``` holds commands, each after "$ ", and what they print; a block ```python``` a program, and the
block ```text``` after it what that prints. All programs share their variables. Anything that fails ends the run.

    python scripts/run_tutorial.py docs/attention-step-by-step.md
    python scripts/run_tutorial.py docs/attention-step-by-step.md --check
"""

import argparse
import io
import os
import re
import subprocess
import sys
import sysconfig
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

BLOCK = re.compile(r"^```(console|python)\n(.*?)^```\n(?:\n^```text\n(?P<printed>.*?)^```\n)?", re.M | re.S)
NUMBER = re.compile(r"[-−+]?\d[\d,]*(?:\.\d+)?(?:e[-+]\d+)?")
BAR = re.compile("█+")


def run_tutorial(text: str) -> str:
    """Run a tutorial, in this folder; returns it with what was printed now."""
    variables: dict[str, Any] = {"__name__": "tutorial"}

    def run(block: re.Match[str]) -> str:
        if block[1] == "console":
            commands = [line for line in block[2].splitlines() if line.startswith("$ ")]
            return "```console\n" + "".join(f"{one}\n{run_command(one[2:])}" for one in commands) + "```\n"
        printed = run_program(block[2], variables)
        program = f"```python\n{block[2]}```\n"
        return program + (f"\n```text\n{printed}```\n" if printed else "")

    return BLOCK.sub(run, text)


def run_command(command: str) -> str:
    """Run a command of the shell, with this environment's programs before all others; returns its output."""
    print(f"$ {command}", file=sys.stderr)
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], env=os.environ | {"PATH": path}, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        sys.exit(f"exit status {done.returncode}: {command}")
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def run_program(program: str, variables: dict[str, Any]) -> str:
    """Run a program of Python with the variables of those before it; returns what it prints."""
    print(program, file=sys.stderr)
    with redirect_stdout(io.StringIO()) as out:
        exec(program, variables)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def outline(text: str) -> list[str]:
    """What must be the same whoever trained the model: the lines, without numbers, bars and widths of columns."""
    return [" ".join(BAR.sub("", NUMBER.sub("#", line)).split()) for line in text.splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tutorial", type=Path)
    parser.add_argument("--check", action="store_true", help="only compare, numbers aside")
    options = parser.parse_args()
    before = options.tutorial.read_text(encoding="utf-8")
    after = run_tutorial(before)
    if not options.check:
        options.tutorial.write_text(after, encoding="utf-8")
    elif outline(before) != outline(after):
        changed = [(one, other) for one, other in zip(outline(before), outline(after), strict=False) if one != other]
        sys.exit(f"{options.tutorial} says what is not so any more: {changed[0] if changed else 'its length'}")


if __name__ == "__main__":
    main()
