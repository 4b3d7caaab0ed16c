"""export_attention: a corpus of sentence pairs -> a folder of attention maps."""

import os
from collections.abc import Sequence

from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..errors import UserError
from .forced import force
from .store import MapsWriter


def export_attention(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[str],
    targets: Sequence[str],
    out: str | os.PathLike,
    *,
    batch_size: int = 32,
    ids: Sequence[str] | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> None:
    """Write the attention of every sentence pair, from teacher-forced passes over batches of them.

    Read the result with `open_maps(out)`; `schema` tells what lies in `out`.

    Args:
        model, tokenizer: see `force`.
        sources, targets: sentences in parallel; the targets are translations or references.
        out: a folder, new or empty.
        batch_size: sentences per forward pass.
        ids: names of the pairs; their positions unless given.
        overwrite: replace an earlier export in `out`.
        progress: show a progress bar on standard error.

    Raises:
        UserError: `sources`, `targets` and `ids` differ in length, `out` is not empty or not writable, or a
            sentence cannot be passed through the model (see `force`); nothing is ever cut.
    """
    names = [str(i) for i in range(len(sources))] if ids is None else list(ids)
    if not len(sources) == len(targets) == len(names):
        raise UserError(f"{len(sources)} sources, {len(targets)} targets and {len(names)} ids do not pair up")
    metadata = {"model": model.name_or_path, "model_type": model.config.model_type}
    bar = tqdm(total=len(names), desc="Exporting attention", unit=" sentences", disable=not progress)
    with MapsWriter(out, metadata, overwrite=overwrite) as writer, bar:
        for start in range(0, len(names), batch_size):
            chosen = slice(start, start + batch_size)
            writer.write(force(model, tokenizer, sources[chosen], targets[chosen], names[chosen]))
            bar.update(len(names[chosen]))
