"""A tutorial is run as it stands, and what is printed now takes the place of what was printed before."""

import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest
import run_tutorial as running

TUTORIAL = """# Numbers

```console
$ echo one 1.5; echo two
something old
$ python -c "print(3)"
```

Text.

```python
x = 20
print("twenty is", x, " ")
```

```text
twenty is 19
```

```python
y = x + 1
```

```python
print(y)
```

    $ echo not a command
"""
EXPECTED = (
    TUTORIAL.replace("something old\n", "one 1.5\ntwo\n")
    .replace('(3)"\n', '(3)"\n3\n')
    .replace("is 19", "is 20")
    .replace("print(y)\n```\n", "print(y)\n```\n\n```text\n21\n```\n")
)


def test_what_is_printed_is_written_below(tmp_path):
    assert running.run_tutorial(TUTORIAL) == EXPECTED
    assert running.run_tutorial(EXPECTED) == EXPECTED


@pytest.mark.parametrize(
    "text", ["```console\n$ true; false\n```\n", "```console\n$ false | cat\n```\n", "```python\n1 / 0\n```\n"]
)
def test_what_fails_ends_the_run(text):
    with pytest.raises((SystemExit, ZeroDivisionError)):
        running.run_tutorial(text)


def test_a_check_looks_past_numbers_and_bars(tmp_path):
    path = tmp_path / "tutorial.md"
    changes = (
        ("\n21\n", "\n-3.25e-07\n", True),
        ("twenty is 20", "twenty was 20", False),
        ("\n21\n", "\n21\n22\n", False),
    )
    for old, new, is_same in changes:
        assert old in EXPECTED
        path.write_text(EXPECTED.replace(old, new))
        command = [sys.executable, running.__file__, str(path), "--check"]
        before = path.read_text()
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode == 0) == is_same, done.stderr
        assert path.read_text() == before
    assert running.outline("a   0.5 ████\nb −3 █") == running.outline("a 0.002\nb 7") == ["a #", "b #"]


@pytest.mark.slow
def test_the_tutorial_says_what_is_so(tmp_path):
    """Train the demo model, and run every command of the tutorial on it."""
    root = Path(running.__file__).parents[1]
    copytree(root / "docs", tmp_path / "docs")
    tutorial = str(tmp_path / "docs" / "attention-step-by-step.md")
    for command in (
        ["-m", "hf_attn_model.cli", "demo"],
        [running.__file__, tutorial, "--check"],
    ):
        subprocess.run([sys.executable, *command], cwd=tmp_path, check=True)
