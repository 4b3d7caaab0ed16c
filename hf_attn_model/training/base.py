"""The translator that a training begins with: its weights, the rows it gains, what is frozen, adapters (LoRA)."""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import ModelCard
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ..checkpoint import Checkpoint
from ..engines.families import FAMILIES
from ..engines.weights import to_native
from ..errors import UserError, in_words
from ..files import filling, reading
from ..model import AttnConfig, AttnForConditionalGeneration
from ..recipes.recipe import FREE, Recipe
from ..text.tokenizer import extend_tokenizer
from .build import check_positions

ADAPTER = "adapter"  # folder, in that of a training, of what LoRA learnt


def open_base(
    base: Checkpoint, recipe: Recipe, sentences: Iterable[str]
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Load the translator that a training begins with, with the tokens and subwords that the recipe adds.

    Args:
        base: what `init_from` names.
        recipe: of the training.
        sentences: of the training, both languages: what new subwords are learnt from.

    Raises:
        UserError: it cannot be loaded, is no model of this package, or cannot gain what the recipe adds.
    """
    model, tokenizer = with_config(_native(base), recipe.model), base.tokenizer
    if base.lowercase and not recipe.lowercase:
        raise UserError(f"init_from={base} reads and writes lower case alone: write lowercase=true")
    if (recipe.add_subwords or recipe.add_tokens) and not model.config.share_encoder_decoder_embeddings:
        raise UserError(f"init_from={base} has a vocabulary for each language, to which nothing can be added")
    grown = deepcopy(tokenizer)
    if recipe.add_subwords:
        if not isinstance(grown, PreTrainedTokenizerFast):
            raise UserError(
                f"add_subwords: the tokenizer of {base} cannot learn more: add whole tokens with add_tokens"
            )
        grown = extend_tokenizer(grown, sentences, recipe.add_subwords)
    if recipe.add_tokens:
        grown.add_tokens([*recipe.add_tokens])
    grow_embeddings(model, tokenizer, grown)
    check_positions(recipe, model.config)
    model.generation_config.num_beams = recipe.num_beams
    return model, grown


def describe_base(base: Checkpoint) -> dict[str, Any]:
    """Tell what a model card inherits from the translator that a training begins with.

    Returns:
        its `name` (a folder's last part), and from its own card `license`, `languages` and `datasets`; `hub` says
        whether the name is one of the Hub's.
    """
    card = base.find("README.md")
    with reading(f"the card of {base}"):
        data = ModelCard(card.read_text(encoding="utf-8")).data.to_dict() if card else {}
    return {
        "name": Path(base.name).name if base.is_local else str(base),
        "hub": not base.is_local,
        "license": data.get("license", "unknown"),
        **{field: _listed(data.get(key)) for field, key in (("languages", "language"), ("datasets", "datasets"))},
    }


def _native(base: Checkpoint) -> AttnForConditionalGeneration:
    """Load a translator of ours, or convert one that computes the same. Raises `UserError` for any other."""
    model: Any = base.model
    if isinstance(model, AttnForConditionalGeneration):
        return model
    if model.config.model_type not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise UserError(f"init_from={base} is a {type(model).__name__}: here are trained those of ours, and {known}")
    try:
        return to_native(model.float())
    except UserError as error:
        raise UserError(f"init_from={base} cannot be trained here: {error}") from error


def with_config(model: AttnForConditionalGeneration, changes: dict[str, Any]) -> AttnForConditionalGeneration:
    """Make the same model with other values of its configuration, such as a dropout.

    Raises:
        UserError: what decides over weights, or a value that it cannot have.
    """
    for name in changes.keys() - FREE:
        raise UserError(f"model.{name} is decided by init_from={model.name_or_path}: leave it out")
    try:
        config = AttnConfig.from_dict(model.config.to_dict() | changes)
    except Exception as error:
        raise UserError(f"model: {in_words(error)}") from error
    changed = AttnForConditionalGeneration(config)
    changed.load_state_dict(model.state_dict())
    changed.generation_config = model.generation_config
    return changed


def grow_embeddings(model: PreTrainedModel, before: PreTrainedTokenizerBase, after: PreTrainedTokenizerBase) -> None:
    """Give new entries of a vocabulary the mean of the rows by which they were read before.

    A character that was three bytes becomes the mean of three bytes, a language's name that of its subwords.

    Args:
        model: whose embeddings have a row for each entry of `before`; they grow in place.
        before: the vocabulary as it was.
        after: the same with entries behind it.
    """
    first, last = len(before), len(after)
    if last == first:
        return
    added, learnt = after.added_tokens_decoder, after.convert_ids_to_tokens([*range(first, last)])
    texts = [added[new].content if new in added else text for new, text in enumerate(learnt, first)]
    spelt = [_pieces(before, text) for text in texts]
    model.resize_token_embeddings(last, mean_resizing=False)
    tables: list[Any] = [model.get_input_embeddings(), model.get_output_embeddings()]
    with torch.no_grad():
        for weight in {id(table.weight): table.weight for table in tables}.values():  # once where they are tied
            for new, pieces in enumerate(spelt, first):
                weight[new] = weight[pieces].mean(0)


def _pieces(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    """Spell a new entry in the entries that there were."""
    if isinstance(tokenizer, PreTrainedTokenizerFast):  # as it stands, with or without a space in front
        return [piece.id for piece in tokenizer.backend_tokenizer.model.tokenize(text)]
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def freeze(model: PreTrainedModel, patterns: Sequence[str]) -> None:
    """Leave parameters as they are, by patterns of their names such as `model.encoder.*`.

    Raises:
        UserError: a pattern that names no parameter, or nothing is left to train.
    """
    named = dict(model.named_parameters())  # tied ones once: model.shared.weight
    for pattern in patterns:
        chosen = [parameter for name, parameter in named.items() if fnmatch(name, pattern)]
        if not chosen:
            raise UserError(f"freeze: no parameter is called {pattern}: write such as {_example(named)}")
        for parameter in chosen:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in named.values()):
        raise UserError("freeze: nothing is left to train")


def add_lora(model: PreTrainedModel, settings: dict[str, Any]) -> PreTrainedModel:
    """Wrap a model for LoRA (Hu et al., 2021, https://arxiv.org/abs/2106.09685): its own weights are frozen.

    Args:
        model: whose parameters have the names of the BART family.
        settings: fields of `peft.LoraConfig`, such as `{"r": 8}`; by default queries and values are adapted.

    Raises:
        UserError: peft is not installed, or refuses the settings.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError:
        raise UserError("lora needs peft: pip install peft") from None
    settings = {"target_modules": ["q_proj", "v_proj"]} | settings
    try:
        return get_peft_model(model, LoraConfig(task_type="SEQ_2_SEQ_LM", **settings))  # type: ignore[return-value]
    except (TypeError, ValueError) as error:
        raise UserError(f"lora: {in_words(error)}") from error


def save_merged(model: Any, tokenizer: PreTrainedTokenizerBase, out: Path) -> None:
    """Write what LoRA has learnt twice: by itself into a folder, and merged into a plain translator."""
    with filling(out / ADAPTER) as folder:
        model.save_pretrained(folder)
    with filling(out) as folder:
        model.merge_and_unload().save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _listed(value: Any) -> list[str]:
    return [str(each) for each in (value if isinstance(value, list) else [value] if value else [])]


def _example(named: dict[str, Any]) -> str:
    return next(iter(named)).rpartition(".")[0].rpartition(".")[0] + ".*"
