"""Train a translator as one trains any sequence-to-sequence model of transformers.

Nothing here knows our classes: the import below teaches the Auto classes the model type, and all else is stock.

    python stock_trainer.py --model FOLDER --train_file train.jsonl --eval_file dev.jsonl --output_dir out \
        --do_train --do_eval --max_steps 100 --predict_with_generate

The files hold one pair a line, `{"source": ..., "target": ...}`. All options of `Seq2SeqTrainingArguments` may follow.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from datasets import load_dataset
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    HfArgumentParser,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    set_seed,
)

import hf_attn_model  # noqa: F401  registers the model type "hf_attn"


@dataclass
class ScriptArguments:
    model: str = field(
        metadata={"help": "folder with a tokenizer and a configuration, and weights to fine-tune if any"}
    )
    train_file: str | None = None
    eval_file: str | None = None
    streaming: bool = field(default=False, metadata={"help": "read the training pairs as they come; needs --max_steps"})
    cache_dir: str | None = None


def main(argv: list[str] | None = None) -> Seq2SeqTrainer:
    script, training = HfArgumentParser((ScriptArguments, Seq2SeqTrainingArguments)).parse_args_into_dataclasses(argv)
    set_seed(training.seed)
    tokenizer = AutoTokenizer.from_pretrained(script.model)
    if (Path(script.model) / "model.safetensors").exists():
        model = AutoModelForSeq2SeqLM.from_pretrained(script.model)
    else:
        model = AutoModelForSeq2SeqLM.from_config(AutoConfig.from_pretrained(script.model))

    def encode(batch):
        return tokenizer(batch["source"], text_target=batch["target"])

    def load(path, streaming=False):
        pairs = load_dataset("json", data_files=path, split="train", streaming=streaming, cache_dir=script.cache_dir)
        if streaming:
            pairs = pairs.shuffle(seed=training.seed, buffer_size=23)
        return pairs.map(encode, batched=True, remove_columns=["source", "target"])

    def compute_metrics(prediction):
        predicted, expected = (
            tokenizer.batch_decode(np.where(ids == -100, tokenizer.pad_token_id, ids), skip_special_tokens=True)
            for ids in (prediction.predictions, prediction.label_ids)
        )
        return {"exact_match": np.mean([ours == theirs for ours, theirs in zip(predicted, expected, strict=True)])}

    trainer = Seq2SeqTrainer(
        model,
        training,
        DataCollatorForSeq2Seq(tokenizer, model),
        train_dataset=load(script.train_file, script.streaming) if script.train_file else None,
        eval_dataset=load(script.eval_file) if script.eval_file else None,
        processing_class=tokenizer,
        compute_metrics=compute_metrics if training.predict_with_generate else None,
    )
    if training.do_train:
        trainer.train(resume_from_checkpoint=training.resume_from_checkpoint)
        trainer.save_model()
    if training.do_eval:
        trainer.evaluate()
    trainer.save_state()
    return trainer


if __name__ == "__main__":
    main(sys.argv[1:])
