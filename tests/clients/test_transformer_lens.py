import pytest
import torch

from hf_attn_model import AttnConfig, AttnForConditionalGeneration, load_translator, record_attention

PLACES = {
    "encoder": "encoder_blocks.{}.attn",
    "decoder": "decoder_blocks.{}.self_attn",
    "cross": "decoder_blocks.{}.cross_attn",
}
SIZES = {
    "vocab_size": 37,
    "d_model": 22,
    "encoder_layers": 3,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 17,
    "decoder_ffn_dim": 17,
    "max_position_embeddings": 31,
}


def compare(model, batch, logits, cache):
    """Hold what TransformerLens saw against what is recorded."""
    with record_attention(model, keep=("query", "key", "value")) as record, torch.no_grad():
        want = model(**batch).logits
    torch.testing.assert_close(logits, want, rtol=0, atol=2e-5)
    for place, name in PLACES.items():
        recorded = getattr(record[0], place)
        for layer in recorded.layers:
            steps, seen = recorded[layer], name.format(layer)
            torch.testing.assert_close(cache[f"{seen}.hook_pattern"][0], steps.attention_weights, rtol=0, atol=1e-5)
            if place == "cross" or model.config.position_embedding != "rotary":  # it sees queries before they turn
                torch.testing.assert_close(cache[f"{seen}.hook_q"][0].transpose(0, 1), steps.query, rtol=0, atol=1e-5)
            torch.testing.assert_close(cache[f"{seen}.hook_z"][0].transpose(0, 1), steps.context, rtol=0, atol=1e-5)


def test_it_sees_what_is_recorded(recipe):
    model, tokenizer = load_translator("textbook")
    batch = tokenizer("The ball is blue", text_target="La bola es azul", return_tensors="pt")
    compare(model, batch, recipe["logits"], recipe["cache"])
    normed = recipe["cache"]["decoder_ln_final.hook_out"]
    torch.testing.assert_close(normed @ model.lm_head.weight.T, recipe["logits"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "choices",
    [
        {"norm_position": "post", "head_dim": 7},
        {"position_embedding": "learned", "position_offset": 2, "normalize_embedding": True},
        {"position_embedding": "rotary", "head_dim": 8},
        {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 41, "logits_bias": True},
    ],
    ids=["post", "learned", "rotary", "two vocabularies"],
)
def test_every_choice_of_the_configuration(recipe, choices):
    torch.manual_seed(0)
    model = AttnForConditionalGeneration(AttnConfig(**SIZES, **choices)).eval()
    if choices.get("logits_bias"):
        model.final_logits_bias.copy_(torch.arange(41)[None] / 7)
    twin = AttnForConditionalGeneration(model.config).eval()
    twin.load_state_dict(model.state_dict())
    batch = {"input_ids": torch.tensor([[5, 7, 11, 13, 1]]), "decoder_input_ids": torch.tensor([[0, 3, 2]])}
    bridge = recipe["build_bridge_from_module"](twin, "AttnForConditionalGeneration", hf_config=twin.config)
    logits, cache = bridge.run_with_cache(batch["input_ids"], decoder_input=batch["decoder_input_ids"])
    compare(model, batch, logits, cache)
    assert ("encoder_ln_final.hook_out" in cache) == (model.config.norm_position == "pre")
    assert ("embed_ln.hook_out" in cache) == model.config.normalize_embedding


def test_as_many_heads_on_both_sides(recipe):
    model = AttnForConditionalGeneration(AttnConfig(**SIZES | {"encoder_attention_heads": 11}))
    with pytest.raises(ValueError, match="symmetric attention heads"):
        recipe["build_bridge_from_module"](model, "AttnForConditionalGeneration", hf_config=model.config)


def test_boot_transformers_knows_its_own_list_alone(recipe):
    from transformer_lens.model_bridge import TransformerBridge

    model, tokenizer = load_translator("textbook")
    with pytest.raises(ValueError, match="Could not determine supported architecture from config"):
        TransformerBridge.boot_transformers("textbook", hf_model=model, tokenizer=tokenizer)
