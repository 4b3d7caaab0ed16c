"""AttnModel and AttnForConditionalGeneration: source ids -> encoder -> decoder -> logits of the next target token.

Shapes: B batch, T target length, S source length, D d_model, V vocab_size, N target positions that count.
"""

from typing import Any, Unpack

import torch
from torch import nn
from transformers import initialization as init
from transformers.cache_utils import Cache
from transformers.generation import GenerationMixin
from transformers.modeling_outputs import BaseModelOutput, Seq2SeqLMOutput, Seq2SeqModelOutput
from transformers.utils import TransformersKwargs, can_return_tuple

from .configuration_attn import AttnConfig
from .inputs import check_ids, check_mask, source_mask, with_start_mark
from .layers import WordEmbedding
from .loss import chunked_cross_entropy
from .positions import count_positions
from .stacks import AttnPreTrainedModel, Decoder, Encoder
from .vocabularies import ResizableVocabularies


def shift_right(labels: torch.Tensor, pad_token_id: int, start_token_id: int) -> torch.Tensor:
    """Turn the tokens to predict into the tokens to read: (B,T) -> (B,T), one step later, after the start mark."""
    shifted = labels.roll(1, dims=-1)
    shifted[:, 0] = start_token_id
    return shifted.masked_fill(shifted == -100, pad_token_id)


class AttnModel(AttnPreTrainedModel):
    """Encoder and decoder, by default over one embedding, without the projection to the vocabulary."""

    _tied_weights_keys = {
        "encoder.embed_tokens.weight": "shared.weight",
        "decoder.embed_tokens.weight": "shared.weight",
    }

    def __init__(self, config: AttnConfig):
        super().__init__(config)
        if config.share_encoder_decoder_embeddings:
            self.shared = WordEmbedding(config, config.vocab_size)
        else:
            self._tied_weights_keys = {}
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.post_init()

    def get_expanded_tied_weights_keys(self, all_submodels: bool = False) -> dict[str, str]:
        """Tie both sides to one embedding, whatever `tie_word_embeddings` says of the output projection."""
        return dict(self._tied_weights_keys)

    def get_input_embeddings(self) -> nn.Module:
        """Return the embedding of the source, which by default is that of the target."""
        return self.shared if self.config.share_encoder_decoder_embeddings else self.encoder.embed_tokens

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the embedding of the source, and of the target where it is the same."""
        owners: list[tuple[nn.Module, str]] = [(self.encoder, "embed_tokens")]
        if self.config.share_encoder_decoder_embeddings:
            owners += [(self, "shared"), (self.decoder, "embed_tokens")]
        for owner, name in owners:
            setattr(owner, name, value)

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        decoder_input_ids: torch.Tensor | None = None,
        decoder_attention_mask: torch.Tensor | None = None,
        decoder_position_ids: torch.Tensor | None = None,
        encoder_outputs: BaseModelOutput | tuple | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        decoder_inputs_embeds: torch.Tensor | None = None,
        use_cache: bool | None = None,
        **kwargs: Unpack[TransformersKwargs],
    ) -> Seq2SeqModelOutput:
        """Read the source (B,S) and the target so far (B,T): hidden states (B,T,D) of every target position."""
        if attention_mask is None:
            attention_mask = source_mask(input_ids, self.config)
        if encoder_outputs is None:
            encoder_outputs = self.encoder(
                input_ids, attention_mask=attention_mask, inputs_embeds=inputs_embeds, **kwargs
            )
        if not isinstance(encoder_outputs, BaseModelOutput):
            encoder_outputs = BaseModelOutput(*encoder_outputs)

        decoder_outputs = self.decoder(
            decoder_input_ids,
            attention_mask=decoder_attention_mask,
            encoder_hidden_states=encoder_outputs.last_hidden_state,
            encoder_attention_mask=attention_mask,
            past_key_values=past_key_values,
            inputs_embeds=decoder_inputs_embeds,
            position_ids=decoder_position_ids,
            use_cache=use_cache,
            **kwargs,
        )
        return Seq2SeqModelOutput(
            last_hidden_state=decoder_outputs.last_hidden_state,
            past_key_values=decoder_outputs.past_key_values,
            decoder_hidden_states=decoder_outputs.hidden_states,
            decoder_attentions=decoder_outputs.attentions,
            cross_attentions=decoder_outputs.cross_attentions,
            encoder_last_hidden_state=encoder_outputs.last_hidden_state,
            encoder_hidden_states=encoder_outputs.hidden_states,
            encoder_attentions=encoder_outputs.attentions,
        )


class LossKwargs(TransformersKwargs, total=False):
    """What shapes the loss.

    No part of the signature: Trainer would take every parameter with "label" in its name for a column of the data.

    Attributes:
        label_smoothing: the share of the target distribution that is spread evenly over the vocabulary (Szegedy et
            al., 2016, section 7), 0 by default.
        num_items_in_batch: number of labels in all batches of an accumulated step; the loss is the sum over this batch
            divided by it. `None` divides by the number of labels in this batch.
        r_drop: with `skip_logits`, the weight alpha of R-Drop; see `chunked_cross_entropy`. The batch then holds all
            its pairs twice, one half after the other, and each pair counts once.
    """

    label_smoothing: float
    r_drop: float


class AttnForConditionalGeneration(ResizableVocabularies, GenerationMixin):
    """The translator: an `AttnModel` whose target states are projected to the vocabulary."""

    _tied_weights_keys = {
        "model.encoder.embed_tokens.weight": "model.shared.weight",
        "model.decoder.embed_tokens.weight": "model.shared.weight",
        "lm_head.weight": "model.shared.weight",
    }

    def __init__(self, config: AttnConfig):
        super().__init__(config)
        if not config.share_encoder_decoder_embeddings:
            self._tied_weights_keys = {"lm_head.weight": "model.decoder.embed_tokens.weight"}
        self.model = AttnModel(config)
        vocab_size = self.model.decoder.embed_tokens.num_embeddings
        self.lm_head = nn.Linear(config.d_model, vocab_size, bias=False)
        self.register_buffer("final_logits_bias", torch.zeros(1, vocab_size) if config.logits_bias else None)
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Start the bias of the logits at zero, and everything else as `AttnPreTrainedModel` does."""
        super()._init_weights(module)
        if module is self and self.final_logits_bias is not None:
            init.zeros_(self.final_logits_bias)

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        decoder_input_ids: torch.Tensor | None = None,
        decoder_attention_mask: torch.Tensor | None = None,
        decoder_position_ids: torch.Tensor | None = None,
        encoder_outputs: BaseModelOutput | tuple | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: torch.Tensor | None = None,
        decoder_inputs_embeds: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        use_cache: bool | None = None,
        skip_logits: bool = False,
        **kwargs: Unpack[LossKwargs],
    ) -> Seq2SeqLMOutput:
        """Predict the next token at every target position.

        Args:
            input_ids: source ids (B,S).
            attention_mask: (B,S), 1 for source tokens and 0 for padding; without it `pad_token_id` tells them apart,
                except in `inputs_embeds`.
            decoder_input_ids: target ids read so far (B,T); with `labels` alone they are the labels shifted right.
            decoder_attention_mask: (B,T), 1 for target tokens and 0 for padding; the start mark counts, also where it
                shares its id with padding and the mask was made by `decoder_input_ids != pad_token_id`.
            decoder_position_ids: (B,T); without them positions count the unmasked tokens.
            encoder_outputs: of an earlier call, so that the source is read once.
            past_key_values: keys and values of earlier generation steps.
            inputs_embeds, decoder_inputs_embeds: word vectors (B,S,D) and (B,T,D) in place of ids.
            labels: (B,T) the tokens to predict, -100 where none counts; where none of all counts the loss is 0.
            use_cache: return `past_key_values`; without effect when there are labels.
            skip_logits: with labels, project only the positions that count, a few at a time, and return no logits: the
                loss is the same, for less time and memory.
            kwargs: those of `LossKwargs` shape the loss, `output_attentions` and `output_hidden_states` add outputs,
                and the attention implementation gets the rest, if it names them.

        Returns:
            `Seq2SeqLMOutput` with `logits` (B,T,V) and, with labels, `loss`: their cross-entropy in nats.

        Raises:
            ValueError: ids of another type, number of dimensions, or vocabulary; nothing to read; more tokens than
                positions; sources, targets, masks and labels that do not fit each other. On an accelerator values are
                not looked at.
            TypeError: a keyword that would have no effect.
        """
        label_smoothing = kwargs.pop("label_smoothing", 0.0)
        num_items_in_batch = kwargs.pop("num_items_in_batch", None)
        r_drop = kwargs.pop("r_drop", 0.0)
        if labels is not None:
            use_cache = False
            check_ids("labels", labels, self.model.decoder, ignored=-100)
            if decoder_input_ids is None and decoder_inputs_embeds is None:
                decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)

        outputs = self.model(
            input_ids,
            attention_mask=attention_mask,
            decoder_input_ids=decoder_input_ids,
            decoder_attention_mask=decoder_attention_mask,
            decoder_position_ids=decoder_position_ids,
            encoder_outputs=encoder_outputs,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            decoder_inputs_embeds=decoder_inputs_embeds,
            use_cache=use_cache,
            **kwargs,
        )
        hidden_states = outputs.last_hidden_state  # (B,T,D)
        logits = loss = None
        if labels is None or not skip_logits:
            logits = self._project(hidden_states)  # (B,T,D) -> (B,T,V)
        if labels is not None:
            check_mask("labels", labels, *hidden_states.shape[:2])
            labels = labels.to(hidden_states.device, torch.int64)
            loss = self._summed_loss(hidden_states, logits, labels, label_smoothing, r_drop)
            if num_items_in_batch is None:
                counted = labels.ne(-100).sum().clamp(min=1)  # a batch without labels has no loss, and teaches nothing
                num_items_in_batch = counted / (2 if r_drop else 1)
            loss = loss / num_items_in_batch

        return Seq2SeqLMOutput(
            loss=loss,
            logits=logits,
            past_key_values=outputs.past_key_values,
            decoder_hidden_states=outputs.decoder_hidden_states,
            decoder_attentions=outputs.decoder_attentions,
            cross_attentions=outputs.cross_attentions,
            encoder_last_hidden_state=outputs.encoder_last_hidden_state,
            encoder_hidden_states=outputs.encoder_hidden_states,
            encoder_attentions=outputs.encoder_attentions,
        )

    def _project(self, hidden_states: torch.Tensor) -> torch.Tensor:
        logits = self.lm_head(hidden_states)
        return logits if self.final_logits_bias is None else logits + self.final_logits_bias

    def _summed_loss(
        self,
        hidden_states: torch.Tensor,
        logits: torch.Tensor | None,
        labels: torch.Tensor,
        label_smoothing: float,
        r_drop: float,
    ) -> torch.Tensor:
        """Sum the cross-entropy over the labels (B,T) that count, of the logits or, without them, of the states."""
        if logits is None:
            counted = labels.ne(-100)
            hidden_states, labels = hidden_states[counted], labels[counted]  # (B,T,D) -> (N,D)
            if isinstance(self.lm_head, nn.Linear):
                labels = labels[: len(labels) // 2] if r_drop else labels
                return chunked_cross_entropy(
                    hidden_states, self.lm_head.weight, labels, label_smoothing, r_drop, self.final_logits_bias
                )
            logits = self._project(hidden_states)  # an adapter stands in the place of the projection
        if r_drop:
            raise ValueError("r_drop needs skip_logits=True and a plain linear lm_head")
        logits = logits.flatten(0, -2).to(torch.promote_types(logits.dtype, torch.float32))  # at least float32
        return nn.functional.cross_entropy(logits, labels.flatten(), label_smoothing=label_smoothing, reduction="sum")

    def generate(self, inputs: torch.Tensor | None = None, *args, **kwargs) -> Any:
        """Generate as `GenerationMixin` does; source ids (B,S) are checked, on any device, and need no mask.

        A beam search pads its shorter hypotheses with more end marks, as transformers takes a `pad_token_id` of 0 for
        none.
        """
        kwargs.pop("labels", None)  # of `Seq2SeqTrainer`
        input_ids = kwargs.get("input_ids") if inputs is None else inputs
        if input_ids is not None and kwargs.get("inputs_embeds") is None and kwargs.get("encoder_outputs") is None:
            check_ids("input_ids", input_ids.cpu(), self)
            if kwargs.get("attention_mask") is None:
                kwargs["attention_mask"] = source_mask(input_ids, self.config)
        return super().generate(inputs, *args, **kwargs)  # type: ignore[misc]

    def prepare_inputs_for_generation(self, input_ids: torch.LongTensor, *args, **kwargs) -> dict[str, Any]:
        """Gather what one generation step reads of the text (B,T) so far; called by `generate`.

        Three things are better known here than in transformers. A text that goes on from a cache is given whole, and
        what the cache has seen is cut off. The start mark is there still, which may be hidden by the mask. And target
        positions are counted while `decoder_attention_mask` (B,T) still marks padding, as for a static cache it becomes
        a mask of four dimensions.
        """
        mask, cache = kwargs.get("decoder_attention_mask"), kwargs.get("past_key_values")
        if mask is not None:
            mask = kwargs["decoder_attention_mask"] = with_start_mark(mask, input_ids, self.config)
        if kwargs.get("is_first_iteration") and cache is not None and 0 < cache.get_seq_length() < input_ids.shape[1]:
            kwargs["next_sequence_length"] = input_ids.shape[1] - cache.get_seq_length()
        inputs = super().prepare_inputs_for_generation(input_ids, *args, **kwargs)  # type: ignore[misc]
        if mask is not None and mask.dim() == 2:
            length = inputs["decoder_input_ids"].shape[1]
            inputs.setdefault("decoder_position_ids", count_positions(mask)[:, -length:])
        return inputs

    def prepare_decoder_input_ids_from_labels(self, labels: torch.Tensor) -> torch.Tensor:
        """Shift labels (B,T) right, behind the start mark, as data collators expect."""
        pad, start = self.config.pad_token_id, self.config.decoder_start_token_id
        if pad is None or start is None:
            raise ValueError("labels need pad_token_id and decoder_start_token_id in the configuration")
        return shift_right(labels, pad, start)


AttnModel.register_for_auto_class("AutoModel")
AttnForConditionalGeneration.register_for_auto_class("AutoModelForSeq2SeqLM")
