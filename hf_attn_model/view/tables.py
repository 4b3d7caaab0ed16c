"""Aligned text for a terminal of 100 columns, whatever scripts stand in it."""

import unicodedata
from collections.abc import Collection, Sequence


def show_token(token: str) -> str:
    """Make the white space in a token visible, the way SentencePiece writes it: " ball" -> "▁ball"."""
    return "".join("▁" if character.isspace() else character for character in token)


def display_width(text: str) -> int:
    """Count the columns that a text takes in a fixed-width font: two for a Chinese character, none for an accent."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    combining = sum(unicodedata.category(character) in ("Mn", "Me", "Cf") for character in text)
    return len(text) + wide - combining


def pad(text: str, width: int) -> str:
    """Fill a text with spaces on its right up to `width` columns."""
    return text + " " * (width - display_width(text))


WIDTH = 100


def paragraph(text: str, indent: int = 0) -> list[str]:
    """Break a text into lines of at most `WIDTH` columns, at spaces if possible, and keep its indentation."""
    margin = " " * (indent + len(text) - len(text.lstrip()))
    lines, line = [], margin
    for word in text.split():
        fits = display_width(margin + word) <= WIDTH
        for i, piece in enumerate([word] if fits else word):  # Chinese has no spaces: character by character
            gap = " " if i == 0 and line.strip() else ""
            if display_width(line + gap + piece) > WIDTH:
                lines.append(line)
                line, gap = margin, ""
            line += gap + piece
    return [*lines, line]


def table(header: Sequence[str], body: Sequence[Sequence[str]], numbers: Collection[int]) -> list[str]:
    """Align cells in columns, indented by three: columns in `numbers` on the right, the others on the left."""
    rows = [header, *body]
    widths = [max(display_width(row[column]) for row in rows) for column in range(len(header))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in numbers else pad(cell, width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(("   " + "  ".join(cells)).rstrip())
    return lines


def bar(share: float, width: int = 40) -> str:
    """Draw a number between 0 and 1 as a bar of up to `width` columns."""
    return "█" * round(share * width)
