"""A small model of every class of transformers that is made of an encoder and a decoder, and what it reads.

The classes come from transformers' own auto mappings. Each is built from its default configuration with the sizes of
`SMALL` in place of its own, and what it needs beside them from `OVERRIDES`. A kind is the name of a class; of a class
that puts any two models together, with their names: "EncoderDecoderModel(bert, gpt2)".
"""

from functools import cache

import torch
import transformers
from transformers import PreTrainedConfig
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

B, T, S, PAD, VOCABULARY = 2, 5, 7, 0, 37
MAPPINGS = ["SEQ_TO_SEQ_CAUSAL_LM", "SPEECH_SEQ_2_SEQ", "IMAGE_TEXT_TO_TEXT", "TEXT_TO_SPECTROGRAM"]
WRAPPERS = {  # an encoder, and three decoders
    "EncoderDecoderModel": ("bert", ["bert", "gpt2", "roberta"]),
    "SpeechEncoderDecoderModel": ("wav2vec2", ["bert", "gpt2", "bart"]),
    "VisionEncoderDecoderModel": ("vit", ["bert", "gpt2", "trocr"]),
}
SLIDING = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 3, "attn_logit_softcapping": 2.0}
QFORMER = {"encoder_hidden_size": 24, "cross_attention_frequency": 1}
BLIP = {"text_config": "t5", "qformer_config": QFORMER, "num_query_tokens": 4, "image_token_index": 3}
VARIANTS = {  # other settings, of a class that attends in another way under them
    "Blip2ForConditionalGeneration(t5)": BLIP,
    "InstructBlipForConditionalGeneration(t5)": BLIP,
    "BigBirdPegasusForConditionalGeneration(original_full)": {"attention_type": "original_full"},
    "LongT5ForConditionalGeneration(transient-global)": {"encoder_attention_type": "transient-global"},
    "MvpForConditionalGeneration(use_prompt)": {"use_prompt": True},
    "T5GemmaForConditionalGeneration(sliding)": {"encoder": SLIDING, "decoder": SLIDING},
}


def _all(value, *names):
    return dict.fromkeys(names, value)


HEADS = [f"{side}attention_heads" for side in ("", "num_", "encoder_", "decoder_", "speech_encoder_")]
SMALL = {
    **_all(VOCABULARY, "vocab_size", "src_vocab_size", "tgt_vocab_size"),
    **_all(24, "d_model", "hidden_size", "cross_hidden_size", "cross_attention_hidden_size", "projection_dim"),
    **_all(4, *HEADS, "num_heads", "num_encoder_attention_heads", "num_decoder_attention_heads"),
    **_all(2, "num_key_value_heads", "cross_num_attention_heads", "cross_num_key_value_heads"),
    **_all(2, "encoder_layers", "num_encoder_layers", "num_layers", "num_hidden_layers", "speech_encoder_layers"),
    "num_decoder_layers": 2,  # as many as in the encoder: by them T5 sizes its cache
    **_all(3, "decoder_layers"),
    **_all(29, "encoder_ffn_dim", "decoder_ffn_dim", "d_ff", "intermediate_size", "speech_encoder_intermediate_size"),
    **_all(6, "d_kv", "head_dim", "cross_head_dim"),
    **_all(64, "max_position_embeddings", "max_source_positions", "max_target_positions"),
    **_all(0.0, "dropout", "attention_dropout", "activation_dropout", "dropout_rate", "hidden_dropout", "layerdrop"),
    **_all(0.0, "encoder_layerdrop", "decoder_layerdrop", "hidden_dropout_prob", "attention_probs_dropout_prob"),
    **_all(0.0, "resid_pdrop", "embd_pdrop", "attn_pdrop", "speech_decoder_prenet_dropout", "drop_path_rate"),
    **{"pad_token_id": PAD, "eos_token_id": 1, "bos_token_id": 2, "decoder_start_token_id": 2},
    **_all(None, "forced_eos_token_id", "forced_bos_token_id"),
    **_all(6, "query_pre_attn_scalar"),
}
AUDIO = {"conv_dim": (24, 24), "conv_stride": (5, 2), "conv_kernel": (10, 3), "num_conv_pos_embedding_groups": 2}
OVERRIDES = {
    "bart": {"add_cross_attention": True, "decoder_layers": 2},
    "led": {"attention_window": 4},
    "florence_vision": {"embed_dim": (24, 24), "depths": (1, 1), "num_heads": (4, 4), "num_groups": (4, 4)}
    | {"patch_size": (7, 3), "patch_stride": (4, 2), "patch_padding": (3, 1), "patch_prenorm": (False, True)},
    "florence2": {"image_token_id": 3},
    "moonshine_streaming": {"num_key_value_heads": 4},
    "speecht5": AUDIO | {"apply_spec_augment": False},
    "wav2vec2": AUDIO | {"apply_spec_augment": False},
    "t5gemma2": {"image_token_index": 3},
    **_all({"image_size": 32}, "vit", "blip_2_vision_model", "instructblip_vision_model"),
    "siglip_vision_model": {"image_size": 32},
    "pop2piano": {"composer_vocab_size": 1},
    "pix2struct_vision_model": {"patch_embed_hidden_size": 3 * 16 * 16},
    "pix2struct_text_model": {"is_decoder": True},
    "pp_formulanet_vision": {
        "image_size": 128,
        "global_attn_indexes": (1,),
        "decoder_hidden_size": 24,
        "initializer_range": 0.02,
    },
    "udop": {"image_size": 32},
}
IN_FLOAT32 = {  # transformers gives them masks that are too large in float64
    "FSMTForConditionalGeneration",
    "CanaryForConditionalGeneration",
    "CohereAsrForConditionalGeneration",
    "FastSpeech2ConformerModel",
}
UNSETTABLE = {"prophetnet": ["num_hidden_layers"]}


def classes():
    """For each class name of the mappings its model type, and the first of the mappings that has it."""
    found = {}
    for mapping in MAPPINGS:
        for model_type, name in getattr(modeling_auto, f"MODEL_FOR_{mapping}_MAPPING_NAMES").items():
            found.setdefault(name, (model_type, mapping))
    return found


@cache
def kinds():
    """All kinds: the classes whose default configuration is of an encoder and a decoder, pairs of models, variants."""
    found = []
    for name, (model_type, _) in classes().items():
        if name in WRAPPERS:
            encoder, decoders = WRAPPERS[name]
            found += [f"{name}({encoder}, {decoder})" for decoder in decoders]
        elif CONFIG_MAPPING[model_type]().is_encoder_decoder:
            found.append(name)
        found += [variant for variant in VARIANTS if names_of(variant)[0] == name]
    return found


def names_of(kind):
    """The class of a kind, and what stands in brackets."""
    name, _, parts = kind.rstrip(")").partition("(")
    return name, parts.split(", ") if parts else []


def small_config(default, **more):
    """A configuration of the type of `default`, with small sizes."""
    kind = default.model_type
    parts = {name: getattr(default, name, None) for name in default.sub_configs}
    parts |= {name: CONFIG_MAPPING[more.pop(name)]() for name in parts if isinstance(more.get(name), str)}
    sizes = {name: size for name, size in SMALL.items() if hasattr(default, name)}
    sizes |= {
        name: small_config(part, **more.pop(name, {})).to_dict()
        for name, part in parts.items()
        if isinstance(part, PreTrainedConfig)
    }
    sizes |= OVERRIDES.get(kind, {}) | more
    given = {name: size for name, size in sizes.items() if name not in UNSETTABLE.get(kind, [])}
    return type(default)(**given)


def build(kind):
    """A model in float64 (see `IN_FLOAT32`), with enlarged matrices: with those of the start all heads look alike."""
    torch.manual_seed(11)
    name, parts = names_of(kind)
    model_class = getattr(transformers, name)
    if name in WRAPPERS:
        encoder, decoder = (CONFIG_MAPPING[part]() for part in parts)
        config = model_class.config_class.from_encoder_decoder_configs(small_config(encoder), small_config(decoder))
        config.pad_token_id, config.decoder_start_token_id, config.eos_token_id = PAD, 2, 1
    else:
        config = small_config(CONFIG_MAPPING[classes()[name][0]](), **VARIANTS.get(kind, {}))
    model = model_class(config).to(torch.float32 if kind in IN_FLOAT32 else torch.float64).eval()
    for generating in (model, getattr(model, "language_model", None)):
        if getattr(generating, "generation_config", None) is not None:
            generating.generation_config.update(
                pad_token_id=PAD, decoder_start_token_id=2, eos_token_id=1, bos_token_id=2
            )
            generating.generation_config.composer_to_feature_token = {"composer1": 3}  # what Pop2Piano asks for
    for parameter in model.parameters():
        if parameter.ndim == 2 and 0 < parameter.data.std() < 0.15:
            parameter.data.mul_(0.15 / parameter.data.std())
    return model


def make_batch(kind, model, padding):
    """What a model reads, of two pairs; with `padding` "left" or "right" the source of the second one is shorter.

    Audio and images have no padding of their own kind here: a mask over frames is right for them on the right alone.
    """
    torch.manual_seed(13)
    batch = _source(kind, model)
    masked = next(iter(batch.values()))
    if padding is not None and "pixel_values" not in batch:
        length = masked.shape[2 if kind.startswith("Whisper") else 1]  # it reads frequencies by frames
        mask = torch.ones(B, length, dtype=torch.long)
        hidden = length * 3 // S
        mask[1, slice(hidden) if padding == "left" else slice(-hidden, None)] = 0
        batch["attention_mask"] = mask
        if not masked.is_floating_point():
            batch["input_ids"] = masked.masked_fill(mask == 0, PAD)
    return batch


def make_target(kind, model, padding):
    """What the decoder reads of two pairs, the second one shorter where there is `padding`."""
    torch.manual_seed(17)
    if kind == "SpeechT5ForTextToSpeech":
        return {"decoder_input_values": torch.randn(B, T, 80).double()}
    if kind == "DiaForConditionalGeneration":
        return {"decoder_input_ids": torch.randint(3, VOCABULARY, (B, T, model.config.decoder_config.num_channels))}
    ids = torch.randint(3, VOCABULARY, (B, T))
    ids[:, 0] = 2
    if padding is not None:
        ids[1, -2:] = PAD
    return {"decoder_input_ids": ids, "decoder_attention_mask": (ids != PAD).long()}


def _source(kind, model):
    config, text = model.config, {"input_ids": torch.randint(4, VOCABULARY, (B, S))}
    floats = {  # frames, samples or pixels
        "WhisperForConditionalGeneration": ("input_features", (80, 2 * 64)),
        "Speech2TextForConditionalGeneration": ("input_features", (29, 80)),
        "SeamlessM4TForSpeechToText": ("input_features", (29, 160)),
        "SeamlessM4Tv2ForSpeechToText": ("input_features", (29, 160)),
        "Pop2PianoForConditionalGeneration": ("input_features", (S, 24)),
        "MoonshineForConditionalGeneration": ("input_values", (3001,)),
        "MoonshineStreamingForConditionalGeneration": ("input_values", (80 * 29,)),
        "SpeechT5ForSpeechToText": ("input_values", (101,)),
        "PPFormulaNetForConditionalGeneration": ("pixel_values", (3, 128, 128)),
    }
    if kind in floats:
        name, shape = floats[kind]
    elif kind.startswith("Speech") and "Encoder" in kind:
        name, shape = "input_values", (101,)
    elif kind.startswith("Vision"):
        name, shape = "pixel_values", (3, 32, 32)
    elif kind in ("CanaryForConditionalGeneration", "CohereAsrForConditionalGeneration"):
        name, shape = "input_features", (61, config.encoder_config.num_mel_bins)
    elif kind == "Pix2StructForConditionalGeneration":
        patches = torch.randn(B, S, 2 + 3 * 16 * 16)
        patches[..., 0], patches[..., 1] = torch.arange(S) // 3 + 1, torch.arange(S) % 3 + 1
        return {"flattened_patches": patches.double()}
    elif "Blip" in kind:
        images = {"pixel_values": torch.randn(B, 3, 32, 32).double()}
        text["input_ids"][:, :4] = 3  # where the image goes
        questions = {"qformer_input_ids": torch.randint(4, VOCABULARY, (B, 3))} if kind.startswith("Instruct") else {}
        return text | images | questions
    elif kind == "UdopForConditionalGeneration":
        return text | {"bbox": torch.rand(B, S, 4).double()}
    else:
        return text
    return {name: torch.randn(B, *shape).to(model.dtype)}
