"""recipe -> pairs -> tokenizer -> model -> Trainer -> the best checkpoint, in one folder."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import (
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    EarlyStoppingCallback,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Seq2SeqTrainingArguments,
    TrainerCallback,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from ..errors import UserError
from ..model import AttnConfig, AttnForConditionalGeneration
from ..study.pairs import pairs_to_watch
from ..text.batches import LENGTH_STEP, round_up
from ..text.corpora import load_corpus
from ..text.tokenizer import train_tokenizer
from . import provenance
from .attention_callback import AttentionCallback
from .hardware import attention_for_training, gains_from_bf16
from .recipe import Recipe, recipe_of
from .trainer import TranslationTrainer

TRAINING_FILE = "training.json"


def train(recipe: Recipe, out: str | Path, resume: bool = False) -> Path:
    """Train what the recipe says, and leave the best checkpoint, its tokenizer and the records of the run in `out`.

    Args:
        recipe: what to train on, what to train, and how.
        out: a new or empty folder; with `resume`, that of an interrupted training with the same recipe.
        resume: go on after the last checkpoint in `out`, or from the start if there is none yet.

    Raises:
        UserError: `out` holds something (without `resume`) or no training of this recipe (with it), or the corpus
            cannot be read.
    """
    out = Path(out)
    _check_folder(recipe, out, resume)
    checkpoint = get_last_checkpoint(str(out)) if resume else None
    arguments = training_arguments(recipe, out)
    set_seed(arguments.seed)

    train_pairs, dev_pairs = _load_pairs(recipe)
    tokenizer = _tokenizer(recipe, train_pairs) if checkpoint is None else AutoTokenizer.from_pretrained(checkpoint)
    model = build_model(recipe, tokenizer)
    print(f"vocabulary of {len(tokenizer):,} subwords; model of {model.num_parameters():,} parameters")

    trainer = TranslationTrainer(
        model,
        arguments,
        DataCollatorForSeq2Seq(tokenizer, model, pad_to_multiple_of=LENGTH_STEP),
        tokenize(train_pairs, tokenizer, recipe.max_length),
        tokenize(dev_pairs, tokenizer, recipe.max_length),
        processing_class=tokenizer,
        callbacks=_callbacks(recipe, dev_pairs, tokenizer),
        max_tokens=recipe.max_tokens,
        label_smoothing=recipe.label_smoothing,
    )
    out.mkdir(parents=True, exist_ok=True)
    recipe.save(out)
    trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_model()
    record = _record(trainer, model, resumed=checkpoint is not None)
    (out / TRAINING_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return out


def _check_folder(recipe: Recipe, out: Path, resume: bool) -> None:
    """Refuse to mix two trainings, or a training with anything else, in one folder."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: choose another --out")
    if not resume:
        if out.is_dir() and any(out.iterdir()):
            raise UserError(f"{out} is not empty: choose another --out, or go on with --resume")
        return
    earlier = recipe_of(out)
    if earlier is None:
        raise UserError(f"there is no training to resume in {out}")
    for field in fields(Recipe):
        before, now = getattr(earlier, field.name), getattr(recipe, field.name)
        if before != now:
            raise UserError(f"{out} was begun with {field.name}={before}, not {now}: resume with the same values")


def _load_pairs(recipe: Recipe) -> tuple[Dataset, Dataset]:
    """Read the training and dev pairs, and say what was read and what left out."""
    pairs = []
    for split in (recipe.train_split, recipe.dev_split):
        corpus = load_corpus(recipe.corpus, recipe.source_lang, recipe.target_lang, split, config=recipe.config)
        print(corpus.summary())
        pairs.append(corpus.dataset)
    return pairs[0], pairs[1]


def _tokenizer(recipe: Recipe, pairs: Dataset) -> PreTrainedTokenizerBase:
    sentences = (text for column in ("source", "target") for text in pairs[column])
    return train_tokenizer(sentences, recipe.vocab_size, max_length=recipe.max_length)


def _callbacks(recipe: Recipe, dev_pairs: Dataset, tokenizer: PreTrainedTokenizerBase) -> list[TrainerCallback]:
    """Stop early, and watch attention where the recipe asks for it."""
    callbacks: list[TrainerCallback] = [EarlyStoppingCallback(recipe.early_stopping_patience)]
    if recipe.watch_attention:
        chosen = (recipe.corpus, recipe.source_lang, recipe.dev_split, recipe.watch_attention)
        callbacks.append(AttentionCallback(*pairs_to_watch(*chosen, dev_pairs, tokenizer, recipe.max_length)))
    return callbacks


def _record(trainer: TranslationTrainer, model: AttnForConditionalGeneration, resumed: bool) -> dict[str, Any]:
    """Collect what was measured, and what a reader needs to repeat it."""
    summary = trainer.state.log_history[-1]  # what Trainer logs at the end of a training
    return {
        "command": provenance.command(),
        "hardware": provenance.hardware(),
        "versions": provenance.versions(),
        "seed": trainer.args.seed,
        "steps": trainer.state.global_step,
        "epochs": round(trainer.state.epoch or 0, 2),
        "seconds": round(summary["train_runtime"], 1),
        "tokens": trainer.tokens_seen,
        "tokens_per_second": round(trainer.tokens_seen / summary["train_runtime"]),
        "best_dev_loss": trainer.state.best_metric,
        "parameters": model.num_parameters(),
        "precision": "bf16 autocast" if trainer.args.bf16 else "fp32",
        "attention": model.config._attn_implementation,
        "resumed": resumed,
    }


def training_arguments(recipe: Recipe, out: Path) -> Seq2SeqTrainingArguments:
    """Fill what the recipe leaves open: evaluate, save and keep the best by dev loss; the precision by hardware."""
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
        "bf16": gains_from_bf16(),
        "use_cpu": not torch.accelerator.is_available(),
        "report_to": ["tensorboard"],
        "dataloader_pin_memory": False,
    }
    try:
        return Seq2SeqTrainingArguments(output_dir=str(out), **(defaults | given))
    except (TypeError, ValueError) as error:
        raise UserError(f"recipe {recipe.name}: training: {error}") from error


def build_model(recipe: Recipe, tokenizer: PreTrainedTokenizerBase) -> AttnForConditionalGeneration:
    """Build the recipe's model with fresh weights for the tokenizer's vocabulary; `generate` searches as the recipe."""
    try:
        config = AttnConfig(
            vocab_size=len(tokenizer),
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.pad_token_id,
            **recipe.model,
        )
    except Exception as error:
        raise UserError(f"recipe {recipe.name}: model: {' '.join(str(error).split())}") from error
    padded = int(round_up(recipe.max_length))
    if padded > config.max_position_embeddings:
        raise UserError(f"recipe {recipe.name}: max_length={padded} exceeds model.max_position_embeddings")
    config._attn_implementation = attention_for_training()
    model = AttnForConditionalGeneration(config)
    complete_search(model, recipe)
    return model


def complete_search(model: PreTrainedModel, recipe: Recipe) -> None:
    """Give `generate` the search of the recipe where the model does not say how to search."""
    settings = model.generation_config
    if settings.num_beams is None:
        settings.num_beams = recipe.num_beams
    if settings.max_length is None:
        settings.max_length = model.config.max_position_embeddings


def tokenize(pairs: Dataset, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Dataset:
    """Turn `source` and `target` texts into `input_ids` and `labels`, without pairs longer than `max_length` tokens."""

    def encode(batch: dict) -> dict:
        source = tokenizer(batch["source"])
        target = tokenizer(text_target=batch["target"])
        return {"input_ids": source["input_ids"], "labels": target["input_ids"]}

    encoded = pairs.map(encode, batched=True, remove_columns=pairs.column_names, desc="Tokenizing")
    kept = encoded.filter(
        lambda batch: [
            max(len(source), len(target)) <= max_length
            for source, target in zip(batch["input_ids"], batch["labels"], strict=True)
        ],
        batched=True,
        desc="Filtering by length",
    )
    if len(kept) < len(encoded):
        print(f"left out {len(encoded) - len(kept):,} pairs longer than {max_length} tokens")
    if not len(kept):
        raise UserError(f"no pair is left: all are longer than max_length={max_length} tokens")
    return kept
