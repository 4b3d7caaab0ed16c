"""What was measured -> the model card beside the checkpoint, for this machine or for the Hub."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from ..checkpoint.converted import conversion_for
from ..files import write_text
from ..recipes.recipe import Recipe, recipe_of
from ..secrets import redact
from ..text.corpora import TEXTBOOK, local_path
from ..text.readers import suffix_of
from .callbacks.manifest import read_manifest
from .records import CONFIG, EVALUATION, OF_CORPORA, TOKENIZED, check_record, read_record

CARD = "README.md"
PICTURE = "attention.png"
EVALUATION_FILE = "evaluation.json"
CTRANSLATE2 = "ctranslate2"  # the folder of the same model for that engine
MOST_KNOWN = 0.01  # of the test pairs, that a model may have been trained on, for its scores to be scores
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
        the file, `README.md` in the folder, without secrets.

    Raises:
        UserError: one of the records is damaged, or the card cannot be written.
    """
    folder = Path(folder)
    recipe = recipe_of(folder)
    config = read_record(folder / "config.json", CONFIG)
    evaluations = redact(read_evaluations(folder))
    manifest = redact(read_manifest(folder))
    path = repo_id or folder.as_posix()
    sentence = example.source if example else default_example(recipe) or "..."
    typed = json.dumps(sentence, ensure_ascii=False)
    if recipe and recipe.marks:
        typed += f" --target-lang {recipe.targets[0]}"
        sentence = f"{recipe.marks[0]} {sentence}" if recipe.init_from is None else sentence
    known, leak = manifest.get("test_in_train", {}).get("pairs", 0), None
    tested = sum(scores["sentences"] for scores in evaluations.values())
    if known > MOST_KNOWN * tested > 0:
        leak, evaluations = f"{known:,} of the {tested:,} test pairs", {}
    scored = _scored(recipe, evaluations) if recipe else []
    card = ModelCard.from_template(
        _card_data(recipe, config, scored, manifest.get("base")),
        template_path=str(TEMPLATE),
        name=recipe.name if recipe else path.split("/")[-1],
        path=path,
        trust=", trust_remote_code=True" if "auto_map" in config else "",
        has_pipeline="translation" in (config.get("custom_pipelines") or ()),
        recipe=recipe,
        corpus=", ".join(dict.fromkeys(_corpus_name(part.corpus) for part in recipe.parts())) if recipe else None,
        sentence=json.dumps(sentence, ensure_ascii=False),
        typed=typed,
        example=example,
        picture=PICTURE,
        training=_training(manifest) if manifest.get("finished") else None,
        evaluation=scored[0].scores if scored else {},
        scored=scored,
        signatures={name: _distinct_signatures(scored, name) for name in ("bleu", "chrf", "tokenized_bleu")},
        leak=leak,
        ctranslate2=_converted(folder / CTRANSLATE2),
    )
    write_text(folder / CARD, str(card))
    return folder / CARD


def default_example(recipe: Recipe | None) -> str | None:
    """Choose a sentence that the model reads; `None` unless it is known to read English."""
    return "I love my dog" if recipe and recipe.sources[0] == "en" else None


def hub_dataset(corpus: str) -> str | None:
    """Return the corpus of a recipe if it is the id of a data set on the Hub."""
    if corpus.startswith((TEXTBOOK, ".", "/", "~")) or suffix_of(Path(corpus)) or local_path(corpus) is not None:
        return None
    try:
        validate_repo_id(corpus)
    except HFValidationError:
        return None
    return corpus


def joint_license(data: str, base: str) -> str:
    """Name the licence of a model that was trained on data from a base: "other" if both count, and differ."""
    known = {data, base} - {"unknown"}
    return "other" if len(known) > 1 else next(iter(known), "unknown")


def read_evaluations(folder: str | Path) -> dict[str, dict[str, Any]]:
    """Read the scores that `hf-attn evaluate` has left beside a model; empty where it has not.

    Returns:
        the scores by the names of the recipe's corpora (see `Recipe.part_names`); under "" those of a recipe of one.

    Raises:
        UserError: they are damaged.
    """
    path, advice = Path(folder, EVALUATION_FILE), "; run hf-attn evaluate again"
    if not path.is_file():
        return {}
    found = read_record(path, {}, advice)
    if OF_CORPORA in found:
        check_record(path, found, {OF_CORPORA: dict}, advice)
    evaluations = found.get(OF_CORPORA, {"": found})
    for scores in evaluations.values():
        check_record(path, scores, EVALUATION, advice)
        if TOKENIZED.keys() & scores.keys():
            check_record(path, scores, TOKENIZED, advice)
    return evaluations


class Scored(NamedTuple):
    """What was measured on the test set of a corpus, and how a card calls that set."""

    test_set: str
    recipe: Recipe
    config: str | None
    scores: dict[str, Any]


def _scored(recipe: Recipe, evaluations: dict[str, dict[str, Any]]) -> list[Scored]:
    """List what was measured, for each corpus of a recipe."""
    found = []
    for name, part in zip(recipe.part_names(), recipe.parts(), strict=True):
        if name in evaluations:
            test_set = f"{_corpus_name(part.corpus)}, {part.test_split}"
            config = " ".join(filter(None, [part.config, name])) or None
            found.append(Scored(f"{name}: {test_set}" if name else test_set, part, config, evaluations[name]))
    return found


def _distinct_signatures(scored: Iterable[Scored], metric: str) -> str:
    signatures = (each.scores.get(f"{metric}_signature") for each in scored)
    return ", ".join(f"`{signature}`" for signature in dict.fromkeys(filter(None, signatures)))


def _converted(folder: Path) -> dict[str, Any] | None:
    """Say of the folder for CTranslate2 in which numbers it computes, and its scores; `None` where there is none."""
    if (facts := conversion_for(folder, CTRANSLATE2)) is None:
        return None
    scores = [*redact(read_evaluations(folder)).values()]
    evaluation = scores[0] if len(scores) == 1 else None
    return {"numbers": facts["to"].get("quantization") or "float32", "evaluation": evaluation}


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


def _card_data(
    recipe: Recipe | None, config: dict[str, Any], scored: Iterable[Scored], base: dict[str, Any] | None
) -> ModelCardData:
    """Fill the fields that the Hub searches and shows; what was fine-tuned inherits from its base."""
    common: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "translation",
        "tags": [config["model_type"], "attention", "interpretability"],
    }
    if recipe is None:
        return ModelCardData(**common)
    base = base or {"name": None, "hub": False, "license": recipe.license, "languages": [], "datasets": []}
    licenses = joint_license(recipe.license, base["license"])
    datasets = [*filter(None, [hub_dataset(part.corpus) for part in recipe.parts()]), *base["datasets"]]
    results = [
        EvalResult(
            task_type="translation",
            dataset_type=_corpus_name(each.recipe.corpus),
            dataset_name=_corpus_name(each.recipe.corpus),
            dataset_config=each.config,
            dataset_split=each.recipe.test_split,
            metric_type=metric,
            metric_value=round(each.scores[metric], 2),
            metric_name=metric,
            metric_config=each.scores[f"{metric}_signature"],
        )
        for each in scored
        for metric in ("bleu", "chrf")
    ]
    return ModelCardData(
        model_name=recipe.name,
        language=[*dict.fromkeys([*recipe.languages, *base["languages"]])],
        license=licenses,
        license_name=f"{recipe.license} and {base['license']}" if licenses == "other" else None,
        base_model=base["name"] if base["hub"] else None,
        datasets=[*dict.fromkeys(datasets)] or None,
        eval_results=results or None,
        **common,
    )
