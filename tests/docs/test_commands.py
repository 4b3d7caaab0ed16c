"""Every command and every program of README.md and docs/ runs, and prints what stands below it.

A page is run from its top to its end, in a folder of its own, with the translator of the package; `pages.py` tells how
a page says what a test does in another way. What a page shows as printed is compared as the lesson is: numbers aside.
"""

import io
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import torch
from docs.pages import PAGES, ROOT, SHELL, inline_commands, page_notes, read_page
from hub.client import Client
from run_tutorial import outline

import hf_attn_model
from hf_attn_model import cli
from hf_attn_model.textbook import dataset

MOST_LEFT_OUT = 0.15  # of all blocks


def pages_with_marks():
    for path in PAGES:
        marks = [pytest.mark.slow] if "slow" in page_notes(path) else []
        yield pytest.param(path, id=str(path.relative_to(ROOT)), marks=marks)


@pytest.fixture
def hub_client(hub, page_runner):
    """A process with the Hub of the tests, in the folder of the page."""
    with Client() as client:
        yield client


@pytest.fixture
def page_runner(tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)  # the pages were printed on a CPU

    def run(path):
        for note in page_notes(path):
            if note.startswith("textbook: "):
                sizes = {name: int(size) for name, size in (part.split("=") for part in note.split()[1:])}
                monkeypatch.setattr(dataset, "SIZES", dataset.SIZES | sizes)
        variables = {"__name__": "__main__"}
        for block in read_page(path):
            if block.why_not is None:
                run_block(block, variables, request)

    return run


def run_block(block, variables, request):
    """Run a block. Fails with the place of the command that did not do what the page says."""
    if block.file:
        Path(block.file).write_text(block.body, encoding="utf-8")
        return
    client = request.getfixturevalue("hub_client") if block.on_hub else None
    if block.language not in SHELL:
        printed = client.python(block.body) if client else run_program(block, variables)
        compare(block.where, block.printed, printed)
        return
    for command, expected in block.commands:
        status, printed = run_command(command, client)
        assert status == block.status, f"{block.where}: exit status {status}: {command}\n{printed}"
        compare(f"{block.where}: {command}", expected, printed)


def run_program(block, variables):
    page, line = block.where.rsplit(":", 1)
    program = compile("\n" * (int(line) - 1) + block.body, page, "exec")
    with redirect_stdout(io.StringIO()) as out:
        exec(program, variables)
    return out.getvalue()


def run_command(command, client=None):
    """Run a command of the shell, `hf-attn` in this process, which has imported all; returns status and output."""
    tokens = shlex.shlex(command, posix=True, punctuation_chars="|<>")
    tokens.whitespace_split, tokens.commenters = True, "#"
    stages, given, out = [[]], b"", None
    words = iter(tokens)
    for word in words:
        if word == "|":
            stages.append([])
        elif word == "<":
            given = Path(next(words)).read_bytes()
        elif word == ">":
            out = Path(next(words))
        else:
            stages[-1].append(word)
    for stage in stages:
        status, given = run_stage(stage, given, client)
        if status:
            break
    if out:
        out.write_bytes(given)
        return status, ""
    return status, given.decode()


def run_stage(words, given, client):
    if words[0] == "hf-attn" and client:
        status, printed, err = client.run(*words[1:])
        sys.stderr.write(err)
        return status, printed.encode()
    if words[0] == "hf-attn":
        before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(given), encoding="utf-8")
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        try:
            with redirect_stdout(out):
                status = cli.main(words[1:])
        except SystemExit as error:  # such as after --help
            status = error.code or 0
        finally:
            sys.stdin = before
        return status, out.buffer.getvalue()
    path = f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["bash", "-c", shlex.join(words)], input=given, env=environment, stdout=subprocess.PIPE)
    return done.returncode, done.stdout


def compare(where, expected, printed):
    """Hold what a page shows against what was printed, numbers aside; a line `...` stands for any lines."""
    if not expected:
        return
    shown, lines = outline(expected.rstrip()), outline(printed.rstrip())
    pattern = "\n".join(r"(?:.*\n?)*?" if line == "..." else re.escape(line) for line in shown)
    assert re.fullmatch(pattern, "\n".join(lines)), f"{where} shows\n{expected}\nbut this was printed:\n{printed}"


@pytest.mark.parametrize("path", list(pages_with_marks()))
def test_every_command_of_the_page_runs(page_runner, path):
    page_runner(path)


def test_hardly_anything_is_left_out():
    blocks = [block for path in PAGES for block in read_page(path)]
    left_out = [f"{block.where}: {block.why_not}" for block in blocks if block.why_not and not block.elsewhere]
    assert len(left_out) <= MOST_LEFT_OUT * len(blocks), f"{len(left_out)} of {len(blocks)}:\n" + "\n".join(left_out)
    for block in blocks:
        if block.elsewhere:
            assert (ROOT / block.elsewhere.split()[0].rstrip(",;:")).is_file(), block.where


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('```sh\nhf-attn explain textbook "The ball is blue" --word green\n```\n', "exit status 2"),
        ("```sh\nhf-attn translate textbook --no-such-option\n```\n", "exit status 2"),
        ("```sh\nfalse\n```\n", "exit status 1"),
        ("```python\nopen_maps('maps')\n```\n", "open_maps"),
        ("```console\n$ echo 'El gato'\nEl perro\n```\n", "but this was printed"),
        ("```python\nprint('one')\n```\n\n```text\ntwo\n```\n", "but this was printed"),
        ("<!-- test: exits with 2 -->\n```sh\ntrue\n```\n", "exit status 0"),
        ("```\nhf-attn demo\n```\n", "name the language"),
        ("<!-- test: skipped -->\n```sh\nhf-attn demo\n```\n", "no such note"),
        ("<!-- test: s/absent/present/ -->\n```sh\nhf-attn demo\n```\n", "to replace"),
    ],
)
def test_a_wrong_page_fails(page_runner, tmp_path, monkeypatch, text, complaint):
    page = tmp_path / "page.md"
    page.write_text(text)
    monkeypatch.setattr("docs.pages.ROOT", tmp_path)
    with pytest.raises((AssertionError, NameError, ValueError), match=complaint):
        page_runner(page)


def test_a_right_page_does_not(page_runner, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\necho 'one  1.5' | sed 's/one/two/' > file.txt  # a comment\n```\n"
        "<!-- test: s/3/4/; n=5 -->\n\n```sh\necho \\\n  3\n```\n"
        "<!-- test: skip: for the test -->\n```sh\nfalse\n```\n"
        "```console\n$ cat file.txt\ntwo 7\n$ seq 3\n1\n...\n```\n"
        "```python\nname = open('file.txt').read()\n```\n"
        "```python\nprint(name)\n```\n\n```text\ntwo 0.3\n```\n"
    )
    monkeypatch.setattr("docs.pages.ROOT", tmp_path)
    assert [block.body for block in read_page(page)][1] == "echo \\\n  4 n=5\n"
    page_runner(page)


@pytest.fixture(scope="module")
def help_of():
    """The help of a verb, read once."""
    known = {}

    def read(verb):
        if verb not in known:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("COLUMNS", "200")
                status, printed = run_command(shlex.join(["hf-attn", *verb.split(), "--help"]))
            known[verb] = printed if status == 0 else None
        return known[verb]

    return read


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_inside_sentences_have_such_options(path, help_of):
    for command in inline_commands(path):
        program, first, *rest = shlex.split(command)
        options = {word.split("=")[0] for word in (first, *rest) if word.startswith("--")}
        if program == "python":
            text = (ROOT / first).read_text(encoding="utf-8")
        elif first.startswith("-"):
            text = help_of("")
        else:
            text = help_of(first)
            assert text is not None, f"{path.name}: there is no verb {first}: {command}"
        missing = [option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", text)]
        assert not missing, f"{path.name}: no option {', '.join(missing)}: {command}"


def test_the_readme_names_every_verb(help_of):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    verbs = re.findall(r"^[ │|]+([a-z]+)(?: {2,}\S|$)", help_of(""), re.M)
    assert len(verbs) >= 15
    assert [verb for verb in verbs if f"`{verb}`" not in text and f"hf-attn {verb}" not in text] == []


def test_every_test_and_script_that_is_named_is_there():
    named = re.compile(r"`((?:tests|scripts)/[\w/.]+)")
    for path in (*PAGES, ROOT / "CONTRIBUTING.md"):
        missing = [name for name in named.findall(path.read_text(encoding="utf-8")) if not (ROOT / name).exists()]
        assert not missing, f"{path.relative_to(ROOT)} names {', '.join(missing)}"


def test_the_reference_has_every_public_name():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").glob("*.md"))
    described = set(re.findall(r"^::: hf_attn_model\.(?:\w+\.)*(\w+)$", text, re.M))
    assert set(hf_attn_model.__all__) - described == set()
