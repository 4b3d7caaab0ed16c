"""Sentences with their maps -> one HTML file, or a frame for a notebook."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from pathlib import Path
from typing import TextIO

from ...attention.sentence import SentenceMaps
from ...checkpoint.alignment_config import HeadSummary
from ...errors import UserError
from ...files import replacing
from .colours import colour_maps
from .document import closing, data_block, opening
from .payload import heads_payload, record_payload
from .vectors import InspectedSentence, vectors_of

PAGE_SUFFIXES = (".html", ".htm")
MOST_WITH_VECTORS = 12  # sentences of a page that keeps queries, keys and values unasked
FRAME_HEIGHT = 820  # of a page in a notebook, in CSS pixels

Records = Sequence[SentenceMaps | InspectedSentence]


@dataclass(frozen=True)
class PageFacts:
    """What was written.

    Attributes:
        sentences: how many.
        bytes: of the file.
        error: the largest difference between a weight on the page and the one it was made from.
        has_vectors: whether the page shows how numbers are made.
    """

    sentences: int
    bytes: int
    error: float
    has_vectors: bool


def write_page(
    records: Records,
    out: str | os.PathLike,
    *,
    with_vectors: bool | None = None,
    heads: Iterable[HeadSummary] = (),
    source_error: float = 0.0,
    is_film: bool = False,
) -> PageFacts:
    """Write one HTML file to look at the attention of sentences with; its folder is made if need be.

    The file needs no network and no server. Sentences are read one after the other, so that a page of hundreds takes
    the memory of one. Those with the same source can be compared: checkpoints, hypotheses; their `id` tells them apart.

    Args:
        records: what `teacher_forced_attention` returns, the sentences of an export, or what `inspect_pairs` returns.
        out: the file, `.html`.
        with_vectors: keep queries, keys and values where there are any: the page then shows how each weight is made.
            Unless given, only on a page of a few sentences.
        heads: what is known of heads of cross-attention, see `align.known`.
        source_error: by how much the weights that are written differ from the model's already, as an export says.
        is_film: the records are one sentence pair at several times; the page walks through them with a slider.

    Raises:
        UserError: no sentences, another suffix, or a file that cannot be written.
    """
    path = Path(out)
    if path.suffix.lower() not in PAGE_SUFFIXES:
        raise UserError(f"{path}: pages end in .html")
    with replacing(path) as unfinished:
        with unfinished.open("w", encoding="utf-8", newline="\n") as file:
            largest_error, has_vectors = _write(file, records, with_vectors, heads, source_error, is_film)
        size = unfinished.stat().st_size
    return PageFacts(len(records), size, largest_error, has_vectors)


def page_frame(
    records: Records, *, heads: Iterable[HeadSummary] = (), source_error: float = 0.0, height: int = FRAME_HEIGHT
) -> str:
    """Write the page as an HTML element: a frame that a notebook, or an app, can show.

    What is in the frame can run nothing but the page's own script, and cannot reach what is around it.

    Args:
        records, heads, source_error: see `write_page`.
        height: in CSS pixels.

    Raises:
        UserError: no sentences.
    """
    file = StringIO()
    _write(file, records, None, heads, source_error, False)
    style = f"width: 100%; height: {height}px; border: 0; border-radius: 8px"
    return (
        f'<iframe title="Attention" sandbox="allow-scripts allow-modals" style="{style}"'
        f' srcdoc="{escape(file.getvalue(), quote=True)}"></iframe>'
    )


def _write(
    file: TextIO,
    records: Records,
    with_vectors: bool | None,
    heads: Iterable[HeadSummary],
    source_error: float,
    is_film: bool,
) -> tuple[float, bool]:
    """Write a page; returns its largest error, and whether vectors are on it."""
    if not len(records):
        raise UserError("there is no sentence to show")
    keep = len(records) <= MOST_WITH_VECTORS if with_vectors is None else with_vectors
    file.write(opening())
    texts, errors, has_vectors = [], [0.0], False
    for number, record in enumerate(records):
        maps = record.maps if isinstance(record, InspectedSentence) else record
        payload = record_payload(maps, vectors_of(record) if keep else {}, 1 / len(records))
        file.write(data_block(f"record-{number}", payload))
        texts.append([maps.id, maps.source, maps.target, maps.places])
        errors += [place["error"] for place in payload["places"].values()]
        has_vectors |= any(place["vectors"] for place in payload["places"].values())
    index = {
        "records": texts,
        "heads": heads_payload(heads),
        "colours": colour_maps(),
        "source_error": source_error,
        "is_film": is_film,
    }
    file.write(data_block("page-data", index))
    file.write(closing())
    return max(errors), has_vectors
