"""Word alignments from cross-attention: which source word each target word goes with, and which heads tell it.

Read in this order: `scores` (links against gold links), `links` (a word map -> links; two directions -> one), `pairs`
(what is aligned), `cross_attention` (a model or an export -> word maps -> links), `heads` (what each head does, and
those that agree best with gold links), `formats` (files), `gold` (links by people), `corpus` (links of many pairs),
`selection` (heads and links for a model). `baselines`, and `links.diagonal_links`, are what attention is compared with.
"""

from .corpus import align
from .cross_attention import CrossAttention, read_cross_attention
from .formats import LinkedPair, read_links, write_links
from .gold import read_gold
from .heads import choose_alignment_config, profile_heads
from .links import link_words, symmetrise
from .pairs import GoldPair, Pair, read_pairs
from .scores import alignment_error_rate

__all__ = [
    "CrossAttention",
    "GoldPair",
    "LinkedPair",
    "Pair",
    "align",
    "alignment_error_rate",
    "choose_alignment_config",
    "link_words",
    "profile_heads",
    "read_cross_attention",
    "read_gold",
    "read_links",
    "read_pairs",
    "symmetrise",
    "write_links",
]
