"""`hf-attn convert`: the same translator in another form."""

from typing import Annotated

import typer

from ..errors import UserError
from .options import A_MODEL, FormName, QuantizationName
from .terminal import announce, open_checkpoint


def convert(
    model: Annotated[str, typer.Argument(metavar="CHECKPOINT", help=A_MODEL)],
    to: Annotated[FormName, typer.Option(help="hf_attn, ours; a stock class of transformers; or ctranslate2")],
    out: Annotated[str, typer.Option(metavar="FOLDER", help="new folder for the converted model")],
    quantization: Annotated[
        QuantizationName | None, typer.Option(help="of the weights for ctranslate2; default: float32")
    ] = None,
) -> None:
    """Turn a translator into one of another form."""
    if quantization is not None and to != "ctranslate2":
        raise UserError(f"leave out --quantization {quantization}: it is for --to ctranslate2")
    checkpoint = open_checkpoint(model)
    announce(f"Converting {checkpoint} to {to}")
    done: object
    if to == "ctranslate2":
        from ..engines.ctranslate2_folder import convert_for_ctranslate2

        done = convert_for_ctranslate2(checkpoint, out, quantization)
    else:
        from ..engines import convert as convert_checkpoint

        done = convert_checkpoint(checkpoint, to, out)
    print(f"{done}\nnext: hf-attn translate {out} ...")
