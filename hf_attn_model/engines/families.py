"""Which stock class of transformers computes what our model computes, field by field.

Our model takes these choices from its configuration; in a stock class each is one and the same, or the other:

| | norm | positions | from row | norm of embeddings | bias of logits | two vocabularies |
|---|---|---|---|---|---|---|
| Marian (OPUS-MT) | post | sinusoidal | 0 | | yes | may be |
| Pegasus | pre | sinusoidal | 0 | | yes | |
| BART | post | learned | 2 | yes | yes | |
| mBART, mBART-50 | pre | learned | 2 | yes | yes | |
| M2M-100, NLLB | pre | tensor2tensor | pad + 1 | | | |
"""

from dataclasses import dataclass
from typing import Any

import transformers
from transformers import PreTrainedConfig, PreTrainedModel

from ..errors import UserError
from ..model import AttnConfig

NATIVE = AttnConfig.model_type


@dataclass(frozen=True)
class Family:
    """What a stock class computes, in the fields of `AttnConfig`.

    Attributes:
        class_name: its name in transformers.
        norm_position, position_embedding, normalize_embedding: those of `AttnConfig`.
        position_offset: that of `AttnConfig`; `None` stands for the row behind `pad_token_id`.
        logits_bias: it can have a `final_logits_bias`.
        two_vocabularies: source and target can have embeddings of their own.
    """

    class_name: str
    norm_position: str
    position_embedding: str
    position_offset: int | None
    normalize_embedding: bool
    logits_bias: bool
    two_vocabularies: bool

    @property
    def model_class(self) -> type[PreTrainedModel]:
        """The class that translates."""
        return getattr(transformers, self.class_name)

    def choices(self, pad_token_id: int | None) -> dict[str, Any]:
        """The fields of `AttnConfig` that are one and the same in all models of this class."""
        offset = self.position_offset if self.position_offset is not None else (pad_token_id or 0) + 1
        return {
            "norm_position": self.norm_position,
            "position_embedding": self.position_embedding,
            "position_offset": offset,
            "normalize_embedding": self.normalize_embedding,
        }


FAMILIES = {  # by `model_type`
    "marian": Family("MarianMTModel", "post", "sinusoidal", 0, False, True, True),
    "pegasus": Family("PegasusForConditionalGeneration", "pre", "sinusoidal", 0, False, True, False),
    "bart": Family("BartForConditionalGeneration", "post", "learned", 2, True, True, False),
    "mbart": Family("MBartForConditionalGeneration", "pre", "learned", 2, True, True, False),
    "m2m_100": Family("M2M100ForConditionalGeneration", "pre", "tensor2tensor", None, False, False, False),
}

SAME = (  # one name and one meaning in all of them, and in ours
    *("vocab_size", "d_model", "max_position_embeddings", "scale_embedding", "activation_function"),
    *("encoder_layers", "encoder_attention_heads", "encoder_ffn_dim"),
    *("decoder_layers", "decoder_attention_heads", "decoder_ffn_dim"),
    *("dropout", "attention_dropout", "activation_dropout", "use_cache"),
    *("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"),
)
FROM_WEIGHTS = ("decoder_vocab_size", "share_encoder_decoder_embeddings", "tie_word_embeddings")  # what is equal there
LEFT_BEHIND = {  # of stock classes: of trainings, other tasks and fresh weights, and what they are without effect
    **{"encoder_layerdrop": 0.0, "decoder_layerdrop": 0.0, "classifier_dropout": 0.0, "init_std": 0.02},
    "forced_eos_token_id": None,  # `generate` reads it in the generation settings, which come along
}
FIXED = {"is_encoder_decoder": True, "is_decoder": False}  # of stock classes: nothing else translates


def family_of(model_type: str) -> Family:
    """Find the family of a stock checkpoint. Raises `UserError` where there is no counterpart."""
    if model_type not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise UserError(f'its model_type is "{model_type}", which has no counterpart here: convert knows {known}')
    return FAMILIES[model_type]


def native_fields(config: PreTrainedConfig, start_token_id: int | None) -> dict[str, Any]:
    """Read the fields of `AttnConfig`, `FROM_WEIGHTS` and `logits_bias` excepted, off a stock configuration.

    Args:
        config: of one of `FAMILIES`.
        start_token_id: of the generation settings, for a configuration that has none.

    Raises:
        UserError: a field has no counterpart.
    """
    for name, value in FIXED.items():
        if getattr(config, name, value) != value:
            raise UserError(f"{name} is {getattr(config, name)}, and only {value} translates")
    fields = {name: getattr(config, name, None) for name in SAME}  # Pegasus declares no bos_token_id
    if fields["decoder_start_token_id"] is None:
        fields["decoder_start_token_id"] = start_token_id
    choices = family_of(config.model_type).choices(config.pad_token_id)
    _check_start(config.model_type, fields)
    return fields | choices


def stock_fields(config: AttnConfig, to: str) -> dict[str, Any]:
    """Read the fields of a stock configuration, `FROM_WEIGHTS` excepted, off ours.

    Args:
        to: one of `FAMILIES`.

    Raises:
        UserError: a field has no counterpart there.
    """
    family = FAMILIES[to]
    for name, value in family.choices(config.pad_token_id).items():
        if getattr(config, name) != value:
            raise _no_counterpart(name, getattr(config, name), family, f"has {value} there")
    for heads in (config.encoder_attention_heads, config.decoder_attention_heads):
        if config.width_of_head(heads) * heads != config.d_model:
            raise _no_counterpart("head_dim", config.head_dim, family, f"has d_model / heads, {config.d_model}/{heads}")
    if not config.share_encoder_decoder_embeddings and not family.two_vocabularies:
        raise _no_counterpart("share_encoder_decoder_embeddings", False, family, "has one embedding for both languages")
    fields = {name: getattr(config, name) for name in SAME}
    _check_start(to, fields)
    declared = {name: value for name, value in LEFT_BEHIND.items() if hasattr(family.model_class.config_class, name)}
    return fields | declared


def left_behind(config: PreTrainedConfig) -> dict[str, Any]:
    """What a stock configuration says of trainings, and ours does not."""
    found = {name: getattr(config, name, None) for name in ("encoder_layerdrop", "decoder_layerdrop")}
    return {name: value for name, value in found.items() if value}


def check_bias(to: str, is_zero: bool) -> None:
    """Raise `UserError` for a bias of logits that the stock class has no place for."""
    if not is_zero and not FAMILIES[to].logits_bias:
        raise _no_counterpart("logits_bias", True, FAMILIES[to], "has none, and this one is not zero")


def _check_start(model_type: str, fields: dict[str, Any]) -> None:
    """M2M-100 tells padding by its id, not by the mask: a start mark of that id has no position there."""
    pad, start = fields["pad_token_id"], fields["decoder_start_token_id"]
    if FAMILIES[model_type].position_offset is None and (pad is None or pad == start):
        raise UserError(
            f"decoder_start_token_id is {start} and pad_token_id is {pad}: {FAMILIES[model_type].class_name} takes "
            "every pad_token_id for padding, so that both must be there, and differ"
        )


def _no_counterpart(name: str, value: Any, family: Family, instead: str) -> UserError:
    return UserError(f"{name} is {value}, which has no counterpart in {family.class_name}: it {instead}")
