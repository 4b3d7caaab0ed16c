"""Every setting that can be typed has an effect, or is refused with the one that wins."""

from dataclasses import fields

import pytest
from transformers import Seq2SeqTrainingArguments

from hf_attn_model.errors import UserError
from hf_attn_model.model.configuration_attn import AttnConfig
from hf_attn_model.recipes.effects import OWNED, OWNED_MODEL, overruled
from hf_attn_model.recipes.recipe import load_recipe, recipe_names

HEARD = {  # fields of TrainingArguments that reach the Trainer, and change what it does here
    *("num_train_epochs", "max_steps", "learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs"),
    *("warmup_steps", "optim", "optim_args", "optim_target_modules", "weight_decay", "adam_beta1", "adam_beta2"),
    *("adam_epsilon", "gradient_accumulation_steps", "average_tokens_across_devices", "max_grad_norm", "bf16"),
    *("fp16", "tf32", "activation_checkpointing", "activation_checkpointing_kwargs", "gradient_checkpointing"),
    *("gradient_checkpointing_kwargs", "torch_compile", "torch_compile_backend", "torch_compile_mode"),
    *("use_cache", "torch_empty_cache_steps", "logging_strategy", "logging_steps", "logging_first_step"),
    *("log_on_each_node", "logging_nan_inf_filter", "include_num_input_tokens_seen", "log_level"),
    *("log_level_replica", "disable_tqdm", "report_to", "run_name", "project", "trackio_space_id"),
    *("trackio_bucket_id", "trackio_static_space_id", "eval_steps", "eval_delay", "eval_on_start"),
    *("per_device_eval_batch_size", "save_steps", "save_on_each_node", "save_total_limit", "ignore_data_skip"),
    *("full_determinism", "seed", "data_seed", "use_cpu", "accelerator_config", "dataloader_num_workers"),
    *("dataloader_pin_memory", "dataloader_persistent_workers", "dataloader_prefetch_factor"),
    *("dataloader_multiprocessing_context", "dataloader_in_order", "ddp_find_unused_parameters"),
    *("ddp_bucket_cap_mb", "ddp_broadcast_buffers", "ddp_static_graph", "ddp_backend", "ddp_timeout", "fsdp"),
    *("fsdp_config", "deepspeed", "debug", "skip_memory_metrics"),
}
HEARD_MODEL = {  # of AttnConfig
    *("d_model", "head_dim", "encoder_layers", "decoder_layers", "encoder_attention_heads"),
    *("decoder_attention_heads", "encoder_ffn_dim", "decoder_ffn_dim", "activation_function", "norm_position"),
    *("dropout", "attention_dropout", "activation_dropout", "position_embedding", "max_position_embeddings"),
    *("scale_embedding", "tie_word_embeddings", "position_offset", "normalize_embedding", "logits_bias"),
}


def test_every_field_is_heard_or_refused():
    """A field that is new in transformers, or here, has to be put into one of the two."""
    assert HEARD | OWNED.keys() == {field.name for field in fields(Seq2SeqTrainingArguments)}
    assert not HEARD & OWNED.keys()
    assert HEARD_MODEL | OWNED_MODEL.keys() == AttnConfig.__annotations__.keys()
    assert not HEARD_MODEL & OWNED_MODEL.keys()


@pytest.mark.parametrize("name", sorted(OWNED.keys() - {"hub_token"}))
def test_what_is_decided_here_is_refused_with_what_decides(name):
    with pytest.raises(UserError) as caught:
        load_recipe("textbook-en-es", [f"training.{name}=whatever"])
    assert str(caught.value) == f"recipe textbook-en-es: training.{name} is not for recipes: {OWNED[name]}"


@pytest.mark.parametrize(
    ("override", "reason"),
    [
        ("training.resume_from_checkpoint=old", "training.resume_from_checkpoint is not for recipes: give --resume"),
        ("training.push_to_hub=true", "hf-attn push sends the model"),
        ("training.predict_with_generate=true", "dev BLEU by itself"),
        ("training.generation_num_beams=3", "set num_beams"),
        ("training.label_smoothing_factor=0.1", "set label_smoothing"),
        ("training.neftune_noise_alpha=5", "set word_dropout"),
        ("model.vocab_size=1000", "model.vocab_size is not for recipes: set vocab_size"),
        ("model.pad_token_id=3", "the tokenizer decides"),
        ("model.use_cache=false", "set training.use_cache"),
    ],
)
def test_refusals_say_what_to_do(override, reason):
    with pytest.raises(UserError, match=reason):
        load_recipe("textbook-en-es", [override])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.num_train_epochs=1"], "training.num_train_epochs has no effect: training.max_steps=6000 says how"),
        (["muon=true", "training.optim_args=eps=1"], "training.optim_args has no effect: muon=true chooses"),
        (["training.optim_args=eps=1"], "training.optim=adamw_torch_fused takes none"),
        (["training.optim_target_modules=all-linear"], "training.optim=adamw_torch_fused moves all weights"),
        (["training.optim=adafactor", "training.adam_beta1=0.5"], "training.optim=adafactor has none"),
        (
            ["training.lr_scheduler_type=constant", "training.warmup_steps=5"],
            "lr_scheduler_type=constant does not warm",
        ),
        (["training={lr_scheduler_type: constant, warmup_steps: 5}"], "lr_scheduler_type=constant does not warm"),
        (
            ["training.lr_scheduler_type=constant_with_warmup", "training.lr_scheduler_kwargs.num_cycles=2"],
            "lr_scheduler_kwargs has no effect: training.lr_scheduler_type=constant_with_warmup takes none",
        ),
        (["training.gradient_checkpointing_kwargs={use_reentrant: true}"], "training.gradient_checkpointing is off"),
        (["training.fsdp_config={version: 2}"], "training.fsdp is off"),
        (["training.dataloader_persistent_workers=true"], "training.dataloader_num_workers is 0"),
        (["training={logging_strategy: epoch, logging_steps: 5}"], "training.logging_strategy=epoch says when"),
        (["training.run_name=first"], "training.report_to is none of wandb, "),
        (["training.report_to=[wandb]", "training.project=mine"], "training.report_to is not trackio"),
        (["corpus=textbook:en-es", "config=es"], "config has no effect: corpus=textbook:en-es is not on the Hub"),
    ],
)
def test_a_setting_that_another_overrules_is_refused_when_it_is_typed(overrides, message):
    with pytest.raises(UserError, match=message):
        load_recipe("tatoeba-en-es", ["corpus=somewhere", *overrides])


@pytest.mark.parametrize(
    "overrides",
    [
        ["training.num_train_epochs=1", "training.max_steps=-1"],
        ["training.optim=sgd", "training.optim_args=momentum=0.9"],
        ["training.optim=galore_adamw", "training.optim_target_modules=all-linear"],
        ["training.optim=adamw_torch", "training.adam_beta1=0.5"],
        ["training.lr_scheduler_type=constant_with_warmup", "training.warmup_steps=5"],
        ["training.lr_scheduler_kwargs.num_cycles=2"],
        ["training.gradient_checkpointing=true", "training.gradient_checkpointing_kwargs={use_reentrant: true}"],
        ["training.dataloader_num_workers=2", "training.dataloader_persistent_workers=true"],
        ["training.report_to=wandb", "training.run_name=first"],
        ["training.report_to=[trackio]", "training.project=mine"],
        ["config=es"],
    ],
)
def test_the_way_out_of_it_is_accepted(overrides):
    load_recipe("tatoeba-en-es", ["corpus=user/name", *overrides])


def test_what_a_file_says_may_be_overruled_by_what_is_typed():
    recipe = load_recipe("textbook-en-es", ["training.max_steps=7"])
    assert recipe.training["num_train_epochs"] == 3.5
    assert recipe.overruled() == {"training.num_train_epochs": "training.max_steps=7 says how long, unless it is -1"}


@pytest.mark.parametrize("name", recipe_names())
def test_the_recipes_of_the_package_have_no_setting_without_effect(name):
    settings = ["corpus=user/name", "source_lang=en", "target_lang=es"]
    settings += ["init_from=textbook"] if name == "finetune" else []
    assert load_recipe(name, settings).overruled() == {}


def test_rules_name_fields_that_there_are():
    settings = {"max_steps": 1, "optim": "sgd", "lr_scheduler_type": "constant", "logging_strategy": "no"}
    assert {name for muon in (False, True) for name, _ in overruled(settings, muon)} <= HEARD
