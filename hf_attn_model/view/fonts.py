"""Find installed fonts that have the characters of some labels.

matplotlib takes a list of font families and looks each character up in the first one that has it. The list
starts with DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic, Arabic, but no Chinese.
"""

import warnings
from collections.abc import Iterable
from functools import cache

from matplotlib import font_manager

DEFAULT = "DejaVu Sans"
LAST_RESORT = "Last Resort High-Efficiency"  # comes with matplotlib, too: a box in the place of any character
PREFERRED = (
    "Noto Sans CJK TC",  # Linux; the built-in corpus is in traditional characters
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "WenQuanYi Micro Hei",
    "PingFang SC",  # macOS
    "Hiragino Sans GB",
    "Microsoft YaHei",  # Windows
    "SimHei",
)


def font_families(labels: Iterable[str]) -> list[str]:
    """Choose font families, best first, that together have every character of the labels.

    Warns, in one line that names a package to install, of characters that no installed font has.
    """
    missing = {character for label in labels for character in label if character.isprintable()}
    missing -= _characters(DEFAULT) | {" "}
    families = [DEFAULT]
    for family in (*PREFERRED, *sorted(set(font_manager.get_font_names()) - {LAST_RESORT})):
        if not missing:
            break
        found = missing & _characters(family)
        if found:
            families.append(family)
            missing -= found
    if missing:
        warnings.warn(
            f"no installed font has {' '.join(sorted(missing)[:10])}; for Chinese, Japanese and Korean install the "
            "Debian package fonts-noto-cjk (macOS: PingFang SC, Windows: Microsoft YaHei)",
            stacklevel=2,
        )
    return families


@cache
def _characters(family: str) -> frozenset[str]:
    """List the characters of a family's regular face; none if it is not installed."""
    if family not in font_manager.get_font_names():
        return frozenset()
    named = font_manager.FontProperties(family=[family])  # a name alone would be read as a pattern, "-" as its syntax
    path = font_manager.findfont(named, fallback_to_default=False)
    return frozenset(map(chr, font_manager.get_font(path).get_charmap()))
