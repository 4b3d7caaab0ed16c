"""recipe -> pairs -> tokenizer -> model -> Trainer -> the best checkpoint, in one folder."""

import json
from pathlib import Path

import torch
from datasets import Dataset
from transformers import (
    DataCollatorForSeq2Seq,
    EarlyStoppingCallback,
    PreTrainedTokenizerBase,
    Seq2SeqTrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from ..errors import UserError
from ..model import AttnConfig, AttnForConditionalGeneration
from ..text.batches import LENGTH_STEP
from ..text.corpora import load_corpus
from ..text.tokenizer import train_tokenizer
from . import provenance
from .hardware import attention_for_training, gains_from_bf16
from .recipe import Recipe
from .trainer import TranslationTrainer

TRAINING_FILE = "training.json"


def train(recipe: Recipe, out: str | Path, resume: bool = False) -> Path:
    """Train what the recipe says, and leave the best checkpoint, its tokenizer and the records of the run in `out`.

    Args:
        recipe: what to train on, what to train, and how.
        out: a new or empty folder; with `resume`, that of an interrupted training.
        resume: go on after the last checkpoint in `out`.

    Raises:
        UserError: `out` holds something (without `resume`) or no checkpoint (with it), or the corpus cannot be read.
    """
    out = Path(out)
    if resume and not has_checkpoint(out):
        raise UserError(f"there is no checkpoint to resume from in {out}")
    if not resume and out.is_dir() and any(out.iterdir()):
        raise UserError(f"{out} is not empty: choose another --out, or go on with --resume")
    arguments = training_arguments(recipe, out)
    set_seed(arguments.seed)

    splits = {}
    for split in (recipe.train_split, recipe.dev_split):
        corpus = load_corpus(recipe.corpus, recipe.source_lang, recipe.target_lang, split, config=recipe.config)
        print(corpus.summary())
        splits[split] = corpus.dataset
    train_pairs, dev_pairs = splits.values()

    sentences = (text for column in ("source", "target") for text in train_pairs[column])
    tokenizer = train_tokenizer(sentences, recipe.vocab_size, max_length=recipe.max_length)
    model = build_model(recipe, tokenizer)
    print(f"vocabulary of {len(tokenizer):,} subwords; model of {model.num_parameters():,} parameters")

    trainer = TranslationTrainer(
        model,
        arguments,
        DataCollatorForSeq2Seq(tokenizer, model, pad_to_multiple_of=LENGTH_STEP),
        tokenize(train_pairs, tokenizer, recipe.max_length),
        tokenize(dev_pairs, tokenizer, recipe.max_length),
        processing_class=tokenizer,
        callbacks=[EarlyStoppingCallback(recipe.early_stopping_patience)],
        max_tokens=recipe.max_tokens,
        label_smoothing=recipe.label_smoothing,
    )
    out.mkdir(parents=True, exist_ok=True)
    recipe.save(out)
    result = trainer.train(resume_from_checkpoint=resume)

    trainer.save_model()
    record = {
        "command": provenance.command(),
        "hardware": provenance.hardware(),
        "versions": provenance.versions(),
        "seed": arguments.seed,
        "steps": result.global_step,
        "epochs": round(trainer.state.epoch or 0, 2),
        "seconds": round(result.metrics["train_runtime"], 1),
        "tokens": trainer.tokens_seen,
        "tokens_per_second": round(trainer.tokens_seen / result.metrics["train_runtime"]),
        "best_dev_loss": trainer.state.best_metric,
        "parameters": model.num_parameters(),
        "precision": "bf16 autocast" if arguments.bf16 else "fp32",
        "attention": model.config._attn_implementation,
        "resumed": resume,
    }
    (out / TRAINING_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return out


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
    """Build the recipe's model with fresh weights for the tokenizer's vocabulary."""
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
    config._attn_implementation = attention_for_training()
    return AttnForConditionalGeneration(config)


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


def has_checkpoint(out: Path) -> bool:
    """Tell whether an interrupted training in `out` can be resumed."""
    return out.is_dir() and get_last_checkpoint(str(out)) is not None
