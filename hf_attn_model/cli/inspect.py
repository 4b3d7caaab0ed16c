"""`hf-attn view`, `explain`, `curve`, `film` and `app`: look at attention."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UserError
from .options import (
    FILM_SUFFIX,
    ON_PICTURES,
    PAGE_SUFFIXES,
    FromLang,
    Head,
    IntoLang,
    Layer,
    Model,
    ModelOrMaps,
    NumBeams,
    Place,
    PlaceName,
    Subwords,
    Target,
    at_least_one,
    check_beams,
    refuse,
    set_languages,
)
from .terminal import announce, open_checkpoint, quiet_libraries

if TYPE_CHECKING:
    from ..checkpoint import Checkpoint
    from ..export.store import Maps
    from ..view.page.write import PageFacts

MOST = 500  # sentences of a page, unless more are asked for
ON_PAGES = ("first", "compare", "best")  # options that only pages have
OF_A_TRAINING = "of a training with watch_attention=256"


def view(
    model: ModelOrMaps,
    sentence: Annotated[
        str | None, typer.Argument(metavar="SENTENCE", help="sentence to translate, after a model")
    ] = None,
    out: Annotated[
        str, typer.Option(metavar="FILE", help="picture (.png, .svg, .pdf) or page (.html)")
    ] = "attention.png",
    target: Target = None,
    place: Place = None,
    layer: Layer = None,
    head: Head = None,
    subwords: Subwords = False,
    index: Annotated[
        int | None, typer.Option(metavar="N", help="number of a sentence in the export; default: 0, a page: all")
    ] = None,
    first: Annotated[
        int | None, typer.Option(metavar="N", help=f"page: so many sentences of an export; default: {MOST}")
    ] = None,
    compare: Annotated[
        list[str] | None, typer.Option(metavar="MODEL...", help="page: other checkpoints, same translation")
    ] = None,
    best: Annotated[int | None, typer.Option(metavar="N", help="page: the N best translations of the beam")] = None,
    source_lang: FromLang = None,
    target_lang: IntoLang = None,
    num_beams: NumBeams = None,
) -> None:
    """Draw the attention of a sentence, or make a page to explore."""
    typed = {
        **{"place": place, "layer": layer, "head": head, "subwords": subwords, "target": target, "index": index},
        **{"first": first, "compare": compare or None, "best": best, "num_beams": num_beams},
        **{"source_lang": source_lang, "target_lang": target_lang},
    }
    is_page = Path(out).suffix.lower() in PAGE_SUFFIXES
    _check_options(typed, sentence, is_page)
    if sentence is None:
        quiet_libraries()
        from ..checkpoint import Checkpoint
        from ..export.store import open_maps

        checkpoint = Checkpoint(model)
        if checkpoint.folder is not None and checkpoint.find("config.json") is not None:
            raise UserError(f"{model} is a model: give a sentence to translate, too")
        of_models = ("compare", "best", "target", "num_beams", "source_lang", "target_lang")
        refuse(typed, of_models, "it needs a model and a sentence")
        if is_page:
            _page_of_export(open_maps(model), model, out, index, first)
            return
        from ..view.pictures import check_format

        check_format(out)
        _draw(_sentence_of(open_maps(model), index or 0), out, typed)
        return
    if not is_page:
        from ..view.pictures import check_format

        check_format(out)
    checkpoint = open_checkpoint(model)
    announce(f"Looking at a sentence with {checkpoint}")
    others = [open_checkpoint(name) for name in compare or ()]
    for each in (checkpoint, *others):
        set_languages(each, source_lang, target_lang)
    from ..view.page import inspect_translations, write_page

    seen = inspect_translations(
        checkpoint, sentence, target=target, best=best, compare=others, num_beams=num_beams or checkpoint.num_beams
    )
    if not is_page:
        _draw(seen[0].maps, out, typed)
        return
    facts = write_page(seen, out, heads=checkpoint.head_summaries)
    print(f"{seen[0].maps.source}\n" + "\n".join(dict.fromkeys(each.maps.target for each in seen)))
    _say_page(facts, out)


def _check_options(typed: dict[str, Any], sentence: str | None, is_page: bool) -> None:
    """Refuse options that would not be heard."""
    if is_page:
        refuse(typed, ON_PICTURES, "a page shows all of it")
    else:
        refuse(typed, ON_PAGES, "it is for pages: --out page.html")
    if sentence is not None:
        refuse(typed, ("index", "first"), "it is for exports")
    if typed["best"] is not None and (typed["compare"] or typed["target"] is not None):
        raise UserError("--best compares translations of one model: leave out --compare and --target")
    at_least_one("--first", typed["first"])
    at_least_one("--best", typed["best"])
    check_beams(typed["num_beams"])


def _draw(record: Any, out: str, typed: dict[str, Any]) -> None:
    """Draw a sentence with its maps."""
    from ..view.pictures import save_picture

    save_picture(record, out, typed["place"], typed["layer"], typed["head"], not typed["subwords"])
    print(f"{record.source}\n{record.target}\npicture: {out}")


def _page_of_export(maps: "Maps", name: str, out: str, index: int | None, first: int | None) -> None:
    """Write a page of the first sentences of an export, or of one."""
    from ..checkpoint import Checkpoint
    from ..view.page import write_page

    most = first or MOST
    if index is not None:
        records: Sequence[Any] = [_sentence_of(maps, index)]
    else:
        records = maps if len(maps) <= most else maps[:most]  # read one after the other
    checkpoint = Checkpoint(maps.metadata["model"])
    heads = checkpoint.head_summaries if checkpoint.is_local else []
    announce(f"Writing {len(records):,} sentences into {out}")
    facts = write_page(records, out, heads=heads, source_error=maps.metadata["largest_error"])
    _say_page(facts, out)
    if index is None and len(maps) > len(records):
        print(f"{name} holds {len(maps):,} sentences: --first {len(maps)} would show all of them")


def _say_page(facts: "PageFacts", out: str) -> None:
    kept = "weights and the vectors they are made of" if facts.has_vectors else "weights"
    sentences = "1 sentence" if facts.sentences == 1 else f"{facts.sentences:,} sentences"
    print(f"page: {out}: {sentences}, {facts.bytes / 1e6:.1f} MB, {kept}")


def _sentence_of(maps: "Maps", index: int) -> Any:
    """Find a sentence of an export."""
    if not 0 <= index < len(maps):
        raise UserError(f"--index {index}: the export holds sentences 0 to {len(maps) - 1}")
    return maps[index]


def explain(
    model: Model,
    sentence: Annotated[str, typer.Argument(metavar="SENTENCE", help="source sentence")],
    word: Annotated[
        str | None,
        typer.Option(metavar="WORD", help="whose: a source word (encoder) or a target word; default: the last"),
    ] = None,
    place: Annotated[PlaceName, typer.Option(help="where to look")] = "encoder",
    layer: Annotated[int, typer.Option(metavar="N", help="counted from 0")] = 0,
    head: Annotated[int, typer.Option(metavar="N", help="counted from 0")] = 0,
    target: Target = None,
    source_lang: FromLang = None,
    target_lang: IntoLang = None,
    num_beams: NumBeams = None,
) -> None:
    """Print every step of attention for one word."""
    check_beams(num_beams)
    checkpoint = open_checkpoint(model)
    followed = "the last word" if word is None else f'"{word}"'
    announce(f"Following {followed} through the {place} of {checkpoint}, layer {layer}, head {head}")
    from ..view.explain import explain as explain_word

    set_languages(checkpoint, source_lang, target_lang)
    if target is None and place != "encoder":
        target = _translation(checkpoint, sentence, num_beams)
    text = explain_word(
        checkpoint.model, checkpoint.tokenizer, sentence, word, place=place, layer=layer, head=head, target=target
    )
    print(text)


def _translation(checkpoint: "Checkpoint", sentence: str, num_beams: int | None) -> str:
    """Translate as `hf-attn translate` would."""
    from ..translation.search import translate

    width = num_beams or checkpoint.num_beams
    return translate(checkpoint.model, checkpoint.tokenizer, [sentence], num_beams=width)[0]


def curve(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help=OF_A_TRAINING)],
    out: Annotated[str, typer.Option(metavar="FILE", help="picture: .png, .svg or .pdf")] = "curve.png",
) -> None:
    """Draw what a training made of attention."""
    quiet_libraries()
    from ..study.curve import read_curve
    from ..view.curves import save_curve

    records = read_curve(folder)
    save_curve(records, out)
    print(f"{len(records)} steps measured, {records[0]['step']} to {records[-1]['step']}\npicture: {out}")


def film(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help=OF_A_TRAINING)],
    out: Annotated[str, typer.Option(metavar="FILE", help="film (.gif) or page with a slider (.html)")] = "film.gif",
    place: Place = None,
    layer: Layer = None,
    head: Head = None,
    subwords: Subwords = False,
) -> None:
    """Show one sentence at every measured step of a training."""
    suffix = Path(out).suffix.lower()
    if suffix not in (FILM_SUFFIX, *PAGE_SUFFIXES):
        raise UserError(f"{out}: films end in {FILM_SUFFIX}, pages in {PAGE_SUFFIXES[0]}")
    if suffix != FILM_SUFFIX:
        typed = {"place": place, "layer": layer, "head": head, "subwords": subwords}
        refuse(typed, ON_PICTURES, "a page shows all of it")
    quiet_libraries()
    from ..study.curve import read_curve, read_frames
    from ..view.page import write_page
    from ..view.pictures import save_film

    frames = read_frames(read_curve(folder))
    announce(f"Drawing {len(frames)} frames into {out}")
    if suffix == FILM_SUFFIX:
        save_film(frames, out, place, layer, head, merge_words=not subwords)
    else:
        write_page(frames, out, is_film=True)
    print(f"{frames[0].source}\n{frames[0].target}\n{len(frames)} frames, {frames[0].id} to {frames[-1].id}")
    print(f"film: {out}")


def app(
    model: Model,
    port: Annotated[
        int | None, typer.Option(metavar="N", help="of this machine; default: the first free one from 7860 on")
    ] = None,
    source_lang: FromLang = None,
    target_lang: IntoLang = None,
    num_beams: NumBeams = None,
) -> None:
    """Serve a page to type sentences and look at their attention."""
    check_beams(num_beams)
    checkpoint = open_checkpoint(model)
    announce(f"Serving {model}, until Ctrl-C")
    from ..app import launch_app

    if source_lang or target_lang or checkpoint.has_languages:
        set_languages(checkpoint, source_lang, target_lang)
    launch_app(checkpoint, num_beams=num_beams, port=port)
