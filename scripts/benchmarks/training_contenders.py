"""What the training benchmarks compare: two models of one size, and the trainers that train them.

MarianMT stands for the peers, under Seq2SeqTrainer. It gets the sizes, the token ids and the special tokens of ours, so
that nothing but the tool differs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from datasets import Dataset, load_from_disk
from transformers import (
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    MarianConfig,
    MarianMTModel,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PrinterCallback,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
)

from hf_attn_model import AttnConfig, AttnForConditionalGeneration
from hf_attn_model.text.corpora import load_corpus
from hf_attn_model.text.lengths import LENGTH_STEP
from hf_attn_model.text.tokenizer import train_tokenizer
from hf_attn_model.training.backend import STOCK, ComputeBackend, choose_backend
from hf_attn_model.training.examples import tokenize
from hf_attn_model.training.trainer import TranslationTrainer

MAX_LENGTH = 128  # longest sentence in tokens
SMOOTHING = 0.1
MAX_STEPS = 10**6  # more than any run takes: time ends it


def shape(d_model: int, layers: int, heads: int, ffn_dim: int, vocab_size: int) -> dict[str, int]:
    """Return the sizes of a model, in the words of both configurations."""
    both = {"layers": layers, "attention_heads": heads, "ffn_dim": ffn_dim}
    sides = {f"{side}_{name}": size for side in ("encoder", "decoder") for name, size in both.items()}
    return {"d_model": d_model, "vocab_size": vocab_size, **sides}


SHAPES = {
    "tiny": shape(128, 4, 4, 256, 8_000),
    "small": shape(256, 3, 4, 1024, 8_000),
    "base": shape(512, 6, 8, 2048, 32_000),
    "big": shape(1024, 6, 16, 4096, 32_000),
}


@dataclass(frozen=True)
class Contender:
    """A model and how it is trained.

    Attributes:
        ours: AttnForConditionalGeneration, else MarianMT.
        sentences: of a batch; `None` for batches of a token budget.
        grouped: batches of like length as Seq2SeqTrainer makes them.
        counted: the smoothed loss is taken where labels count, else on all logits by Trainer's label smoother.
        backend: the arithmetic.
    """

    ours: bool = False
    sentences: int | None = 64
    grouped: bool = False
    counted: bool = False
    backend: ComputeBackend = STOCK


def contenders() -> dict[str, Contender]:
    """Return the contenders by name: the peer, and ours with one ingredient more in each row."""
    stock_bf16 = replace(STOCK, bf16=True)
    ours = Contender(ours=True)
    rows = {
        "MarianMT as it comes: fp32, random 64": Contender(),
        "MarianMT, fp32, groups of 64": Contender(grouped=True),
        "MarianMT, bf16, groups of 64": Contender(grouped=True, backend=stock_bf16),
        "MarianMT, bf16, groups of 256": Contender(grouped=True, backend=stock_bf16, sentences=256),
        "ours under the stock trainer: fp32, random 64": ours,
        "+ token batches": (ours := replace(ours, sentences=None)),
        "+ loss where labels count, in chunks": (ours := replace(ours, counted=True)),
    }
    for field, name in (
        ("attention", "+ attention by matrix products"),
        ("drop_by_bits", "+ dropout by bits"),
        ("onednn", "+ oneDNN products"),
    ):
        chosen = getattr(choose_backend(bf16=False), field)
        if chosen != getattr(ours.backend, field):  # else this machine gains nothing by it
            rows[name] = ours = replace(ours, backend=replace(ours.backend, **{field: chosen}))
    name, ours = rows.popitem()
    rows[f"{name}: ours in fp32"] = ours
    rows["bf16 autocast in place of fp32: ours in bf16"] = replace(ours, backend=choose_backend(bf16=True))
    return rows


class StockLossTrainer(TranslationTrainer):
    """Token batches with the loss of Seq2SeqTrainer."""

    compute_loss = Seq2SeqTrainer.compute_loss


def prepare(corpus: str, languages: str, vocab_size: int, folder: Path) -> str:
    """Tokenize the training pairs of a corpus into a folder, from which every contender reads them.

    A corpus too small for the vocabulary keeps the lengths of its sentences, and gets token ids drawn at random.

    Returns:
        a line about the data.
    """
    source_lang, target_lang = languages.split("-")
    pairs = load_corpus(corpus, source_lang, target_lang).dataset
    texts = (text for column in ("source", "target") for text in pairs[column])
    tokenizer = train_tokenizer(texts, vocab_size, max_length=MAX_LENGTH)
    data = tokenize(pairs, tokenizer, MAX_LENGTH)
    found = len(tokenizer)
    if found < vocab_size:
        data = draw_ids(data, vocab_size)
    data.save_to_disk(folder / "pairs")
    tokenizer.save_pretrained(folder / "tokenizer")
    about = f"{len(data):,} pairs of {Path(corpus).name} {languages}"
    if found < vocab_size:
        about += f": their lengths, with token ids drawn from {vocab_size:,} (the corpus has {found:,} subwords)"
    return about


def draw_ids(data: Dataset, vocab_size: int) -> Dataset:
    """Replace all token ids but the end mark by random ones."""
    rng = np.random.default_rng(0)

    def draw(row: dict[str, list[int]]) -> dict[str, list[int]]:
        return {name: [*rng.integers(2, vocab_size, len(ids) - 1).tolist(), 1] for name, ids in row.items()}

    return data.map(draw, load_from_cache_file=False)


def read_prepared(folder: Path) -> tuple[Dataset, PreTrainedTokenizerBase]:
    """Read what `prepare` wrote: pairs with `input_ids` and `labels`, and the tokenizer."""
    data = load_from_disk(str(folder / "pairs"))
    assert isinstance(data, Dataset)
    return data, AutoTokenizer.from_pretrained(folder / "tokenizer")


def build_model(ours: bool, sizes: dict[str, int], dropout: float = 0.1) -> PreTrainedModel:
    """Build a model with fresh weights for the token ids of our tokenizer."""
    common: dict[str, Any] = sizes | {
        "dropout": dropout,
        "activation_function": "relu",
        "scale_embedding": True,
        "max_position_embeddings": 512,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }
    if ours:
        return AttnForConditionalGeneration(AttnConfig(**common))
    return MarianMTModel(MarianConfig(**common, forced_eos_token_id=1))


def make_trainer(
    contender: Contender,
    model: PreTrainedModel,
    data: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    output_dir: Path,
    max_tokens: int,
    wrap: Callable[[Any], Any] = lambda collator: collator,
    of_ours: Mapping[str, Any] = MappingProxyType({"label_smoothing": SMOOTHING}),
    **options: Any,
) -> Seq2SeqTrainer:
    """Make the trainer of a contender.

    Args:
        max_tokens: of a batch, if the contender goes by tokens.
        wrap: what to put around the collator.
        of_ours: options of `TranslationTrainer`, for a contender whose loss is `counted`.
        options: of `Seq2SeqTrainingArguments`.
    """
    stock_loss = not contender.counted
    arguments = Seq2SeqTrainingArguments(
        str(output_dir),
        **{
            "max_steps": MAX_STEPS,
            "per_device_train_batch_size": contender.sentences or 1,
            "train_sampling_strategy": "group_by_length" if contender.grouped else "random",
            "label_smoothing_factor": SMOOTHING if stock_loss else 0.0,
            "bf16": contender.backend.bf16,
            "use_cpu": not torch.accelerator.is_available(),
            "lr_scheduler_type": "constant",
            "save_strategy": "no",
            "logging_strategy": "no",
            "report_to": [],
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
        }
        | options,
    )
    by_tokens = contender.sentences is None
    collator = wrap(DataCollatorForSeq2Seq(tokenizer, model, pad_to_multiple_of=LENGTH_STEP if by_tokens else None))
    common: dict[str, Any] = {"data_collator": collator, "train_dataset": data, "processing_class": tokenizer}
    trainer: Seq2SeqTrainer
    if not by_tokens:
        trainer = Seq2SeqTrainer(model, arguments, **common)
    elif stock_loss:
        trainer = StockLossTrainer(model, arguments, max_tokens=max_tokens, **common)
    else:
        trainer = TranslationTrainer(model, arguments, max_tokens=max_tokens, **common, **of_ours)
    trainer.remove_callback(PrinterCallback)
    return trainer
