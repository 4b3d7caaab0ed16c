"""The encoder and the decoder: stacks of layers, and what transformers needs to know of every model here.

Shapes: B batch, T target length, S source length, D d_model.
"""

import torch
from torch import nn
from transformers import initialization as init
from transformers.cache_utils import Cache, DynamicCache, EncoderDecoderCache
from transformers.masking_utils import create_bidirectional_mask, create_causal_mask
from transformers.modeling_outputs import BaseModelOutput, BaseModelOutputWithPastAndCrossAttentions
from transformers.modeling_utils import PreTrainedModel
from transformers.utils.generic import merge_with_config_defaults
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

from .attention import Attention
from .configuration_attn import AttnConfig
from .dropout import Dropout
from .inputs import check_ids, check_keywords, check_mask, check_positions, check_target, source_mask, with_start_mark
from .layers import DecoderLayer, EncoderLayer, WordEmbedding, deepnorm_init_
from .positions import LearnedPositions, SinusoidalPositions, count_positions, make_positions


class AttnPreTrainedModel(PreTrainedModel):
    """What transformers needs to know of every model here: names, abilities, first weights."""

    config: AttnConfig
    config_class = AttnConfig
    base_model_prefix = "model"
    supports_gradient_checkpointing = True
    _no_split_modules = ["EncoderLayer", "DecoderLayer"]
    _skip_keys_device_placement = ["past_key_values"]
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _can_compile_fullgraph = True

    @property
    def _keys_to_ignore_on_save(self) -> set[str]:
        """Tied weights are saved once: those that are one tensor with their source now, as a model may be untied."""
        parameters = dict(self.named_parameters(remove_duplicate=False))
        tied = getattr(self, "all_tied_weights_keys", {})
        return {name for name, source in tied.items() if parameters.get(name) is parameters.get(source)}

    @_keys_to_ignore_on_save.setter
    def _keys_to_ignore_on_save(self, names: object) -> None:
        """Take no names: what is tied tells them."""

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Start linear maps as Glorot and Bengio (2010), and word vectors with unit length in expectation."""
        if isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight, gain=getattr(module, "init_gain", 1.0))
            if module.bias is not None:
                init.zeros_(module.bias)
        elif isinstance(module, WordEmbedding):
            init.normal_(module.weight, std=self.config.d_model**-0.5)
            if module.padding_idx is not None and not getattr(module.weight, "_is_hf_initialized", False):
                init.zeros_(module.weight[module.padding_idx])
        elif isinstance(module, SinusoidalPositions):
            init.copy_(module.weight, module.table(*module.weight.shape))
        elif isinstance(module, LearnedPositions):
            init.normal_(module.weight, std=self.config.d_model**-0.5)
        else:
            super()._init_weights(module)

    def save_pretrained(self, save_directory, *args, **kwargs) -> None:
        """Save weights, configuration and code, such that the Auto classes and `pipeline` find what they load."""
        # The import, too, makes the file travel: transformers copies what the files of the model import.
        from .pipeline_translation import TranslationPipeline

        self.config.custom_pipelines = {
            "translation": {
                "impl": f"pipeline_translation.{TranslationPipeline.__name__}",
                "pt": ["AutoModelForSeq2SeqLM"],
            }
        }
        self.config.auto_map = {
            "AutoConfig": "configuration_attn.AttnConfig",
            "AutoModel": "modeling_attn.AttnModel",
            "AutoModelForSeq2SeqLM": "modeling_attn.AttnForConditionalGeneration",
        }
        super().save_pretrained(save_directory, *args, **kwargs)


class Encoder(AttnPreTrainedModel):
    """The source side: word vectors and positions, then layers in which all source positions look at each other."""

    _can_record_outputs = {"hidden_states": EncoderLayer, "attentions": Attention}

    def __init__(self, config: AttnConfig):
        super().__init__(config)
        self.embed_tokens = WordEmbedding(config, config.vocab_size)
        self.embed_positions = make_positions(config, config.encoder_attention_heads)
        self.layernorm_embedding = nn.LayerNorm(config.d_model) if config.normalize_embedding else None
        self.dropout = Dropout(config.dropout)
        self.layers = nn.ModuleList(EncoderLayer(config, i) for i in range(config.encoder_layers))
        if config.norm_position == "post":
            depth = (config.encoder_layers**4 * config.decoder_layers) ** (1 / 16)
            deepnorm_init_(self.layers, residual=0.81 * depth, gain=0.87 / depth)
        self.layer_norm = nn.LayerNorm(config.d_model) if config.norm_position == "pre" else None
        self.gradient_checkpointing = False
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        **kwargs,
    ) -> BaseModelOutput:
        """Encode source ids (B,S), or word vectors (B,S,D), under a mask (B,S) of 1 for tokens, 0 for padding.

        Without a mask, the ids tell where padding is; word vectors cannot.
        """
        check_keywords(self.config, kwargs)
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        if inputs_embeds is None:
            assert input_ids is not None
            check_ids("input_ids", input_ids, self)
            if attention_mask is None:
                attention_mask = source_mask(input_ids, self.config)
            inputs_embeds = self.embed_tokens(input_ids)
        check_mask("attention_mask", attention_mask, *inputs_embeds.shape[:2])

        position_ids = _position_ids(attention_mask, inputs_embeds, 0)
        hidden_states, position_embeddings = _place(inputs_embeds, self.embed_positions, position_ids, 0)
        if self.layernorm_embedding is not None:
            hidden_states = self.layernorm_embedding(hidden_states)
        hidden_states = self.dropout(hidden_states)  # (B,S,D)

        mask = create_bidirectional_mask(self.config, inputs_embeds, attention_mask)
        for layer in self.layers:
            hidden_states = layer(hidden_states, mask, position_embeddings=position_embeddings, **kwargs)
        if self.layer_norm is not None:
            hidden_states = self.layer_norm(hidden_states)
        return BaseModelOutput(last_hidden_state=hidden_states)


class Decoder(AttnPreTrainedModel):
    """The target side: each position looks at those up to itself, and at the whole source."""

    _can_record_outputs = {
        "hidden_states": DecoderLayer,
        "attentions": OutputRecorder(Attention, index=1, layer_name="self_attn"),
        "cross_attentions": OutputRecorder(Attention, index=1, layer_name="encoder_attn"),
    }

    def __init__(self, config: AttnConfig):
        super().__init__(config)
        self.embed_tokens = WordEmbedding(config, config.decoder_vocab_size or config.vocab_size)
        self.embed_positions = make_positions(config, config.decoder_attention_heads)
        self.layernorm_embedding = nn.LayerNorm(config.d_model) if config.normalize_embedding else None
        self.dropout = Dropout(config.dropout)
        self.layers = nn.ModuleList(DecoderLayer(config, i) for i in range(config.decoder_layers))
        if config.norm_position == "post":
            depth = config.decoder_layers ** (1 / 4)
            deepnorm_init_(self.layers, residual=3 ** (1 / 4) * depth, gain=12 ** (-1 / 4) / depth)
        self.layer_norm = nn.LayerNorm(config.d_model) if config.norm_position == "pre" else None
        self.gradient_checkpointing = False
        self.post_init()

    @merge_with_config_defaults
    @capture_outputs
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        encoder_hidden_states: torch.Tensor | None = None,
        encoder_attention_mask: torch.Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs,
    ) -> BaseModelOutputWithPastAndCrossAttentions:
        """Decode target ids (B,T), or word vectors (B,T,D), after those that the cache has seen.

        `attention_mask` (B, seen + T) marks target padding, `encoder_attention_mask` (B,S) source padding.
        """
        check_keywords(self.config, kwargs)
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError(
                "give either decoder_input_ids or decoder_inputs_embeds: a Trainer with label_smoothing_factor needs "
                "DataCollatorForSeq2Seq(tokenizer, model=model), which makes them of the labels"
            )
        if inputs_embeds is None:
            assert input_ids is not None
            check_ids("decoder_input_ids", input_ids, self)
            attention_mask = with_start_mark(attention_mask, input_ids, self.config)
            inputs_embeds = self.embed_tokens(input_ids)
        if use_cache and past_key_values is None:
            past_key_values = EncoderDecoderCache(DynamicCache(config=self.config), DynamicCache(config=self.config))

        seen = past_key_values.get_seq_length() if past_key_values is not None else 0
        check_target(inputs_embeds, attention_mask, encoder_hidden_states, encoder_attention_mask, seen)
        if position_ids is None:
            position_ids = _position_ids(attention_mask, inputs_embeds, seen)
        hidden_states, position_embeddings = _place(inputs_embeds, self.embed_positions, position_ids, seen)
        if self.layernorm_embedding is not None:
            hidden_states = self.layernorm_embedding(hidden_states)
        hidden_states = self.dropout(hidden_states)  # (B,T,D)

        target_cache = past_key_values
        if isinstance(past_key_values, EncoderDecoderCache):
            target_cache = past_key_values.self_attention_cache
        causal_mask = create_causal_mask(self.config, inputs_embeds, attention_mask, past_key_values=target_cache)
        cross_mask = create_bidirectional_mask(
            self.config, inputs_embeds, encoder_attention_mask, encoder_hidden_states=encoder_hidden_states
        )
        for layer in self.layers:
            hidden_states = layer(
                hidden_states,
                causal_mask,
                encoder_hidden_states,
                cross_mask,
                past_key_values=past_key_values,
                position_embeddings=position_embeddings,
                **kwargs,
            )
        if self.layer_norm is not None:
            hidden_states = self.layer_norm(hidden_states)
        return BaseModelOutputWithPastAndCrossAttentions(
            last_hidden_state=hidden_states, past_key_values=past_key_values
        )


def _place(
    inputs_embeds: torch.Tensor,
    embed_positions: SinusoidalPositions | LearnedPositions,
    position_ids: torch.Tensor,
    seen: int,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Add positions to word vectors (B,T,D), or else return those (1|B,T,K) that turn queries and keys."""
    check_positions(position_ids, inputs_embeds.shape[1] + seen, embed_positions.length)
    positions = embed_positions(position_ids).to(inputs_embeds.dtype)
    return (inputs_embeds + positions, None) if embed_positions.are_added else (inputs_embeds, positions)


def _position_ids(attention_mask: torch.Tensor | None, inputs_embeds: torch.Tensor, seen: int) -> torch.Tensor:
    """Number the tokens of `inputs_embeds` (B,T,D), of which `seen` came before: (B,T)."""
    length = inputs_embeds.shape[1]
    if attention_mask is not None and attention_mask.dim() == 2:
        return count_positions(attention_mask)[:, -length:]
    return torch.arange(length, device=inputs_embeds.device)[None] + seen
