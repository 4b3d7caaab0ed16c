"""What attention is compared with: similarity of encoder states, and a statistical aligner (eflomal)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.tokenized import TokenizedText, tokenize_with_words
from ..attention.words import membership
from ..errors import UserError
from .cross_attention import BATCH_SIZE, given_words
from .formats import read_links
from .pairs import Pair

Links = list[tuple[int, int]]


def similarity_maps(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, pairs: Iterable[Pair], batch_size: int = BATCH_SIZE
) -> Iterator[np.ndarray]:
    """Compare each target word with each source word: (Tw,Sw), cosines of the sums of their last encoder states.

    Args:
        model: an encoder-decoder model in evaluation mode, with one vocabulary for both languages.
        tokenizer: of the model.
        pairs: either all or none of them with words of their own.
        batch_size: pairs per forward pass.
    """
    pairs = iter(pairs)
    while batch := list(islice(pairs, batch_size)):
        sources = tokenize_with_words(tokenizer, [pair.source for pair in batch], words=given_words(batch, "source"))
        targets = tokenize_with_words(
            tokenizer, [pair.target for pair in batch], is_target=True, words=given_words(batch, "target")
        )
        for source, target in zip(_word_states(model, sources), _word_states(model, targets), strict=True):
            yield target @ source.T  # (Tw,D) @ (D,Sw) -> (Tw,Sw)


@torch.no_grad()
def _word_states(model: PreTrainedModel, sides: list[TokenizedText]) -> Iterator[np.ndarray]:
    """Last encoder states of words, (words,D), each of length 1."""
    ids = torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(side.ids) for side in sides], batch_first=True, padding_value=model.config.pad_token_id
    )
    lengths = torch.tensor([len(side.ids) for side in sides])
    mask = (torch.arange(ids.shape[1]) < lengths[:, None]).long()
    states = model.get_encoder()(input_ids=ids.to(model.device), attention_mask=mask.to(model.device))[0]
    for side, of_tokens in zip(sides, states.float().cpu().numpy(), strict=True):
        of_words = membership(side.word_of_token, len(side.words)).T @ of_tokens[: len(side.ids)]  # (T,D) -> (words,D)
        yield of_words / np.maximum(np.linalg.norm(of_words, axis=1, keepdims=True), 1e-9)


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
