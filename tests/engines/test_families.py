"""The table of families against the configurations of the installed transformers."""

import inspect
from dataclasses import fields

import pytest
from transformers import PreTrainedConfig

from hf_attn_model import AttnConfig
from hf_attn_model.engines.families import FAMILIES, FIXED, FROM_WEIGHTS, LEFT_BEHIND, SAME

OF_EVERY_MODEL = {field.name for field in fields(PreTrainedConfig)}


def declared(config_class):
    return {field.name for field in fields(config_class)} - OF_EVERY_MODEL


@pytest.mark.parametrize("name", FAMILIES)
def test_every_field_of_a_stock_configuration_is_accounted_for(name):
    config_class = FAMILIES[name].model_class.config_class
    assert config_class.model_type == name
    known = {*SAME, *FROM_WEIGHTS, *LEFT_BEHIND, *FIXED}
    assert declared(config_class) <= known
    assert set(SAME) - {"bos_token_id"} <= {*declared(config_class), *inspect.signature(config_class).parameters}


def test_every_field_of_ours_is_accounted_for():
    choices = FAMILIES["bart"].choices(1)
    assert declared(AttnConfig) - OF_EVERY_MODEL <= {*SAME, *FROM_WEIGHTS, *FIXED, *choices, "head_dim", "logits_bias"}
