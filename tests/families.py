"""Small models of every family of models that translates, and what eager attention says of them."""

import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    M2M100Config,
    M2M100ForConditionalGeneration,
    MarianConfig,
    MarianMTModel,
    T5Config,
    T5ForConditionalGeneration,
    T5GemmaConfig,
    T5GemmaForConditionalGeneration,
    T5GemmaModuleConfig,
)

from hf_attn_model.attention.places import PLACES
from hf_attn_model.model import AttnConfig, AttnForConditionalGeneration

B, T, S, PAD = 2, 5, 7, 0
FAMILIES = ["ours", "rotary", "marian", "bart", "m2m_100", "t5", "t5gemma"]
RUNS = [(family, how) for family in FAMILIES for how in ("eager", "sdpa") if (family, how) != ("t5gemma", "sdpa")]
SIZES = {
    "vocab_size": 37,
    "d_model": 12,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 3,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 13,
    "decoder_ffn_dim": 17,
    "max_position_embeddings": 41,
    "dropout": 0.0,
    "pad_token_id": PAD,
    "eos_token_id": 1,
    "decoder_start_token_id": PAD,
}
T5_SIZES = {"vocab_size": 37, "d_model": 12, "d_kv": 5, "d_ff": 13, "num_layers": 2, "num_heads": 3}


def build(family, **sizes):
    """A model of a family, where `sizes` take the place of `SIZES` in ours and in the BART family."""
    torch.manual_seed(11)
    sizes = SIZES | sizes
    if family == "ours":
        model = AttnForConditionalGeneration(AttnConfig(**sizes, head_dim=7))
    elif family == "rotary":  # ours, too
        model = AttnForConditionalGeneration(AttnConfig(**sizes, head_dim=6, position_embedding="rotary"))
    elif family == "marian":
        model = MarianMTModel(MarianConfig(**sizes))
    elif family == "bart":
        model = BartForConditionalGeneration(BartConfig(**sizes, forced_eos_token_id=None))
    elif family == "m2m_100":  # NLLB, too
        model = M2M100ForConditionalGeneration(M2M100Config(**sizes, encoder_layerdrop=0.0, decoder_layerdrop=0.0))
    elif family == "t5gemma":  # two heads share a key
        side = T5GemmaModuleConfig(
            vocab_size=37,
            hidden_size=12,
            intermediate_size=13,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=6,
            attn_logit_softcapping=None,
            sliding_window=64,
            layer_types=["full_attention"] * 2,
            query_pre_attn_scalar=6,
            pad_token_id=PAD,
            bos_token_id=2,
            eos_token_id=1,
        )
        model = T5GemmaForConditionalGeneration(T5GemmaConfig(encoder=side, decoder=side, vocab_size=37))
    else:
        model = T5ForConditionalGeneration(T5Config(**T5_SIZES, decoder_start_token_id=PAD, dropout_rate=0.0))
    if family in (
        "marian",
        "bart",
        "m2m_100",
    ):  # their initial weights attend almost evenly: larger ones tell more apart
        for parameter in model.parameters():
            parameter.data.mul_(5 if parameter.ndim == 2 else 1)
    return model.eval()


def make_batch(padding_side):
    """Two sentence pairs, the second one shorter on both sides."""
    torch.manual_seed(13)
    input_ids, labels = torch.randint(3, 37, (B, S)), torch.randint(3, 37, (B, T))
    mask = torch.ones(B, S, dtype=torch.long)
    if padding_side == "right":
        mask[1, -3:] = 0
    else:
        mask[1, :3] = 0
    labels[1, -2:] = -100
    return {"input_ids": input_ids.masked_fill(mask == 0, PAD), "attention_mask": mask, "labels": labels}


def eager_weights(model, batch):
    """Weights (L,H,T,S) per sentence and place, padding cut away, as `output_attentions` gives them."""
    implementation = model.config._attn_implementation
    model.set_attn_implementation("eager")
    with torch.no_grad():
        output = model(**batch, output_attentions=True)
    model.set_attn_implementation(implementation)
    source, target = batch["attention_mask"].bool(), batch["labels"] != -100
    sides = {"encoder": (source, source), "decoder": (target, target), "cross": (target, source)}
    all_weights = {place: torch.stack(output[f"{place}_attentions"], dim=1) for place in PLACES}
    return [
        {place: all_weights[place][i][:, :, sides[place][0][i]][..., sides[place][1][i]] for place in PLACES}
        for i in range(B)
    ]
