"""What a recipe leaves open is filled: the arguments of the Trainer, and a model with fresh weights."""

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, Seq2SeqTrainer, Seq2SeqTrainingArguments

from ..errors import UserError, in_words
from ..model import AttnConfig, AttnForConditionalGeneration
from ..recipes.recipe import Recipe
from ..text.lengths import round_up
from .backend import ComputeBackend


def training_arguments(recipe: Recipe, out: Path, backend: ComputeBackend | None) -> Seq2SeqTrainingArguments:
    """Fill what the recipe leaves open: evaluate, save and keep the best by dev loss; the precision of the backend."""
    given = recipe.training
    steps = given.get("eval_steps", 500)
    defaults = {
        "eval_strategy": "steps",
        "eval_steps": steps,
        "save_steps": steps,
        "save_total_limit": 2,
        "load_best_model_at_end": True,
        "metric_for_best_model": "eval_loss",
        "per_device_eval_batch_size": 128,
        "bf16": backend is not None and backend.bf16 and not given.get("fp16"),
        "use_cpu": not torch.accelerator.is_available(),
        "report_to": ["tensorboard"],
        "logging_nan_inf_filter": False,  # would hide what `DivergenceCallback` looks for, and wait for the device
        "dataloader_pin_memory": False,
        "ddp_find_unused_parameters": False,  # every step uses all of the model
    }
    try:
        arguments = Seq2SeqTrainingArguments(output_dir=str(out), **(defaults | given))
    except Exception as error:  # also files that a setting names, and packages that it needs
        raise UserError(f"recipe {recipe.name}: training: {in_words(error)}") from error
    try:
        Seq2SeqTrainer.get_optimizer_cls_and_kwargs(arguments)
    except ImportError as error:
        raise UserError(f"recipe {recipe.name}: training.optim: {in_words(error)}") from error
    except ValueError:  # it asks for the model
        pass
    return arguments


def asked_bf16(recipe: Recipe) -> bool | None:
    """Tell whether the recipe asks for bfloat16; `None` where it leaves that to the machine."""
    return False if recipe.training.get("fp16") else recipe.training.get("bf16")


def build_model(recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> AttnForConditionalGeneration:
    """Build the recipe's model with fresh weights for the tokenizer's vocabulary; `generate` searches as the recipe."""
    config = build_config(
        recipe,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    check_positions(recipe, config)
    model = AttnForConditionalGeneration(config)
    fill_generation_config(model, recipe)
    return model


def build_config(recipe: Recipe, **vocabulary: Any) -> AttnConfig:
    """Configure the recipe's model for a vocabulary. Raises `UserError` for what cannot be."""
    try:
        return AttnConfig(**vocabulary, **recipe.model)
    except Exception as error:
        raise UserError(f"recipe {recipe.name}: model: {in_words(error)}") from error


def check_positions(recipe: Recipe, config: AttnConfig) -> None:
    """Raise `UserError` unless the model has a position for every token of the longest sentence."""
    padded = int(round_up(recipe.max_length))
    if padded > config.max_position_embeddings:
        most = f"model.max_position_embeddings, {config.max_position_embeddings}"
        raise UserError(f"recipe {recipe.name}: max_length, {padded} with its end mark, exceeds {most}")


def fill_generation_config(model: PreTrainedModel, recipe: Recipe) -> None:
    """Give `generate` the search of the recipe where the model does not say how to search."""
    settings = model.generation_config
    if settings.num_beams is None:
        settings.num_beams = recipe.num_beams
    if settings.max_length is None:
        settings.max_length = model.config.max_position_embeddings
