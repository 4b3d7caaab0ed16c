"""Cross-attention and gold links made by hand."""

import numpy as np

from hf_attn_model.alignment.cross_attention import CrossAttention
from hf_attn_model.alignment.pairs import GoldPair


def make_attention(weights):
    """Maps (L,H,T,S) of sentences whose words are one token each, and whose last token is the end mark."""
    _, _, rows, columns = weights.shape
    source, target = [[*range(length - 1), None] for length in (columns, rows)]
    words = [[str(word) for word in side[:-1]] for side in (source, target)]
    return CrossAttention("0", " ".join(words[0]), " ".join(words[1]), weights, None, *words, source, target)


def make_gold(sure, target_words, source_words):
    words = [[str(word) for word in range(count)] for count in (source_words, target_words)]
    return GoldPair(" ".join(words[0]), " ".join(words[1]), *words, sure, [])


def point_at(columns, source):
    """A map (T,S) that looks at one key in each row, and a little at the others."""
    weights = np.full((len(columns), source), 0.1 / source, dtype=np.float32)
    weights[range(len(columns)), columns] += 0.9
    return weights
