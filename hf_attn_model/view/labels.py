"""Tokens and words as labels: made visible, and measured."""

import unicodedata


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
