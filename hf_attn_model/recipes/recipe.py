"""A recipe: everything that one training needs, from a YAML file, each value overridable as `key=value`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from transformers import Seq2SeqTrainingArguments
from yaml import YAMLError

from ..errors import UserError, in_words
from ..files import write_text
from ..model import AttnConfig

RECIPES = Path(__file__).parent
RECIPE_FILE = "recipe.yaml"  # beside a trained model
MOST_BEAMS = 1000  # of any search
OWNED = {  # fields of TrainingArguments that a recipe says in another way, or that training here depends on
    "output_dir": "give --out",
    "per_device_train_batch_size": "set max_tokens",
    "train_sampling_strategy": "batches are made by length, to max_tokens",
    "label_smoothing_factor": "set label_smoothing",
    "eval_strategy": "set training.eval_steps",
    "save_strategy": "set training.eval_steps",
    "load_best_model_at_end": "the best checkpoint is always kept",
    "metric_for_best_model": "the best checkpoint is that of the lowest dev loss",
}


@dataclass
class Recipe:
    """What to train on, what to train, and how.

    Args:
        name: of the recipe.
        corpus: `textbook:en-es`, a folder with one file per split, a file, or a dataset id on the Hub.
        source_lang, target_lang: language codes, naming the columns of the corpus.
        vocab_size: largest number of subwords.
        lowercase: learn, read and write lower case alone.
        config: of a Hub dataset that has several.
        train_split, dev_split, test_split: names of the splits.
        max_length: longest sentence in tokens, end mark included; longer pairs are left out of training and counted.
        max_tokens: source and target tokens of a batch, padding included.
        label_smoothing: share of the target distribution spread evenly over the vocabulary, in training only.
        r_drop: weight of the divergence between two passes over each pair (R-Drop; the paper has 5), 0 for one pass.
        bpe_dropout: probability with which a merge of subwords is left out in training (the paper has 0.1).
        word_dropout: probability with which a word that the model reads is hidden in training.
        muon: train the matrices of the layers with Muon, in place of AdamW.
        ema_decay: of the moving average of the weights (such as 0.999) that is evaluated and kept; 0 for none.
        average: checkpoints at the end of the training whose mean is kept, in place of the best one; 0 for none.
        fast_kernels: choose precision, matrix products, attention and dropout for the machine; `false` turns all off.
        early_stopping_patience: evaluations without a better dev loss after which training ends.
        num_beams: of the translations that are scored and shown.
        watch_attention: held-out sentences over which attention is measured from the first step on, at every
            evaluation; 0 for none.
        license: of the training data, for the model card.
        model: fields of `AttnConfig`.
        training: fields of `transformers.Seq2SeqTrainingArguments`.
    """

    name: str
    corpus: str
    source_lang: str
    target_lang: str
    vocab_size: int
    lowercase: bool = False
    config: str | None = None
    train_split: str = "train"
    dev_split: str = "dev"
    test_split: str = "test"
    max_length: int = 128
    max_tokens: int = 4096
    label_smoothing: float = 0.1
    r_drop: float = 0.0
    bpe_dropout: float = 0.0
    word_dropout: float = 0.0
    muon: bool = False
    ema_decay: float = 0.0
    average: int = 0
    fast_kernels: bool = True
    early_stopping_patience: int = 5
    num_beams: int = 5
    watch_attention: int = 0
    license: str = "unknown"
    model: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the recipe beside the model, where `recipe_of` reads it again."""
        write_text(folder / RECIPE_FILE, OmegaConf.to_yaml(OmegaConf.structured(self)))


def recipe_names() -> list[str]:
    """Return the names of the recipes in the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe of the package by name, or a YAML file by path, and put the overrides in place.

    Args:
        name_or_path: one of `recipe_names()`, or a path that ends in `.yaml`.
        overrides: such as `["max_tokens=2048", "model.d_model=64"]`; values are YAML.

    Raises:
        UserError: no such recipe, an unknown or missing key, or a value of the wrong type.
    """
    if name_or_path.endswith((".yaml", ".yml")):
        where, path = name_or_path, Path(name_or_path)
        if not path.is_file():
            raise UserError(f"there is no recipe file {name_or_path}")
    elif name_or_path in recipe_names():
        where, path = f"recipe {name_or_path}", RECIPES / f"{name_or_path}.yaml"
    else:
        names = ", ".join(recipe_names())
        raise UserError(f'there is no recipe "{name_or_path}": name one of {names}, or a .yaml file')

    for override in overrides:
        if "=" not in override:
            raise UserError(f'"{override}" is no override: write key=value, such as training.learning_rate=1e-3')
    try:
        config = OmegaConf.create(path.read_text(encoding="utf-8"))
        if not isinstance(config, DictConfig):
            raise UserError(f"{where}: not a recipe, which has a line KEY: VALUE for each setting")
        config = cast(DictConfig, OmegaConf.merge(config, OmegaConf.from_dotlist(list(overrides))))
        _refuse_unknown(config, [item.name for item in fields(Recipe)], where, "")
        merged = OmegaConf.merge(Recipe, config)
    except AssertionError:  # OmegaConf's, for a file that is one word
        raise UserError(f"{where}: not a recipe, which has a line KEY: VALUE for each setting") from None
    except (OmegaConfBaseException, YAMLError) as error:
        raise UserError(f"{where}: {in_words(error)}") from error

    if missing := OmegaConf.missing_keys(merged):
        raise UserError(f"{where} needs a value for {min(missing)}: write {min(missing)}=...")
    recipe = cast(Recipe, OmegaConf.to_object(merged))
    _check_values(recipe, where)
    return recipe


def _check_values(recipe: Recipe, where: str) -> None:
    """Refuse what no training could use."""
    for name, low, high in (
        ("label_smoothing", 0, 1),
        ("r_drop", 0, 1000),
        ("bpe_dropout", 0, 1),
        ("word_dropout", 0, 1),
        ("ema_decay", 0, 1),
        ("average", 0, 1000),
        ("num_beams", 1, MOST_BEAMS),
        ("max_tokens", 1, 10**9),
        ("watch_attention", 0, 10**5),
    ):
        if not low <= getattr(recipe, name) <= high:
            raise UserError(f"{where}: {name} must lie in {low} to {high}, got {getattr(recipe, name)}")
    if recipe.average and recipe.ema_decay:
        raise UserError(f"{where}: average and ema_decay both say which weights to keep: set one of them to 0")
    if recipe.muon and "optim" in recipe.training:
        raise UserError(f"{where}: muon and training.optim both choose the optimizer: leave one of them out")
    _refuse_unknown(recipe.model, list(AttnConfig.__annotations__), where, "model.")
    arguments = {item.name: item for item in fields(Seq2SeqTrainingArguments)}
    _refuse_unknown(recipe.training, list(arguments), where, "training.")
    for name, value in recipe.training.items():
        if name in OWNED:
            raise UserError(f"{where}: training.{name} is not for recipes: {OWNED[name]}")
        if type(arguments[name].default) in (int, float) and type(value) not in (int, float):
            raise UserError(f"{where}: training.{name} must be a number, got {value}")


def recipe_of(model: str | Path) -> Recipe | None:
    """Read the recipe beside a model trained here; `None` for a model of other origin."""
    path = Path(model) / RECIPE_FILE
    return load_recipe(str(path)) if path.is_file() else None


def _refuse_unknown(given: Iterable[str], known: list[str], where: str, prefix: str) -> None:
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=3)
            hint = f": did you mean {' or '.join(prefix + item for item in close)}?" if close else ""
            raise UserError(f"{where} knows no {prefix}{name}{hint}")
