"""Settings that can have no effect here: refused with who decides in their place, or named at the start of a training.

`OWNED` are fields of TrainingArguments, and `OWNED_MODEL` of AttnConfig, that never have one. `overruled` names those
from which another setting of the same recipe takes it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

HERE_ALONE = "a training writes to its folder alone: hf-attn push sends the model"
LOSS_ALONE = "an evaluation computes the dev loss, and dev BLEU by itself"
BY_TOKENS = "batches are made by length, to max_tokens"
NO_LIGER = "there are no Liger kernels for this model"
ONE_VOCABULARY = "one vocabulary is learnt for both languages"
OWNED = {
    "output_dir": "give --out",
    "resume_from_checkpoint": "give --resume",
    "do_train": "hf-attn train trains",
    "do_eval": "set training.eval_steps",
    "do_predict": "hf-attn evaluate scores",
    "local_rank": "torchrun says which process it is",
    "per_device_train_batch_size": "set max_tokens",
    "auto_find_batch_size": "set max_tokens",
    "train_sampling_strategy": BY_TOKENS,
    "length_column_name": BY_TOKENS,
    "sortish_sampler": BY_TOKENS,
    "dataloader_drop_last": "no pair is left out of the batches",
    "remove_unused_columns": "the pairs have no other columns",
    "label_names": "the labels are the target sentences",
    "neftune_noise_alpha": "the model adds no noise to its words: set word_dropout",
    "label_smoothing_factor": "set label_smoothing",
    "eval_strategy": "set training.eval_steps",
    "save_strategy": "set training.eval_steps",
    "save_only_model": "a training can go on only from all of its state",
    "enable_jit_checkpoint": "a training goes on from its last checkpoint, with --resume",
    "restore_callback_states_from_checkpoint": "--resume restores them",
    "load_best_model_at_end": "the best checkpoint is always kept",
    "metric_for_best_model": "the best checkpoint is that of the lowest dev loss",
    "greater_is_better": "the best checkpoint is that of the lowest dev loss",
    **dict.fromkeys(("bf16_full_eval", "fp16_full_eval"), "an evaluation has the precision of the training"),
    **dict.fromkeys(("prediction_loss_only", "include_for_metrics", "batch_eval_metrics"), LOSS_ALONE),
    **dict.fromkeys(("eval_do_concat_batches", "eval_accumulation_steps"), LOSS_ALONE),
    **dict.fromkeys(("eval_use_gather_object", "predict_with_generate"), LOSS_ALONE),
    **dict.fromkeys(("generation_max_length", "generation_num_beams", "generation_config"), "set num_beams"),
    **dict.fromkeys(("use_liger_kernel", "liger_kernel_config"), NO_LIGER),
    **dict.fromkeys(("push_to_hub", "hub_token", "hub_model_id", "hub_strategy", "hub_always_push"), HERE_ALONE),
    **dict.fromkeys(("hub_private_repo", "hub_revision"), HERE_ALONE),
    "parallelism_config": "no recipe can write one down",
}
BY_TOKENIZER = "the tokenizer decides"
OWNED_MODEL = {
    "vocab_size": "set vocab_size",
    **dict.fromkeys(("decoder_vocab_size", "share_encoder_decoder_embeddings"), ONE_VOCABULARY),
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), BY_TOKENIZER),
    **dict.fromkeys(("is_encoder_decoder", "is_decoder"), "every model here has an encoder and a decoder"),
    "use_cache": "set training.use_cache",
}
PLAIN_OPTIMIZERS = ("adamw_torch", "adamw_torch_fused", "adafactor")  # that take no arguments of their own
WITHOUT_ADAM = ("sgd", "adagrad", "adafactor", "rmsprop")  # begin the names of optimizers
OF_MODULES = ("galore", "apollo")
WITHOUT_WARMUP = ("constant", "reduce_lr_on_plateau", "greedy")
PLAIN_SCHEDULERS = ("constant", "constant_with_warmup")
RUN_NAMERS = ("wandb", "mlflow", "comet_ml", "swanlab", "trackio")


def overruled(training: Mapping[str, Any], muon: bool) -> Iterator[tuple[str, str]]:
    """Name the fields of TrainingArguments that have no effect beside these settings, each with the one that wins.

    Args:
        training: the fields that a recipe sets.
        muon: whether it chooses Muon.
    """
    if training.get("max_steps", -1) > 0:
        yield "num_train_epochs", f"training.max_steps={training['max_steps']} says how long, unless it is -1"
    optimizer, scheduler = training.get("optim", "adamw_torch_fused"), training.get("lr_scheduler_type", "linear")
    if muon:
        yield from ((name, "muon=true chooses the optimizer") for name in ("optim_args", "optim_target_modules"))
    elif optimizer in PLAIN_OPTIMIZERS:
        yield "optim_args", f"training.optim={optimizer} takes none"
    if not muon and not optimizer.startswith(OF_MODULES):
        yield "optim_target_modules", f"training.optim={optimizer} moves all weights"
    if optimizer.startswith(WITHOUT_ADAM):
        for name in ("adam_beta1", "adam_beta2", "adam_epsilon"):
            yield name, f"training.optim={optimizer} has none"
    if scheduler in WITHOUT_WARMUP:
        yield "warmup_steps", f"training.lr_scheduler_type={scheduler} does not warm up"
    if scheduler in PLAIN_SCHEDULERS:
        yield "lr_scheduler_kwargs", f"training.lr_scheduler_type={scheduler} takes none"
    if not (training.get("activation_checkpointing") or training.get("gradient_checkpointing")):
        for name in ("activation_checkpointing", "gradient_checkpointing"):
            yield f"{name}_kwargs", f"training.{name} is off"
    if not training.get("fsdp"):
        yield "fsdp_config", "training.fsdp is off"
    if not training.get("dataloader_num_workers"):
        for name in ("persistent_workers", "prefetch_factor", "multiprocessing_context", "in_order"):
            yield f"dataloader_{name}", "training.dataloader_num_workers is 0"
    if training.get("logging_strategy", "steps") != "steps":
        yield "logging_steps", f"training.logging_strategy={training['logging_strategy']} says when"
    reporters = training.get("report_to") or []
    reporters = [reporters] if isinstance(reporters, str) else reporters
    if not set(reporters).intersection((*RUN_NAMERS, "all")):
        yield "run_name", f"training.report_to is none of {', '.join(RUN_NAMERS)}"
    if not {"trackio", "all"}.intersection(reporters):
        for name in ("project", "trackio_space_id", "trackio_bucket_id", "trackio_static_space_id"):
            yield name, "training.report_to is not trackio"
