"""A baseline without a translation model: eflomal (Östling and Tiedemann 2016), an optional package.

It learns which words go together from the sentence pairs themselves, by Gibbs sampling; the best known of its kind.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import UserError
from .formats import read_links

Links = list[tuple[int, int]]


def eflomal_links(pairs: Sequence[tuple[Sequence[str], Sequence[str]]]) -> tuple[list[Links], list[Links]]:
    """Learn from pairs of word lists, and align them in both directions.

    Returns:
        links (source index, target index) of every pair: at most one for each target word; and at most one for each
        source word.

    Raises:
        UserError: eflomal is not installed.
    """
    try:
        import eflomal
    except ImportError as error:
        raise UserError("eflomal is not installed: pip install 'hf-attn-model[align-benchmark]'") from error
    sources, targets = ([" ".join(words) + "\n" for words in side] for side in zip(*pairs, strict=True))
    with TemporaryDirectory() as folder:
        forward, backward = (str(Path(folder, name)) for name in ("forward", "backward"))
        eflomal.Aligner().align(sources, targets, links_filename_fwd=forward, links_filename_rev=backward)
        return list(read_links(forward)), list(read_links(backward))
