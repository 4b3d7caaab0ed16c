"""A folder of attention maps -> the files of a dataset repository, with a card that says how to read them."""

from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCard, DatasetCardData

from ..errors import UserError
from ..export.metadata import to_bytes
from ..export.schema import METADATA
from ..export.store import Maps, open_maps
from ..recipes.recipe import Recipe, recipe_of
from ..secrets import redact
from ..text.corpora import whole_path
from ..training.card import CARD
from .upload import Shipment

TEMPLATE = Path(__file__).with_name("dataset_template.md")
SHARDS = "maps-*.arrow"


def check_maps(folder: Path) -> Maps:
    """Open an export, and read every shard of it through.

    Raises:
        UserError: the folder is no finished export, or a shard is missing or damaged.
    """
    maps = open_maps(folder)
    if damaged := maps.verify():
        raise UserError(f"cannot read {folder}/{damaged[0]} as it was written; run the same hf-attn export again")
    return maps


def stage_maps(maps: Maps, repo_id: str, model_folder: Path, model_id: str, stage: Path) -> Shipment:
    """Write card and metadata of an export into a folder, without secrets; its shards go up from where they lie.

    Args:
        maps: the export.
        repo_id: where it goes.
        model_folder, model_id: the model pushed with it, here and on the Hub.
        stage: a new folder.
    """
    stage.mkdir()
    recipe = recipe_of(model_folder)
    facts = redact(dict(maps.metadata))
    if Path(facts["model"]).resolve() == model_folder.resolve():  # readers know the model by its id
        facts["model"] = model_id
    (stage / METADATA).write_bytes(to_bytes(facts))
    card = DatasetCard.from_template(
        _card_data(facts, repo_id, recipe),
        template_path=str(TEMPLATE),
        repo_id=repo_id,
        facts=facts,
        is_of_model=facts["model"] == model_id,
    )
    card.save(stage / CARD)
    shards = {shard["file"]: maps.folder.local_path(shard["file"]) for shard in facts["shards"]}
    files = {CARD: stage / CARD, METADATA: stage / METADATA, **shards}
    return Shipment(repo_id, "dataset", files, (SHARDS,))


def _card_data(facts: dict[str, Any], repo_id: str, recipe: Recipe | None) -> DatasetCardData:
    """Fill the fields that the Hub searches, and tell `load_dataset` which files are the data."""
    is_own = recipe is not None and whole_path(facts.get("corpus") or "") == whole_path(recipe.corpus)
    return DatasetCardData(
        pretty_name=repo_id.split("/")[1],
        language=recipe.languages if recipe else None,
        license=recipe.license if recipe and is_own else None,
        tags=["attention", "interpretability", "hf_attn"],
        configs=[{"config_name": "default", "data_files": [{"split": "train", "path": SHARDS}]}],
    )
