"""recipe -> pairs -> tokenizer -> model -> Trainer -> the best checkpoint, in one folder."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from accelerate import PartialState
from datasets import Dataset, DatasetDict
from transformers import (
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
    set_seed,
)

from ..checkpoint import Checkpoint, load_translator
from ..checkpoint.digests import MANIFEST_FILE, check_digests
from ..errors import UserError, in_words
from ..files import holds_something, locked
from ..recipes.recipe import Recipe, located, recipe_of
from ..study.relevance import pairs_to_watch
from ..text.cache import Cache
from ..text.corpora import is_one_split
from ..text.lengths import LENGTH_STEP
from ..text.mapped import join_pairs
from ..text.multilingual import has_choice
from ..text.splitting import Overlap
from .backend import choose_backend
from .base import add_lora, describe_base, freeze, open_base, save_merged
from .build import asked_bf16, build_model, training_arguments
from .callbacks.attention import AttentionCallback
from .callbacks.average import AverageCallback
from .callbacks.early_stopping import ResumableEarlyStopping, newest_checkpoint
from .callbacks.ema import EMACallback
from .callbacks.manifest import Manifest, processes_of
from .callbacks.progress import check_reporters, progress_of
from .evaluate import dev_scores
from .examples import LEARNT_FROM, Pairs, choose_languages, examples_of, load_parts, make_tokenizer, sentences_of
from .launch import Layout, is_distributed, launch
from .layout import Processes, choose_layout
from .trainer import TranslationTrainer

LENGTHS = ("training.max_steps", "training.num_train_epochs", "early_stopping_patience")  # may grow when resuming


def train(
    recipe: Recipe,
    out: str | Path,
    resume: bool = False,
    *,
    processes: Processes = 1,
    data: DatasetDict | None = None,
    cache_dir: str | Path | None = None,
) -> Path:
    """Train what the recipe says, and leave the best checkpoint, its tokenizer and the records of the run in `out`.

    Args:
        recipe: what to train on, what to train, and how.
        out: a new or empty folder; with `resume`, that of a training with the same recipe.
        resume: go on after the newest complete checkpoint in `out`, or from the start if there is none yet; also after
            the end of the training, if `training.max_steps`, `training.num_train_epochs` or `early_stopping_patience`
            is larger now. The learning rate then goes on as the schedule of the new length has it at that step.
        processes: of this machine, which share the tokens of a step; "auto" chooses (see `choose_layout`). A script
            that starts several must be one that can be imported: `if __name__ == "__main__":`. Each process that a
            launcher such as `torchrun` has started trains on all tokens that the recipe gives a step.
        data: the corpus, if a program holds it: a data set for each split; `recipe.corpus` is then its name alone.
        cache_dir: where pairs, vocabulary and token ids are kept for the next training; see `text.cache.Cache`.

    Raises:
        UserError: `out` holds something (without `resume`) or no training of this recipe (with it), the corpus
            cannot be read, a package to report to is missing, another process trains there, or the training diverges.
    """
    out, cache = Path(out), Cache(cache_dir)
    recipe = recipe if data is not None else located(recipe)
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: choose another --out")
    is_first = training_arguments(recipe, out, None).process_index == 0  # and what is wrong with it is said before work
    with locked(out) if is_first else nullcontext():
        if is_first:
            _check_folder(recipe, out, resume)
        recipe = replace(recipe, hold_out=_hold_out(recipe, out, resume))
        checkpoint = newest_checkpoint(out) if resume else None
        begun = None if checkpoint is None else processes_of(checkpoint)
        if is_distributed():
            if processes not in (1, "auto") or begun not in (1, None):
                raise UserError("--processes and a launcher such as torchrun both start processes: use one of them")
            return _train(recipe, out, resume, None, cache, data)
        layout = choose_layout(recipe, processes, begun)
        if layout.processes == 1:
            return _train(recipe, out, resume, layout, cache, data)
        return launch(layout, _train, recipe, out, resume, layout, cache, data)


def _train(
    recipe: Recipe, out: Path, resume: bool, layout: Layout | None, cache: Cache, data: DatasetDict | None
) -> Path:
    """Train in a folder that this process, or another beside it, holds; without a layout as a launcher has it."""
    backend = choose_backend(asked_bf16(recipe)) if recipe.fast_kernels else None
    arguments = training_arguments(recipe, out, backend)
    processes = PartialState()
    processes.wait_for_everyone()  # for the check: the folder fills from here on
    checkpoint = newest_checkpoint(out) if resume else None
    if checkpoint is not None:
        advice = f"; remove {checkpoint}, and --resume goes on after the one before"
        check_digests(checkpoint / MANIFEST_FILE, checkpoint.iterdir(), advice)
    check_reporters(arguments)
    for key, winner in recipe.overruled().items():
        processes.print(f"{key} has no effect: {winner}")
    set_seed(arguments.seed)

    loaded = load_parts(recipe, cache, data)
    if held_out := loaded[0].held_out:
        recipe = replace(recipe, hold_out=held_out)
    train_pairs = join_pairs([pairs.train for pairs in loaded])
    base = None if recipe.init_from is None else Checkpoint(recipe.init_from)
    model, tokenizer = _begin(recipe, base, train_pairs, checkpoint, cache)
    processes.print(
        f"{_vocabulary(tokenizer, recipe, len(train_pairs))}; model of {model.num_parameters():,} parameters"
    )
    processes.print(f"backend: {backend.summary() if backend else 'as transformers and PyTorch come'}")

    examples = examples_of(recipe, loaded, model, tokenizer, arguments.seed, cache)
    try:
        trainer = TranslationTrainer(
            model,
            arguments,
            DataCollatorForSeq2Seq(tokenizer, model, pad_to_multiple_of=LENGTH_STEP),
            *examples,
            processing_class=tokenizer,
            callbacks=_callbacks(recipe, loaded[0].dev, tokenizer),
            max_tokens=recipe.max_tokens // (layout.processes if layout else 1),
            label_smoothing=recipe.label_smoothing,
            r_drop=recipe.r_drop,
            word_dropout=recipe.word_dropout,
            muon=recipe.muon,
            ema=EMACallback(recipe.ema_decay) if recipe.ema_decay else None,
            backend=backend,
            dev_metrics=partial(dev_scores, recipe=recipe, tokenizer=tokenizer, dev=[pairs.dev for pairs in loaded]),
        )
    except (ImportError, ValueError) as error:  # settings that only a Trainer can judge
        raise UserError(f"recipe {recipe.name}: training: {in_words(error)}") from error
    chosen = backend.summary() if backend else None
    described = None if base is None else describe_base(base)
    learns = base is None or recipe.add_subwords > 0
    manifest = Manifest(
        out,
        _named_splits(recipe, loaded),
        lambda: trainer.tokens_seen,
        checkpoint,
        chosen,
        described,
        layout=layout,
        overlap=_sum_of([pairs.overlap for pairs in loaded]),
        learnt_from=min(len(train_pairs), LEARNT_FROM) if learns else None,
    )
    trainer.add_callback(manifest)
    if arguments.should_save:
        out.mkdir(parents=True, exist_ok=True)
        recipe.save(out)
    with progress_of(trainer):
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    if recipe.lora and arguments.should_save:
        save_merged(model, tokenizer, out)
    elif not recipe.lora:
        trainer.save_model()
    manifest.finish(arguments)
    return out


def _begin(
    recipe: Recipe, base: Checkpoint | None, pairs: Dataset, checkpoint: Path | None, cache: Cache
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Build or open what is trained; the Trainer loads the weights of a checkpoint that is resumed."""
    model: PreTrainedModel
    if base is None:
        resumed = checkpoint is not None
        tokenizer = AutoTokenizer.from_pretrained(checkpoint) if resumed else make_tokenizer(recipe, pairs, cache)
        model = build_model(recipe, tokenizer)
    elif checkpoint is None or recipe.lora:  # a checkpoint of LoRA holds its adapter alone
        model, tokenizer = open_base(base, recipe, sentences_of(pairs))
    else:
        model, tokenizer = load_translator(checkpoint)
        model.train()
    if len(recipe.targets) > 1 and not has_choice(model, tokenizer):
        marks = ", ".join(f'"{mark}"' for mark in recipe.marks)
        raise UserError(f"init_from={base} is told no target language, and corpora has several: add_tokens=[{marks}]")
    choose_languages(recipe.parts()[0], model, tokenizer, str(base))
    freeze(model, recipe.freeze)
    return add_lora(model, recipe.lora) if recipe.lora else model, tokenizer


def _check_folder(recipe: Recipe, out: Path, resume: bool) -> None:
    """Refuse to mix two trainings, or a training with anything else, in one folder."""
    if not resume:
        if holds_something(out):
            raise UserError(f"{out} is not empty: choose another --out, or go on with --resume")
        return
    earlier = recipe_of(out)
    if earlier is None:
        raise UserError(f"there is no training to resume in {out}")
    earlier_settings, settings = _settings(located(earlier)), _settings(recipe)
    if recipe.hold_out is None:  # as it began
        del earlier_settings["hold_out"], settings["hold_out"]
    for name in {**earlier_settings, **settings}:
        before, now = earlier_settings.get(name), settings.get(name)
        are_numbers = isinstance(before, int | float) and isinstance(now, int | float)
        if before != now and not (name in LENGTHS and are_numbers and now > before):  # type: ignore[operator]
            hint = f"; {' and '.join(LENGTHS)} may grow" if name in LENGTHS else ""
            raise UserError(f"{out} was begun with {name}={before}, not {now}: resume with the same values{hint}")


def _hold_out(recipe: Recipe, out: Path, resume: bool) -> int | None:
    """Hold out as many pairs as when the training began; none of a file in one of a version that held out none."""
    earlier = recipe_of(out) if resume and newest_checkpoint(out) is not None else None
    if earlier is None:
        return recipe.hold_out
    return 0 if earlier.hold_out is None and is_one_split(recipe.corpus) else earlier.hold_out


def _named_splits(recipe: Recipe, loaded: Sequence[Pairs]) -> dict[str, Dataset]:
    """Name what is trained and evaluated on, for the manifest: `train` and `dev`, or those of each corpus."""
    ends = [f" {name}".rstrip() for name in recipe.part_names()]
    named: dict[str, Dataset] = {}
    for end, pairs in zip(ends, loaded, strict=True):
        named |= {f"train{end}": pairs.train, f"dev{end}": pairs.dev}
    return named


def _sum_of(overlaps: Sequence[Overlap | None]) -> Overlap | None:
    """Add up how much of the test sets is trained on, where there are such."""
    known = [overlap for overlap in overlaps if overlap is not None]
    return Overlap(*map(sum, zip(*known, strict=True))) if known else None


def _settings(recipe: Recipe) -> dict[str, Any]:
    """List every setting of a recipe by its name, such as `max_length` and `training.max_steps`."""
    settings: dict[str, Any] = {}
    for name, value in vars(recipe).items():
        settings |= {f"{name}.{key}": each for key, each in value.items()} if isinstance(value, dict) else {name: value}
    return settings


def _vocabulary(tokenizer: PreTrainedTokenizerBase, recipe: Recipe, pairs: int) -> str:
    """Say how many subwords there are, what they were learnt from, and why they are fewer than were asked for."""
    asked, said = recipe.vocab_size, f"vocabulary of {len(tokenizer):,} subwords"
    if pairs > LEARNT_FROM and (asked is not None or recipe.add_subwords):
        said += f", learnt from {LEARNT_FROM:,} of {pairs:,} pairs"
    if asked is None or len(tokenizer) >= asked:
        return said
    return f"{said} (the training text has no more; vocab_size={asked:,} asks for them)"


def _callbacks(recipe: Recipe, dev_pairs: Dataset, tokenizer: PreTrainedTokenizerBase) -> list[TrainerCallback]:
    """Stop early; average checkpoints, and watch attention, where the recipe asks for it."""
    callbacks: list[TrainerCallback] = [ResumableEarlyStopping(recipe.early_stopping_patience)]
    if recipe.average:
        callbacks.append(AverageCallback(last=recipe.average))
    if recipe.watch_attention:
        chosen = (recipe.corpus, recipe.source_lang, recipe.dev_split, recipe.watch_attention)
        callbacks.append(AttentionCallback(*pairs_to_watch(*chosen, dev_pairs, tokenizer, recipe.max_length)))
    return callbacks
