"""The textbook: a small corpus of correct English-Spanish and English-Chinese sentences with gold word alignments.

A lexicon (`lexicon/`, tables that a teacher can read and extend) is read into entries (`reading`, `entries`).
`composing` decides at random what to say, as a tree without word order (`sentences`); `english`, `spanish` and
`chinese` say it, and words that express the same concept are aligned (ALIGNMENT.md tells the convention).
`dataset` divides the sentences into splits such that "test" measures composition: its adjective-noun and
verb-object pairs never occur together in "train".
"""

from .dataset import load_textbook

__all__ = ["load_textbook"]
