"""What a page of the documentation asks its reader to type: its blocks, and the comments that say how a test runs them.

A comment stands above a block, and may hold several notes, divided by "; ":

    <!-- test: training.max_steps=4 -->           added to the command of the block
    <!-- test: s/textbook:en-es/gold.jsonl/ -->   one text for another, in all of the block
    <!-- test: hub -->                            with the Hub that the tests start on this machine
    <!-- test: exits with 2 -->                   it is a mistake to be shown
    <!-- test: skip: it installs packages -->     not run, and why
    <!-- test: elsewhere: tests/test_demo.py -->  not run here, but there
    <!-- test: file: mine.yaml -->                the block is what that file holds

Two notes are for the whole page: `slow` (`make test-all` runs it), and `textbook: train=600 dev=40`, the sizes of the
built-in corpus on this page.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SHELL, PYTHON = ("console", "sh", "bash"), ("python",)
SHOWN = ("text", "yaml", "html", "json", "bibtex")  # languages of blocks that nobody types
BLOCK = re.compile(
    r"(?P<notes>(?:^<!-- test: [^\n]*? -->\n+)*)"
    r"^```(?P<language>[^\n]*)\n(?P<body>.*?)^```$"
    r"(?:\n\n```text\n(?P<printed>.*?)^```$)?",
    re.M | re.S,
)
PAGE_NOTE = re.compile(r"^<!-- test: (?P<note>slow|textbook: .*?) -->$", re.M)
INLINE = re.compile(r"(?<!`)`(?P<code>(?:hf-attn\s+|python scripts/)[^`]+)`(?!`)")


@dataclass
class Block:
    """A block of a page.

    Attributes:
        where: page and line of its first command.
        language: of the block.
        body: what stands in it, with what its notes replace and add.
        printed: what the page says that a program prints; None where it does not say.
        why_not: the reason why it is not run; None for one that is run.
        elsewhere: the test file that runs it.
        on_hub: it needs the Hub.
        status: the exit status that its commands end with.
        file: the name of the file that the block is.
    """

    where: str
    language: str
    body: str
    printed: str | None
    why_not: str | None = None
    elsewhere: str | None = None
    on_hub: bool = False
    status: int = 0
    file: str | None = None

    @property
    def commands(self) -> list[tuple[str, str | None]]:
        """The commands of a shell block, each with what the page says that it prints."""
        if self.language != "console":
            lines = self.body.replace("\\\n", " ").splitlines()
            return [(line, None) for line in lines if line.strip() and not line.lstrip().startswith("#")]
        parts = re.split(r"^\$ ", self.body, flags=re.M)[1:]
        commands = []
        for part in parts:
            command, printed = re.fullmatch(r"((?:[^\n]*\\\n)*[^\n]*)\n?(.*)", part, re.S).groups()
            commands.append((command.replace("\\\n", " "), printed if self.printed is not None else None))
        return commands


def read_page(path: Path) -> list[Block]:
    """Read the blocks of a page that somebody may type. Raises `ValueError` for one that cannot be told."""
    text, blocks = path.read_text(encoding="utf-8"), []
    for match in BLOCK.finditer(text):
        where = f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start('body')) + 1}"
        language = match["language"].strip()
        if language in SHOWN and not match["notes"]:
            continue
        if language not in SHELL + PYTHON + SHOWN:
            raise ValueError(f"{where}: name the language of this block, one of {', '.join(SHELL + PYTHON + SHOWN)}")
        block = Block(where, language, match["body"], match["printed"])
        if language == "console":
            block.printed = ""  # its outputs stand among its commands
        notes = re.findall(r"<!-- test: (.*?) -->", match["notes"])
        for note in (part.strip() for each in notes for part in each.split("; ")):
            apply(block, note)
        blocks.append(block)
    return blocks


def apply(block: Block, note: str) -> None:
    """Let a note have its effect. Raises `ValueError` for one that has none."""
    if PAGE_NOTE.match(f"<!-- test: {note} -->"):
        return
    if note.startswith("skip: "):
        block.why_not = note.removeprefix("skip: ")
    elif note.startswith("elsewhere: "):
        block.elsewhere = block.why_not = note.removeprefix("elsewhere: ")
    elif note.startswith("file: "):
        block.file = note.removeprefix("file: ")
    elif note == "hub":
        block.on_hub = True
    elif found := re.fullmatch(r"exits with (\d+)", note):
        block.status = int(found[1])
    elif found := re.fullmatch(r"s/((?:[^/\\]|\\/)+)/((?:[^/\\]|\\/)*)/", note):
        old, new = (part.replace("\\/", "/") for part in found.groups())
        if old not in block.body:
            raise ValueError(f'{block.where}: there is no "{old}" to replace')
        block.body, block.printed = block.body.replace(old, new), None
    elif "=" in note or note.startswith("--"):
        if block.language not in SHELL or len(block.commands) != 1:
            raise ValueError(f"{block.where}: the note {note} is for one command")
        command, dashes, options = block.body.rstrip().partition(" --")
        block.body, block.printed = f"{command} {note}{dashes}{options}\n", None
    else:
        raise ValueError(f"{block.where}: there is no such note: {note}")


def page_notes(path: Path) -> list[str]:
    """Read the notes for the whole page."""
    return [match["note"] for match in PAGE_NOTE.finditer(path.read_text(encoding="utf-8"))]


def inline_commands(path: Path) -> list[str]:
    """Find the commands inside sentences and tables."""
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    return [" ".join(match["code"].split()) for match in INLINE.finditer(text)]
