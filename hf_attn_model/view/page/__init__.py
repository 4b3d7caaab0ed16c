"""One HTML file to look at attention with: no network, no server, opens from a disk.

Reading order: `vectors` (queries, keys and values of a sentence) -> `numbers` (arrays as text, and what that costs in
precision) -> `payload` (a sentence as JSON) -> `colours` -> `document` (the file around it) -> `write`. What runs in
the browser lies in `assets/`: `page.html`, `page.css`, and the scripts in the order of `document.SCRIPTS`.
"""

from .vectors import InspectedSentence, inspect_nbest, inspect_pairs, inspect_translations
from .write import PAGE_SUFFIXES, page_frame, write_page

__all__ = [
    "PAGE_SUFFIXES",
    "InspectedSentence",
    "inspect_nbest",
    "inspect_pairs",
    "inspect_translations",
    "page_frame",
    "write_page",
]
