"""A model on the Hub -> the files of a Space that shows it: the app, the package, and a card.

The package goes along as it runs here, so that a Space needs nothing that is not on the package index.
"""

from importlib.metadata import requires, version
from pathlib import Path

from huggingface_hub import RepoCard, SpaceCardData
from packaging.requirements import Requirement

from ..files import write_text
from ..recipes.recipe import recipe_of
from ..training.card import CARD
from ..training.provenance import PACKAGE
from .upload import Shipment

APP, REQUIREMENTS = "app.py", "requirements.txt"
GRADIO = "6.31.0"  # that the app was tried with
PYTHON = "3.11"
TEMPLATE = Path(__file__).with_name("space_template.md")
APP_TEXT = '''"""The app of {model_id}: type a sentence, and look at what its translator looks at."""

from hf_attn_model.app import launch_app

launch_app("{model_id}")
'''


def stage_space(model_folder: Path, model_id: str, stage: Path) -> Shipment:
    """Write a Space that loads a model from the Hub into a folder.

    Args:
        model_folder, model_id: the model, here and on the Hub; the Space bears its name.
        stage: a new folder.
    """
    stage.mkdir()
    write_text(stage / APP, APP_TEXT.format(model_id=model_id))
    write_text(stage / REQUIREMENTS, "".join(f"{line}\n" for line in requirements()))
    recipe = recipe_of(model_folder)
    card = RepoCard.from_template(
        SpaceCardData(
            title=f"{model_id.split('/')[1]}: attention",
            sdk="gradio",
            sdk_version=GRADIO,
            python_version=PYTHON,
            app_file=APP,
            license=recipe.license if recipe else None,
            models=[model_id],
            tags=["attention", "interpretability", "translation", "hf_attn"],
        ),
        template_path=str(TEMPLATE),
        model_id=model_id,
        languages=recipe.directions if recipe else None,
    )
    card.save(stage / CARD)
    files = {path.name: path for path in stage.iterdir()}
    files |= {f"{PACKAGE.name}/{path.relative_to(PACKAGE).as_posix()}": path for path in package_files()}
    return Shipment(model_id, "space", files, (APP, REQUIREMENTS, f"{PACKAGE.name}/*"))


def package_files() -> list[Path]:
    """List the files of this package."""
    return sorted(path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def requirements() -> list[str]:
    """List what the package needs, in the versions that run here."""
    needed = [Requirement(text) for text in requires("hf-attn-model") or ()]
    here = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return [f"{one.name}=={version(one.name).split('+')[0]}" for one in here]
