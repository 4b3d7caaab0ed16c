"""What can be typed after `hf-attn align` and `hf-attn heads`."""

import argparse

from ..options import MODEL, add_languages


def add_align_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be typed after `hf-attn align`."""
    parser.add_argument("model", metavar="MODEL|MAPS", help="a model, or the folder of an export")
    parser.add_argument("--data", help="pairs for a model: file, folder, Hub id or textbook:en-es")
    parser.add_argument("--config", help="of a Hub data set that has several")
    parser.add_argument("--split", default="test", help="of a folder, a Hub id or the textbook; default: test")
    parser.add_argument("--spaced", action="store_true", help="the words of the data are what spaces separate")
    parser.add_argument("--out", metavar="FILE", help="JSON lines if it ends in .jsonl, else Pharaoh; default: print")
    parser.add_argument("--heads", help="such as 2:1,2:3 (LAYER:HEAD) or 2 (LAYER); default: as hf-attn heads chose")
    parser.add_argument("--step", help="output (where a token is written) or input (where it is read)")
    parser.add_argument("--norms", action="store_true", help="norms of what is carried, instead of attention weights")
    parser.add_argument("--rule", help="target, source, threshold, intersection, union, grow-diag[-final[-and]]")
    parser.add_argument("--least", type=float, help="least weight of a link, 0 to 1")
    parser.add_argument("--reverse", metavar="MODEL|MAPS", help="of the other direction; --rule then unites the two")
    add_languages(parser)


def add_heads_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be typed after `hf-attn heads`."""
    parser.add_argument("model", help=MODEL)
    parser.add_argument("--gold", required=True, help="to choose on: .jsonl file of words and links, or textbook:en-es")
    parser.add_argument("--test", help="to report on, likewise; of the textbook its test split")
    parser.add_argument("--swap", action="store_true", help="the files are of the other direction: turn them round")
    parser.add_argument("--norms", action="store_true", help="norms of what is carried, instead of attention weights")
    parser.add_argument("--format", default="text", help="of the tables: text, markdown or tsv; default: text")
    parser.add_argument("--picture", metavar="FILE", help="draw the heads: .png, .svg or .pdf")
    add_languages(parser)
