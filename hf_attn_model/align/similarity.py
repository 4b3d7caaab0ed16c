"""A baseline without attention: words whose encoder states are alike, after Jalili Sabet et al. (2020), "SimAlign".

Source and target sentence both go through the encoder, which has to know both vocabularies; where it was trained on the
source language alone, it still meets names, numbers and related words.

Shapes: T tokens, D d_model, Tw target words, Sw source words.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..maps.sides import Side, read_texts
from .cross import BATCH_SIZE, given_words, membership
from .pairs import Pair


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
        sources = read_texts(tokenizer, [pair.source for pair in batch], words=given_words(batch, "source"))
        targets = read_texts(
            tokenizer, [pair.target for pair in batch], is_target=True, words=given_words(batch, "target")
        )
        for source, target in zip(_word_states(model, sources), _word_states(model, targets), strict=True):
            yield target @ source.T  # (Tw,D) @ (D,Sw) -> (Tw,Sw)


@torch.no_grad()
def _word_states(model: PreTrainedModel, sides: list[Side]) -> Iterator[np.ndarray]:
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
