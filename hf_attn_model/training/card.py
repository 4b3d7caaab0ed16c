"""What was measured -> the model card beside the checkpoint, for this machine or for the Hub."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from ..files import read_json, write_text
from ..recipes.recipe import Recipe, recipe_of
from ..text.corpora import TEXTBOOK
from ..text.readers import suffix_of
from .callbacks.manifest import read_manifest

CARD = "README.md"
PICTURE = "attention.png"
EVALUATION_FILE = "evaluation.json"
TEMPLATE = Path(__file__).with_name("card_template.md")


class Example(NamedTuple):
    """The sentence whose attention `PICTURE` shows, and its translation."""

    source: str
    target: str


def write_card(folder: str | Path, repo_id: str | None = None, example: Example | None = None) -> Path:
    """Write the card of a checkpoint from its recipe and the measurements that lie beside it, if they do.

    Args:
        folder: with `config.json` and, after a training here, the recipe and the records.
        repo_id: `user/name` under which readers load the model; by default they load it from the folder.
        example: given if a picture of its attention lies in the folder.

    Returns:
        the file, `README.md` in the folder.
    """
    folder = Path(folder)
    recipe = recipe_of(folder)
    config, evaluation = (_read(folder / name) for name in ("config.json", EVALUATION_FILE))
    manifest = read_manifest(folder)
    path = repo_id or folder.as_posix()
    sentence = example.source if example else default_example(recipe) or "..."
    card = ModelCard.from_template(
        _card_data(recipe, config, evaluation),
        template_path=str(TEMPLATE),
        name=recipe.name if recipe else path.split("/")[-1],
        path=path,
        trust=", trust_remote_code=True" if "auto_map" in config else "",
        has_pipeline="translation" in config.get("custom_pipelines", {}),
        recipe=recipe,
        corpus=_corpus_name(recipe.corpus) if recipe else None,
        sentence=json.dumps(sentence, ensure_ascii=False),
        example=example,
        picture=PICTURE,
        training=_training(manifest) if manifest.get("finished") else None,
        evaluation=evaluation,
    )
    write_text(folder / CARD, str(card))
    return folder / CARD


def default_example(recipe: Recipe | None) -> str | None:
    """Choose a sentence that the model reads; `None` unless it is known to read English."""
    return "I love my dog" if recipe and recipe.source_lang == "en" else None


def hub_dataset(corpus: str) -> str | None:
    """Return the corpus of a recipe if it is the id of a data set on the Hub."""
    path = Path(corpus).expanduser()
    if corpus.startswith((TEXTBOOK, ".", "/", "~")) or suffix_of(path) or path.exists():
        return None
    try:
        validate_repo_id(corpus)
    except HFValidationError:
        return None
    return corpus


def _read(path: Path) -> dict[str, Any]:
    """Read a file of JSON; what was not written is empty."""
    return read_json(path) if path.is_file() else {}


def _training(manifest: dict[str, Any]) -> dict[str, Any]:
    """Add to a manifest what its sessions say, each different value once."""
    sessions = manifest["sessions"]
    code = [session["code"] for session in sessions if session["code"]]
    return manifest | {
        "commands": _distinct(f"`{session['command']}`" for session in sessions),
        "code": _distinct(each["commit"] + (", changed since" if each["changed"] else "") for each in code),
        "resumed_at": [session["first_step"] for session in sessions[1:]],
        "versions": _distinct(
            ", ".join(f"{name} {version}" for name, version in session["versions"].items()) for session in sessions
        ),
        **{name: _distinct(session[name] for session in sessions) for name in ("hardware", "kernels")},
    }


def _distinct(values: Iterable[str]) -> str:
    """Join different values, in their order."""
    return "; then ".join(dict.fromkeys(values))


def _corpus_name(corpus: str) -> str:
    """Name the training data for readers elsewhere: a path on this machine by its last part."""
    return corpus if corpus.startswith(TEXTBOOK) or hub_dataset(corpus) else Path(corpus).name


def _card_data(recipe: Recipe | None, config: dict[str, Any], evaluation: dict[str, Any]) -> ModelCardData:
    """Fill the fields that the Hub searches and shows."""
    common: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "translation",
        "tags": [config["model_type"], "attention", "interpretability"],
    }
    if recipe is None:
        return ModelCardData(**common)
    dataset = hub_dataset(recipe.corpus)
    name = _corpus_name(recipe.corpus)
    results = [
        EvalResult(
            task_type="translation",
            dataset_type=name,
            dataset_name=name,
            dataset_config=recipe.config,
            dataset_split=recipe.test_split,
            metric_type=metric,
            metric_value=round(evaluation[metric], 2),
            metric_name=metric,
            metric_config=evaluation[f"{metric}_signature"],
        )
        for metric in ("bleu", "chrf")
        if evaluation
    ]
    return ModelCardData(
        model_name=recipe.name,
        language=[recipe.source_lang, recipe.target_lang],
        license=recipe.license,
        datasets=[dataset] if dataset else None,
        eval_results=results or None,
        **common,
    )
