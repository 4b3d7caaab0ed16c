"""Attention for the eye: heat maps and films, a page to explore, and the steps of one head as text.

- `heatmap`: one place or all three as a matplotlib figure; `pictures`: as files, and films of training;
- `explain`: word vectors -> query, key, value -> scores -> weights -> context -> output, in numbers;
- `page`: one HTML file with all of it; `notebook`: how data show themselves;
- `heads`, `ablations`, `curves`: results of `alignment` and `study` as tables and figures;
- `fonts`, `tables`: what all need to write words of any script.
"""

from .explain import explain
from .heatmap import plot_attention
from .page import inspect_nbest, inspect_pairs, page_frame, write_page
from .pictures import save_film, save_picture

__all__ = [
    "explain",
    "inspect_nbest",
    "inspect_pairs",
    "page_frame",
    "plot_attention",
    "save_film",
    "save_picture",
    "write_page",
]
