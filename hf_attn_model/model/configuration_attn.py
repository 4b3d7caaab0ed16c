"""AttnConfig: every size of the encoder-decoder transformer, under the names of the BART family.

It is what a checkpoint loads first, so it says which transformers the code that travels with one is made for.
"""

import transformers

if not (5, 23) <= tuple(int(number) for number in transformers.__version__.split(".")[:2]) < (6, 0):
    raise ImportError(
        f"the code of hf_attn models needs transformers>=5.23,<6, and this is transformers {transformers.__version__}: "
        "pip install 'transformers>=5.23,<6'"
    )

# another transformers may have no such names
from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig
from transformers.activations import ACT2FN

MAX_POSITIONS = 2**17  # scores of one head over a sentence as long fill 64 GiB: nobody means more


@strict
class AttnConfig(PreTrainedConfig):
    """Sizes and choices of an `AttnModel`, with the transformer-base sizes of Vaswani et al. (2017) as defaults.

    Args:
        vocab_size: number of subwords, of both languages or, with two vocabularies, of the source.
        decoder_vocab_size: number of subwords of the target; `None` stands for `vocab_size`.
        share_encoder_decoder_embeddings: one vocabulary and one embedding for both languages; else one for each.
        d_model: width of a word vector.
        head_dim: width of the space in which one head compares queries with keys; any positive number.
            `None` stands for `d_model // heads`, which must then divide without remainder.
        encoder_layers, decoder_layers: number of layers of each stack.
        encoder_attention_heads, decoder_attention_heads: number of heads of each attention module.
        encoder_ffn_dim, decoder_ffn_dim: width of the feed-forward layers.
        activation_function: a name that `transformers.activations.ACT2FN` knows.
        norm_position: "pre" normalises what enters a sublayer (Xiong et al., 2020),
            "post" what leaves it (Vaswani et al., 2017).
        dropout: on embeddings and on what every sublayer returns.
        attention_dropout: on the attention weights.
        activation_dropout: inside the feed-forward layers.
        position_embedding: how the model learns where a word stands. "sinusoidal" adds a vector of sines and cosines to
            each word vector (Vaswani et al., 2017), "tensor2tensor" too, with the frequencies of that library and of
            fairseq; "learned" adds one that is trained; "rotary" turns the queries and keys of self-attention (Su et
            al., 2021) and adds nothing.
        position_offset: row of the first position in the table of positions: 2 in models that fairseq trained.
        max_position_embeddings: number of positions that have a vector, hence the longest sentence in tokens; at most
            131,072, as a table of sinusoids is computed whole wherever a model is built.
        scale_embedding: multiply word vectors by sqrt(d_model), as Vaswani et al. (2017, section 3.4).
        normalize_embedding: normalise the sum of word vector and position, as BART.
        tie_word_embeddings: the output projection is the transposed embedding (of the target).
        logits_bias: add `final_logits_bias`, a buffer, to the logits, as Marian.
        is_decoder: false, as for every model with an encoder; tools such as SHAP ask.

    Raises:
        StrictDataclassError (of huggingface_hub): a value of the wrong type, a size below 1, more positions than above,
            heads that do not divide `d_model` (without `head_dim`), a dropout outside [0, 1), an unknown activation, a
            `norm_position` or `position_embedding` other than those above, an odd `head_dim` with rotary positions, a
            `pad_token_id` or `decoder_start_token_id` that is no token of the vocabulary, `is_decoder`, or a setting
            that another one makes void.
    """

    model_type = "hf_attn"
    keys_to_ignore_at_inference = ["past_key_values"]
    attribute_map = {
        "hidden_size": "d_model",
        "num_attention_heads": "encoder_attention_heads",
        "num_hidden_layers": "encoder_layers",
    }

    vocab_size: int = 32000
    decoder_vocab_size: int | None = None
    share_encoder_decoder_embeddings: bool = True
    d_model: int = 512
    head_dim: int | None = None
    encoder_layers: int = 6
    decoder_layers: int = 6
    encoder_attention_heads: int = 8
    decoder_attention_heads: int = 8
    encoder_ffn_dim: int = 2048
    decoder_ffn_dim: int = 2048
    activation_function: str = "relu"
    norm_position: str = "pre"
    dropout: float | int = 0.1
    attention_dropout: float | int = 0.0
    activation_dropout: float | int = 0.0
    position_embedding: str = "sinusoidal"
    position_offset: int = 0
    max_position_embeddings: int = 512
    scale_embedding: bool = True
    normalize_embedding: bool = False
    tie_word_embeddings: bool = True
    logits_bias: bool = False
    is_encoder_decoder: bool = True
    is_decoder: bool = False
    use_cache: bool = True
    pad_token_id: int | None = 0
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = 1
    decoder_start_token_id: int | None = 0

    def __post_init__(self, **kwargs) -> None:
        """Let both vocabularies be equally large, unless another size is given."""
        if self.decoder_vocab_size is None:
            self.decoder_vocab_size = self.vocab_size
        super().__post_init__(**kwargs)

    def validate_sizes(self) -> None:
        """Refuse sizes that no model can have (called by `strict` after every construction)."""
        sizes = ["vocab_size", "decoder_vocab_size", "d_model", "max_position_embeddings"]
        sizes += [
            f"{side}_{size}" for side in ("encoder", "decoder") for size in ("layers", "attention_heads", "ffn_dim")
        ]
        if self.head_dim is not None:
            sizes.append("head_dim")
        for name in sizes:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.max_position_embeddings > MAX_POSITIONS:
            raise ValueError(
                f"max_position_embeddings must be at most {MAX_POSITIONS}, got {self.max_position_embeddings}"
            )
        for name in ("pad_token_id", "decoder_start_token_id"):  # the model reads them
            token, last = getattr(self, name), (self.decoder_vocab_size or self.vocab_size) - 1
            if token is not None and not 0 <= token <= last:
                raise ValueError(f"{name} must be a token from 0 to {last}, got {token}")
        for name in ("encoder_attention_heads", "decoder_attention_heads"):
            heads = getattr(self, name)
            if self.head_dim is None and self.d_model % heads:
                raise ValueError(
                    f"{name}={heads} does not divide d_model={self.d_model}; set head_dim to choose freely"
                )
            if self.position_embedding == "rotary" and self.width_of_head(heads) % 2:
                raise ValueError(f"rotary positions need an even head_dim, got {self.width_of_head(heads)}")
        for name in ("dropout", "attention_dropout", "activation_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), got {getattr(self, name)}")
        if self.activation_function not in ACT2FN:
            raise ValueError(f'there is no activation_function "{self.activation_function}"')
        if self.is_decoder:
            raise ValueError("is_decoder must be false: an AttnModel has an encoder, too")
        if self.norm_position not in ("pre", "post"):
            raise ValueError(f'norm_position must be "pre" or "post", got "{self.norm_position}"')
        self._validate_positions()
        if self.share_encoder_decoder_embeddings and self.decoder_vocab_size != self.vocab_size:
            raise ValueError(
                f"decoder_vocab_size={self.decoder_vocab_size} needs share_encoder_decoder_embeddings=false, as "
                f"vocab_size is {self.vocab_size}"
            )

    def _validate_positions(self) -> None:
        if self.position_embedding not in ("sinusoidal", "tensor2tensor", "learned", "rotary"):
            raise ValueError(
                'position_embedding must be "sinusoidal", "tensor2tensor", "learned" or "rotary", got '
                f'"{self.position_embedding}"'
            )
        if self.position_offset < 0:
            raise ValueError(f"position_offset must be at least 0, got {self.position_offset}")
        if self.position_offset and self.position_embedding == "rotary":
            raise ValueError(f"rotary positions have no position_offset, got {self.position_offset}")
        if self.position_embedding == "tensor2tensor" and self.d_model < 4:
            raise ValueError(f"tensor2tensor positions need a d_model of at least 4, got {self.d_model}")

    def width_of_head(self, num_heads: int) -> int:
        """Return the width of the space in which one of `num_heads` heads compares."""
        return self.head_dim or self.d_model // num_heads


AttnConfig.register_for_auto_class()
