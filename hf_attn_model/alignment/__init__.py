"""Word alignments from cross-attention: which source word each target word goes with, and which heads tell it.

Read in this order: `scores` (links against gold links), `links` (a word map -> links), `pairs` (what is aligned),
`cross_attention` (a model or an export -> word maps), `formats` (files), `align` (links of many pairs), `heads` (what
each head does, and those that agree best with gold links), `selection` (both, for a model). Baselines:
`links.diagonal_links` and `baselines`.
"""
