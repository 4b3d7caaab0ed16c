"""A checkpoint folder -> the files of a model repository, complete and loadable anywhere.

The model is loaded and saved anew, into a folder of its own: what goes up has been loaded once, carries today's code,
and holds nothing of the training's scratch files.
"""

import shutil
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ..attention.teacher_forcing import teacher_forced_attention
from ..checkpoint.alignment_config import ALIGNMENT_FILE
from ..checkpoint.checkpoint import load_translator
from ..checkpoint.converted import CONVERSION_FILE, conversion_for
from ..checkpoint.digests import MANIFEST_FILE, renew_digests
from ..engines.convert import weights_of
from ..errors import UserError
from ..recipes.recipe import RECIPE_FILE, recipe_of
from ..training.build import fill_generation_config
from ..training.card import CARD, CTRANSLATE2, EVALUATION_FILE, PICTURE, Example, default_example, write_card
from ..translation.search import translate
from ..view.pictures import save_picture
from .clean import copy_clean
from .upload import Shipment

RECORDS = (RECIPE_FILE, MANIFEST_FILE, EVALUATION_FILE, ALIGNMENT_FILE, CONVERSION_FILE)
SETTINGS = ("config.json", "generation_config.json", "tokenizer_config.json")
OWNED = ("*.safetensors", "*.safetensors.index.json", PICTURE, f"{CTRANSLATE2}/*", *RECORDS)


def check_checkpoint(folder: Path) -> None:
    """Raise `UserError` unless a model lies in the folder."""
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} is no checkpoint: give a folder with a config.json, such as hf-attn train makes")


def check_converted(folder: Path, converted: Path) -> None:
    """Raise `UserError` unless a folder was made for CTranslate2 of the weights that lie in another one."""
    facts = conversion_for(converted, CTRANSLATE2)
    if facts is None:
        raise UserError(f"{converted} is not for CTranslate2: make it with hf-attn convert {folder} --to {CTRANSLATE2}")
    if facts.get("from", {}).get("sha256") != weights_of(folder):
        raise UserError(f"{converted} was made of other weights than those in {folder}: convert them again")


def stage_model(
    folder: Path, repo_id: str, stage: Path, sentence: str | None = None, converted: Path | None = None
) -> Shipment:
    """Save what goes up into a folder: model, code, tokenizer, records, picture and card, all without secrets.

    Args:
        folder: the checkpoint, made by `hf-attn train` or any `save_pretrained`.
        repo_id: where it goes, for the card.
        stage: a new folder.
        sentence: drawn on the card with its translation; by default an English one, if the model reads English.
        converted: the same model for CTranslate2, which goes into a folder of its own there.

    Raises:
        UserError: the checkpoint cannot be loaded, or the sentence not be drawn.
    """
    recipe = recipe_of(folder)
    model, tokenizer = load_translator(str(folder))
    if recipe is not None:
        fill_generation_config(model, recipe)
    model.save_pretrained(stage, **_shard_size(folder))
    tokenizer.save_pretrained(stage)
    for name in RECORDS:
        if (folder / name).is_file():
            copy_clean(folder / name, stage / name)
    renew_digests(stage)
    if converted is not None:
        (stage / CTRANSLATE2).mkdir()
        for path in sorted(converted.iterdir()):
            copy = shutil.copyfile if path.suffix == ".bin" else copy_clean
            copy(path, stage / CTRANSLATE2 / path.name)

    example = _draw_example(model, tokenizer, sentence, default_example(recipe), stage / PICTURE)
    if recipe is None and (folder / CARD).is_file():
        copy_clean(folder / CARD, stage / CARD)
    else:
        write_card(stage, repo_id, example)
    for name in SETTINGS:
        if (stage / name).is_file():
            copy_clean(stage / name, stage / name)
    return Shipment(
        repo_id,
        "model",
        {path.relative_to(stage).as_posix(): path for path in stage.rglob("*") if path.is_file()},
        OWNED,
    )


def left_out(folder: Path, shipment: Shipment) -> list[str]:
    """Name what lies in the checkpoint folder and does not go up; folders end in a slash."""
    return sorted(
        f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir() if path.name not in shipment.files
    )


def _shard_size(folder: Path) -> dict[str, Any]:
    """Keep weights in shards no larger than they were; those in one file stay in one."""
    sizes = [path.stat().st_size for path in folder.glob("model-*-of-*.safetensors")]
    return {"max_shard_size": max(sizes)} if sizes else {}


def _draw_example(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, given: str | None, default: str | None, picture: Path
) -> Example | None:
    """Draw the sentence given, else the default; `None` if there is neither, or the default cannot be drawn."""
    if given is not None:
        return _draw(model, tokenizer, given, picture)
    try:
        return None if default is None else _draw(model, tokenizer, default, picture)
    except UserError:  # a weak model may write more than it can read
        return None


def _draw(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sentence: str, picture: Path) -> Example:
    """Draw the attention of a sentence and its translation."""
    num_beams = model.generation_config.num_beams or 5
    (translation,) = translate(model, tokenizer, [sentence], num_beams=num_beams)
    (record,) = teacher_forced_attention(model, tokenizer, [sentence], [translation])
    save_picture(record, picture)
    return Example(sentence, translation)
