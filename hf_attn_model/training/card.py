"""What was measured -> the model card beside the checkpoint."""

import json
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from .recipe import Recipe, recipe_of
from .train import TRAINING_FILE

EVALUATION_FILE = "evaluation.json"
TEMPLATE = Path(__file__).with_name("card_template.md")


def write_card(folder: str | Path) -> Path:
    """Write `README.md` into a folder made by `train`, from its recipe and the measurements that lie there."""
    folder = Path(folder)
    recipe = recipe_of(folder)
    assert recipe is not None, f"{folder} holds no recipe"
    training = json.loads((folder / TRAINING_FILE).read_text("utf-8"))
    evaluation_file = folder / EVALUATION_FILE
    evaluation = json.loads(evaluation_file.read_text("utf-8")) if evaluation_file.is_file() else None
    card = ModelCard.from_template(
        _card_data(recipe, evaluation),
        template_path=str(TEMPLATE),
        name=recipe.name,
        path=folder.as_posix(),
        source_lang=recipe.source_lang,
        target_lang=recipe.target_lang,
        corpus=recipe.corpus,
        test_split=recipe.test_split,
        license=recipe.license,
        num_beams=recipe.num_beams,
        parameters=f"{training['parameters']:,}",
        example="I love my dog" if recipe.source_lang == "en" else f"a sentence ({recipe.source_lang})",
        training=training,
        evaluation=evaluation,
    )
    card.save(folder / "README.md")
    return folder / "README.md"


def _card_data(recipe: Recipe, evaluation: dict | None) -> ModelCardData:
    results = None
    if evaluation is not None:
        results = [
            EvalResult(
                task_type="translation",
                dataset_type=recipe.corpus,
                dataset_name=recipe.corpus,
                dataset_split=recipe.test_split,
                metric_type=metric,
                metric_value=round(evaluation[metric], 2),
                metric_name=metric,
                metric_config=evaluation[f"{metric}_signature"],
            )
            for metric in ("bleu", "chrf")
        ]
    return ModelCardData(
        model_name=recipe.name,
        language=[recipe.source_lang, recipe.target_lang],
        license=recipe.license,
        library_name="transformers",
        pipeline_tag="translation",
        tags=["hf_attn", "attention", "interpretability"],
        eval_results=results,
    )
