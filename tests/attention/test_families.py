"""Every class of transformers with an encoder and a decoder: its attention is exact in each place, or refused."""

import re
from functools import partial

import pytest
import torch
import transformers
from foreign_models import VOCABULARY, B, S, T, build, classes, kinds, make_batch, make_target, small_config
from foreign_outcomes import (
    BIASED_MASKS,
    DISAGREEING,
    NO_SEARCH,
    NO_TOKENS,
    PAGE,
    REFUSED,
    SHARED_SOFTMAX,
    WEIGHTS_ALONE,
    page,
)
from transformers import GenerationMixin
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from hf_attn_model.attention.intervene import intervene
from hf_attn_model.attention.places import PLACES, rows_and_columns
from hf_attn_model.attention.record import record_attention
from hf_attn_model.attention.sentence import Word
from hf_attn_model.attention.steps import GivenWeights
from hf_attn_model.attention.teacher_forcing import teacher_forced_pass
from hf_attn_model.attention.tokenized import TokenizedText
from hf_attn_model.errors import UserError

SAMPLE = [  # the others take minutes together
    "BartForConditionalGeneration",
    "EncoderDecoderModel(bert, bert)",
    "LEDForConditionalGeneration",
    "LongT5ForConditionalGeneration",
    "MvpForConditionalGeneration",
    "ProphetNetForConditionalGeneration",
    "T5Gemma2ForConditionalGeneration",
    "WhisperForConditionalGeneration",
]
EAGER_ALONE = re.compile("does not support an attention implementation|sdpa. attention does not support")


def chosen(*names):
    """Parameters for all kinds, where those outside of the sample are slow."""
    return [pytest.param(kind, marks=[] if kind in SAMPLE else [pytest.mark.slow], id=kind) for kind in names]


def shown(model, batch, places):
    """What eager attention gives by itself: for each place (B,L,H,T,S)."""
    model.set_attn_implementation("eager")
    output = model(**batch, output_attentions=True)
    output = getattr(output, "language_model_outputs", output)  # of a translator inside
    return {place: torch.stack(output[f"{place}_attentions"], dim=1) for place in places}


def tokens_of(kind, batch, expected, sentence):
    """Which positions of source and target of a sentence are no padding; of audio, those that are not masked away."""
    target = batch.get("decoder_attention_mask")
    target = torch.ones(T, dtype=torch.bool) if target is None else target[sentence].bool()
    if "input_ids" in batch:
        mask = batch.get("attention_mask", torch.ones_like(batch["input_ids"]))
        return mask[sentence].bool(), target
    source = (expected["cross"][sentence][:, :, target] > 0).flatten(0, 2).any(0)
    return source | (kind in WEIGHTS_ALONE), target


def assert_exact(record, expected, places, tokens):
    for sentence, (source, target) in enumerate(tokens):
        sides = {"encoder": (source, source), "decoder": (target, target), "cross": (target, source)}
        for place in places:
            rows, columns = sides[place]
            weights = expected[place][sentence][:, :, rows][..., columns]
            found = getattr(record[sentence], place).attention_weights
            assert found.shape == weights.shape, (place, sentence)
            assert (found - weights).abs().max() < 1e-6, (place, sentence)


def implementations(model):
    """Switch the model through those that it has."""
    for implementation in ("eager", "sdpa"):
        try:
            model.set_attn_implementation(implementation)
        except ValueError as error:
            if not EAGER_ALONE.search(str(error)):
                raise
        else:
            yield implementation


def assert_heads_differ(weights):
    """Two heads that look alike could be exchanged unseen: (B,L,H,T,S)."""
    maps = weights[0].flatten(0, 1)
    apart = (maps[:, None] - maps[None]).abs().amax((2, 3))
    assert apart[~torch.eye(len(maps), dtype=torch.bool)].min() > 1e-3


def unchangeable(kind, place):
    """Words of the reason why no head of a place can be made uniform, if so."""
    if place in WEIGHTS_ALONE.get(kind, ()):
        return "cannot be changed"
    if kind in SHARED_SOFTMAX and place != "encoder":
        return "no head of one place can be changed"
    return "adds to its scores within the mask" if (kind, place) in BIASED_MASKS else None


def assert_changed(kind, model, batch, place, expected, tokens):
    """Head 1 of layer 0 attends alike to all that it may see, the others of the layer as before; or this is refused."""
    reason = unchangeable(kind, place)
    if reason is not None:
        with pytest.raises(UserError, match=reason), intervene(model, [(place, 0, 1)]):
            model(**batch)
        return
    if kind in DISAGREEING:
        model.set_attn_implementation("eager")
    with intervene(model, [(place, 0, 1)]), record_attention(model, places=[place], layers=[0]) as record:
        model(**batch)
    for sentence, (source, target) in enumerate(tokens):
        rows, _ = rows_and_columns(place, source, target)
        before, after = (maps[sentence][:, rows] for maps in (expected[:, 0], record.forwards[0].weights(place)[:, 0]))
        seen = before[1] > 0
        torch.testing.assert_close(after[1], (seen / seen.sum(-1, keepdim=True)).to(after.dtype), atol=1e-6, rtol=0)
        others = [head for head in range(len(before)) if head != 1]
        torch.testing.assert_close(after[others], before[others], atol=1e-6, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("kind", chosen(*kinds()))
def test_a_place_is_exact_or_refused(kind):
    model, places = build(kind), [place for place in PLACES if place not in REFUSED.get(kind, {})]
    for place, reason in REFUSED.get(kind, {}).items():
        batch = make_batch(kind, model, None) | make_target(kind, model, None)
        refused = pytest.raises(UserError, match=f"{kind.partition('(')[0]}: .*{reason}")
        with refused as refusal, record_attention(model, places=[place]):
            model(**batch)
        assert place in str(refusal.value)
        assert "\n" not in str(refusal.value)
    if not places:
        return
    for padding in (None, "right", "left"):
        batch = make_batch(kind, model, padding) | make_target(kind, model, padding)
        if padding == "left" and "input_ids" not in batch:
            continue  # audio is padded on the right, images are not padded
        expected = shown(model, batch, places)
        tokens = [tokens_of(kind, batch, expected, sentence) for sentence in range(B)]
        for implementation in implementations(model):
            plain = model(**batch)
            with record_attention(model, places=places) as record:
                output = model(**batch)
            torch.testing.assert_close(output[0], plain[0], atol=0, rtol=0)
            if implementation == "eager" or padding is None or kind not in DISAGREEING:
                assert_exact(record, expected, places, tokens)
            shared = {
                place
                for (place, _), call in record.forwards[0].calls.items()
                if getattr(call, "elsewhere", None) is not None
            }
            assert shared == ({"decoder", "cross"} if kind in SHARED_SOFTMAX else set())
            alone = {place for (place, _), call in record.forwards[0].calls.items() if isinstance(call, GivenWeights)}
            assert alone == set(WEIGHTS_ALONE.get(kind, ()))
        for place in places:
            assert_heads_differ(expected[place])
            assert_changed(kind, model, batch, place, expected[place], tokens)


def source_of(batch):
    """What the model reads without what its decoder reads."""
    return {name: tensor for name, tensor in batch.items() if not name.startswith("decoder_")}


@torch.no_grad()
@pytest.mark.parametrize("num_beams", [1, 2])
@pytest.mark.parametrize("kind", chosen(*kinds()))
def test_each_step_of_a_search_is_exact(kind, num_beams):
    model, places = build(kind), [place for place in PLACES if place not in REFUSED.get(kind, {})]
    if "cross" not in places or kind in NO_SEARCH[num_beams]:
        return
    batch = source_of(make_batch(kind, model, "right"))
    search = {"max_new_tokens": T, "min_new_tokens": T, "do_sample": False, "num_beams": num_beams}
    generate = model.generate
    if kind == "WhisperForConditionalGeneration" and num_beams > 1:  # it hands out the attention of the best beam alone
        generate = partial(GenerationMixin.generate, model)
    model.set_attn_implementation("eager")
    found = generate(**batch, **search, return_dict_in_generate=True, output_attentions=True)
    for implementation in implementations(model):
        with record_attention(model, places=places) as record:
            again = generate(**batch, **search, return_dict_in_generate=True)
        if implementation == "sdpa" and kind in DISAGREEING:
            continue
        assert torch.equal(again.sequences, found.sequences)
        steps = [forward for forward in record.forwards if forward.layers("cross")]
        assert len(steps) == len(found.cross_attentions)
        for place in ("decoder", "cross"):
            for forward, expected in zip(steps, getattr(found, f"{place}_attentions"), strict=True):
                for layer, weights in enumerate(expected):
                    difference = (forward.calls[place, layer].attention_weights() - weights).abs().max()
                    assert difference < 1e-6, (implementation, place, layer)


def as_tokens(ids):
    """Ids as a tokenized text, in which each is a word."""
    names = [str(i) for i in ids]
    return TokenizedText(" ".join(names), ids, names, [Word(name, 0, 0) for name in names], list(range(len(ids))))


@torch.no_grad()
@pytest.mark.parametrize("kind", chosen(*kinds()))
def test_a_teacher_forced_pass_is_exact_for_each_pair_alone(kind):
    model, places = build(kind), [place for place in PLACES if place not in REFUSED.get(kind, {})]
    if not places or kind in NO_TOKENS:
        return
    torch.manual_seed(19)
    targets = [torch.randint(4, VOCABULARY, (length,)).tolist() for length in (T, T - 2)]
    batch = make_batch(kind, model, None)
    if set(batch) == {"input_ids"}:
        lengths = [S, S - 3]
        sources = [as_tokens(ids[:length].tolist()) for ids, length in zip(batch["input_ids"], lengths, strict=True)]
        alone = [{"input_ids": torch.tensor([source.ids])} for source in sources]
    else:
        sources = batch
        alone = [{name: tensor[i : i + 1] for name, tensor in batch.items()} for i in range(B)]
    forward = teacher_forced_pass(model, sources, [as_tokens(ids) for ids in targets], places=places)
    for i, (source, target) in enumerate(zip(alone, targets, strict=True)):
        read = torch.tensor([[2, *target[:-1]]])
        expected = shown(model, source | {"decoder_input_ids": read, "use_cache": False}, places)
        for place in places:
            found = getattr(forward[i], place).attention_weights
            assert found.shape == expected[place][0].shape, place
            assert (found - expected[place][0]).abs().max() < 1e-6, place


def test_the_page_says_what_is_tested():
    """A class that is new in transformers is missing there until it is decided what becomes of it."""
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python tests/foreign_outcomes.py"
    assert REFUSED.keys() | WEIGHTS_ALONE.keys() | SHARED_SOFTMAX <= set(kinds())


@pytest.mark.parametrize("name", ["BlipForConditionalGeneration", "LlavaForConditionalGeneration"])
def test_one_stack_is_refused(name):
    with torch.device("meta"):
        model = getattr(transformers, name)(small_config(CONFIG_MAPPING[classes()[name][0]]()))
    refused = pytest.raises(UserError, match=f"{name} has no encoder and decoder to record: it is one stack of layers")
    with refused, record_attention(model):
        pass
