"""text -> what a reader sees of it: no invisible characters, and single spaces.

White space of any kind and length looks like one space. Control and format characters (byte order marks, zero-width
spaces, soft hyphens) look like nothing, but for those that shape what stands before them: a joiner behind a letter of
a script that joins (Persian, Hindi) or an emoji, and the tags that make a region's flag of a black one.
"""

import unicodedata

from tokenizers import Regex, normalizers
from transformers import PreTrainedTokenizerBase

from .multilingual import encode_sources

# Scripts written without spaces between words (Oniguruma character classes).
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
# Scripts whose letters look the same beside a joiner.
UNJOINED = rf"{UNSPACED}\p{{Latin}}\p{{Greek}}\p{{Cyrillic}}\p{{Hebrew}}\p{{Armenian}}\p{{Georgian}}\p{{Hangul}}"
JOINERS, TAGS = r"\x{200C}\x{200D}", r"\x{E0020}-\x{E007F}"
BLACK_FLAG = r"\x{1F3F4}"
UNSEEN = rf"[\p{{Cc}}&&[^\s]]|[\p{{Cf}}&&\p{{Default_Ignorable_Code_Point}}&&[^{JOINERS}{TAGS}]]"
REPLACED = {  # in this order, each by what it looks like
    rf"\A(?:{UNSEEN}|[{JOINERS}{TAGS}])": " ",  # so that what comes first stays there: tokenizers count from it
    UNSEEN: "",
    rf"(?<![\p{{L}}\p{{M}}\p{{So}}\p{{Sk}}&&[^{UNJOINED}]])[{JOINERS}]+": "",
    rf"(?<![{BLACK_FLAG}{TAGS}])[{TAGS}]+": "",
    r"[\s&&[^ ]]": " ",
    "(?<= ) +": "",
}


def replacing(replaced: dict[str, str]) -> list[normalizers.Replace]:
    """Make the steps of a normaliser that puts texts in the place of patterns."""
    return [normalizers.Replace(Regex(pattern), content) for pattern, content in replaced.items()]


def as_seen(text: str) -> str:
    """Write a text as it is seen, as tokenizers of `train_tokenizer` read it."""
    return normalizers.Sequence(replacing(REPLACED)).normalize_str(text).strip(" ")


def unseen_in(tokenizer: PreTrainedTokenizerBase, text: str) -> str | None:
    """Name the first character of a source text that a tokenizer reads and nobody sees; `None` without one."""
    seen = as_seen(text)
    if seen in ("", text):
        return None
    ids, without = encode_sources(tokenizer, [text, seen])
    if ids == without:
        return None
    first = next((i for i, (one, other) in enumerate(zip(text, seen, strict=False)) if one != other), len(seen))
    return f"U+{ord(text[first]):04X} {unicodedata.name(text[first], '')}".rstrip()
