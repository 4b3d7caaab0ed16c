"""`hf-attn convert`: the same translator in another form."""

from typing import Annotated

import typer

from .options import A_MODEL, FormName
from .terminal import announce, open_checkpoint


def convert(
    model: Annotated[str, typer.Argument(metavar="CHECKPOINT", help=A_MODEL)],
    to: Annotated[FormName, typer.Option(help="hf_attn, ours; or a stock class of transformers")],
    out: Annotated[str, typer.Option(metavar="FOLDER", help="new folder for the converted model")],
) -> None:
    """Turn a stock translator into one of ours, or the other way."""
    checkpoint = open_checkpoint(model)
    announce(f"Converting {checkpoint} to {to}")
    from ..engines import convert as convert_checkpoint

    print(f"{convert_checkpoint(checkpoint, to, out)}\nnext: hf-attn translate {out} ...")
