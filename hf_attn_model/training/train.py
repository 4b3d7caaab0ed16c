"""recipe -> pairs -> tokenizer -> model -> Trainer -> the best checkpoint, in one folder."""

from contextlib import nullcontext
from dataclasses import fields
from functools import partial
from pathlib import Path

from accelerate import PartialState
from datasets import Dataset
from transformers import (
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    PreTrainedTokenizerBase,
    Seq2SeqTrainingArguments,
    TrainerCallback,
    set_seed,
)

from ..errors import UserError
from ..files import holds_something, locked
from ..recipes.recipe import Recipe, recipe_of
from ..study.relevance import pairs_to_watch
from ..text.lengths import LENGTH_STEP
from .backend import ComputeBackend, choose_backend
from .build import build_model, training_arguments
from .callbacks.attention import AttentionCallback
from .callbacks.average import AverageCallback
from .callbacks.early_stopping import ResumableEarlyStopping, newest_checkpoint
from .callbacks.ema import EMACallback
from .callbacks.manifest import Manifest
from .callbacks.progress import check_reporters, progress_of
from .evaluate import dev_translations
from .examples import load_pairs, make_tokenizer, tokenize, training_examples
from .trainer import TranslationTrainer


def train(recipe: Recipe, out: str | Path, resume: bool = False) -> Path:
    """Train what the recipe says, and leave the best checkpoint, its tokenizer and the records of the run in `out`.

    Args:
        recipe: what to train on, what to train, and how.
        out: a new or empty folder; with `resume`, that of an interrupted training with the same recipe.
        resume: go on after the newest complete checkpoint in `out`, or from the start if there is none yet.

    Raises:
        UserError: `out` holds something (without `resume`) or no training of this recipe (with it), the corpus
            cannot be read, a package to report to is missing, another process trains there, or the training diverges.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: choose another --out")
    backend = choose_backend(recipe.training.get("bf16")) if recipe.fast_kernels else None
    arguments = training_arguments(recipe, out, backend)
    with locked(out) if arguments.process_index == 0 else nullcontext():
        return _train(recipe, out, resume, backend, arguments)


def _train(
    recipe: Recipe,
    out: Path,
    resume: bool,
    backend: ComputeBackend | None,
    arguments: Seq2SeqTrainingArguments,
) -> Path:
    """Train in a folder that this process, or the main one beside it, holds."""
    if arguments.process_index == 0:
        _check_folder(recipe, out, resume)
    processes = PartialState()
    processes.wait_for_everyone()  # for the check: the folder fills from here on
    checkpoint = newest_checkpoint(out) if resume else None
    check_reporters(arguments)
    set_seed(arguments.seed)

    train_pairs, dev_pairs = load_pairs(recipe)
    tokenizer = make_tokenizer(recipe, train_pairs) if checkpoint is None else AutoTokenizer.from_pretrained(checkpoint)
    model = build_model(recipe, tokenizer)
    processes.print(f"vocabulary of {len(tokenizer):,} subwords; model of {model.num_parameters():,} parameters")
    processes.print(f"backend: {backend.summary() if backend else 'as transformers and PyTorch come'}")

    trainer = TranslationTrainer(
        model,
        arguments,
        DataCollatorForSeq2Seq(tokenizer, model, pad_to_multiple_of=LENGTH_STEP),
        training_examples(recipe, train_pairs, tokenizer, arguments.seed),
        tokenize(dev_pairs, tokenizer, recipe.max_length),
        processing_class=tokenizer,
        callbacks=_callbacks(recipe, dev_pairs, tokenizer),
        max_tokens=recipe.max_tokens,
        label_smoothing=recipe.label_smoothing,
        r_drop=recipe.r_drop,
        word_dropout=recipe.word_dropout,
        muon=recipe.muon,
        ema=EMACallback(recipe.ema_decay) if recipe.ema_decay else None,
        backend=backend,
        dev_metrics=partial(
            dev_translations,
            tokenizer=tokenizer,
            pairs=dev_pairs,
            target_lang=recipe.target_lang,
            max_length=recipe.max_length,
            lowercase=recipe.lowercase,
        ),
    )
    pairs, chosen = {"train": train_pairs, "dev": dev_pairs}, backend.summary() if backend else None
    manifest = Manifest(out, pairs, lambda: trainer.tokens_seen, checkpoint, chosen)
    trainer.add_callback(manifest)
    if arguments.should_save:
        out.mkdir(parents=True, exist_ok=True)
        recipe.save(out)
    with progress_of(trainer):
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    trainer.save_model()
    manifest.finish(arguments)
    return out


def _check_folder(recipe: Recipe, out: Path, resume: bool) -> None:
    """Refuse to mix two trainings, or a training with anything else, in one folder."""
    if not resume:
        if holds_something(out):
            raise UserError(f"{out} is not empty: choose another --out, or go on with --resume")
        return
    earlier = recipe_of(out)
    if earlier is None:
        raise UserError(f"there is no training to resume in {out}")
    for field in fields(Recipe):
        before, now = getattr(earlier, field.name), getattr(recipe, field.name)
        if before != now:
            raise UserError(f"{out} was begun with {field.name}={before}, not {now}: resume with the same values")


def _callbacks(recipe: Recipe, dev_pairs: Dataset, tokenizer: PreTrainedTokenizerBase) -> list[TrainerCallback]:
    """Stop early; average checkpoints, and watch attention, where the recipe asks for it."""
    callbacks: list[TrainerCallback] = [ResumableEarlyStopping(recipe.early_stopping_patience)]
    if recipe.average:
        callbacks.append(AverageCallback(last=recipe.average))
    if recipe.watch_attention:
        chosen = (recipe.corpus, recipe.source_lang, recipe.dev_split, recipe.watch_attention)
        callbacks.append(AttentionCallback(*pairs_to_watch(*chosen, dev_pairs, tokenizer, recipe.max_length)))
    return callbacks
