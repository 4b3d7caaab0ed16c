"""Word alignments from cross-attention: which source word each target word goes with, and which heads tell it.

Read in this order: `scores` (links against gold links), `links` and `symmetrise` (a word map -> links), `pairs` (what
is aligned), `cross` and `norms` (a model -> word maps), `reading` (heads, step and rule together), `choice` (the
reading that agrees best with gold links), `roles` (what each head does), `formats` (files), `corpus` (links of many
pairs), `verbs` (`hf-attn align`, `hf-attn heads`). Baselines: `links.diagonal_links` and `similarity`.
"""
