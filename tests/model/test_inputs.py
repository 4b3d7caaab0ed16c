"""What a model is given: what cannot be right is refused with its shapes, and masks mean what their maker means."""

import re

import pytest
import torch
from small_models import B, S, T, V, make_model
from torch._dynamo.testing import CompileCounter
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from hf_attn_model import load_translator
from hf_attn_model.model.inputs import with_start_mark

PAD, END = 0, 1
ONES = torch.ones(B, S, dtype=torch.long)
SOURCE = torch.arange(2, 2 + B * S).reshape(B, S)
LABELS = torch.arange(5, 5 + B * T).reshape(B, T)
SHORT = torch.ones(B, S - 2, dtype=torch.long)


@pytest.fixture(scope="module")
def fixed():
    """A model that nothing changes."""
    return make_model()


MISTAKES = {
    "id too large": ({"input_ids": SOURCE + 97}, "input_ids of shape (2, 7) hold 112; the vocabulary has 0 to 36"),
    "negative id": ({"input_ids": 0 - SOURCE}, "input_ids of shape (2, 7) hold -15; the vocabulary"),
    "label too large": ({"labels": LABELS + 97}, "labels of shape (2, 5) hold 111; the vocabulary has 0 to 36"),
    "negative label": ({"labels": -LABELS}, "labels of shape (2, 5) hold -14; the vocabulary"),
    "target id": ({"decoder_input_ids": LABELS + 97}, "decoder_input_ids of shape (2, 5) hold 111"),
    "no sentence": ({"input_ids": SOURCE[:0]}, "input_ids of shape (0, 7) hold no token"),
    "no token": ({"input_ids": SOURCE[:, :0]}, "input_ids of shape (2, 0) hold no token"),
    "no label": ({"labels": LABELS[:, :0]}, "labels of shape (2, 0) hold no token"),
    "floats": ({"input_ids": SOURCE.float()}, "input_ids of shape (2, 7) must be whole numbers"),
    "float labels": ({"labels": LABELS.half()}, "labels of shape (2, 5) must be whole numbers, int64 or int32"),
    "truths": ({"input_ids": SOURCE > 3}, "got torch.bool"),
    "one dimension": ({"input_ids": SOURCE[0]}, "input_ids of shape (7,) must have two dimensions"),
    "three dimensions": ({"labels": LABELS[None]}, "labels of shape (1, 2, 5) must have two dimensions"),
    "too long": ({"input_ids": SOURCE[:, :1].expand(B, 67)}, "67 tokens reach position 66, but the model has"),
    "target too long": ({"labels": LABELS[:, :1].expand(B, 67)}, "67 tokens reach position 66"),
    "fewer sources": ({"input_ids": SOURCE[:1]}, "1 sources, but 2 targets"),
    "more targets": ({"labels": LABELS.repeat(2, 1)}, "2 sources, but 4 targets"),
    "short mask": (
        {"attention_mask": SHORT},
        "attention_mask must have the shape (batch, length) = (2, 7), got (2, 5)",
    ),
    "mask of one": ({"attention_mask": ONES[:1]}, "= (2, 7), got (1, 7)"),
    "flat mask": ({"attention_mask": ONES[0]}, "= (2, 7), got (7,)"),
    "square mask": ({"attention_mask": ONES[..., None].expand(B, S, S)}, "= (2, 7), got (2, 7, 7)"),
    "mask of the source": ({"decoder_attention_mask": ONES}, "decoder_attention_mask must have the shape"),
    "labels of other ids": ({"decoder_input_ids": LABELS[:, :3]}, "labels must have the shape"),
    "turned labels": ({"decoder_input_ids": LABELS, "labels": LABELS.T}, "labels must have the shape"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_cannot_be_right_is_refused_with_its_shape(fixed, name):
    mistake, message = MISTAKES[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        fixed(**{"input_ids": SOURCE, "labels": LABELS} | mistake)


@pytest.mark.parametrize("name", [name for name, (given, _) in MISTAKES.items() if list(given) == ["input_ids"]])
def test_generate_refuses_it_too(fixed, name):
    if name == "fewer sources":
        return
    mistake, message = MISTAKES[name]
    with pytest.raises(ValueError, match=re.escape(message)):
        fixed.generate(mistake["input_ids"], max_length=3)
    with pytest.raises(ValueError, match=re.escape(message)):
        fixed.generate(**mistake, max_length=3)


def test_a_mask_of_what_was_encoded_elsewhere_has_its_shape_too(fixed):
    states = fixed.get_encoder()(SOURCE).last_hidden_state
    with pytest.raises(ValueError, match=re.escape("attention_mask must have the shape (batch, length) = (2, 7), got")):
        fixed(encoder_outputs=(states,), attention_mask=SHORT, labels=LABELS)


def test_steps_of_a_cache_are_refused_where_positions_end(fixed):
    with pytest.raises(ValueError, match="62 tokens reach position 61, but the model has positions 0 to 60"):
        fixed.generate(SOURCE, max_length=67, eos_token_id=None)
    with pytest.raises(ValueError, match="reach position -1"):
        fixed(SOURCE, labels=LABELS, decoder_position_ids=torch.arange(-1, T - 1)[None].expand(B, T))


def test_padding_takes_no_position(fixed):
    padded = functional.pad(SOURCE, (67, 0))
    logits = fixed(padded, labels=LABELS).logits
    torch.testing.assert_close(logits, fixed(SOURCE, labels=LABELS).logits, atol=1e-5, rtol=0)


def test_a_resized_vocabulary_is_the_one_that_counts():
    model = make_model()
    model.resize_token_embeddings(V + 4)
    ids = SOURCE.clamp(max=3) + V
    assert model(ids, labels=LABELS).loss.isfinite()
    with pytest.raises(ValueError, match=f"hold {V + 4}; the vocabulary has 0 to {V + 3}"):
        model(ids + 1, labels=LABELS)


def test_half_the_width_of_an_id_will_do(fixed):
    short, long = (
        fixed(SOURCE.to(dtype), labels=LABELS.to(dtype), skip_logits=skip).loss
        for dtype, skip in ((torch.int32, True), (torch.int64, False))
    )
    torch.testing.assert_close(short, long)


@pytest.mark.parametrize("options", [{}, {"skip_logits": True}, {"skip_logits": True, "r_drop": 3.0}])
def test_where_no_label_counts_there_is_no_loss_and_nothing_is_learned(options):
    model = make_model()
    loss = model(SOURCE, labels=torch.full_like(LABELS, -100), **options).loss
    loss.backward()
    assert loss == 0
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in model.parameters())


KEYWORDS = ["head_mask", "decoder_head_mask", "cross_attn_head_mask", "position_ids", "lables", "s_aux"]


@pytest.mark.parametrize("name", KEYWORDS)
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_keyword_that_would_change_nothing_is_refused(model, name, implementation):
    model.set_attn_implementation(implementation)
    keyword = {name: torch.zeros(3, 5)}
    inner, source = model.model, {"input_ids": SOURCE}
    calls = [(model, source | {"labels": LABELS}), (inner, source | {"decoder_input_ids": LABELS})]
    calls += [(inner.encoder, source), (inner.decoder, source)]
    for module, inputs in calls:
        if name == "position_ids" and module is inner.decoder:
            continue  # there it is a parameter
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'.*hf_attn_model.intervene"):
            module(**inputs, **keyword)
        if name != "position_ids":
            module(**inputs, **{name: None})  # which asks for nothing
    with pytest.raises(TypeError, match="'labels'"):
        inner(SOURCE, decoder_input_ids=LABELS, labels=LABELS)


def test_an_attention_function_of_a_users_own_hears_what_it_names(model):
    def tempered(module, query, key, value, attention_mask, temperature=1.0, **options):
        return ALL_ATTENTION_FUNCTIONS["sdpa"](module, query / temperature, key, value, attention_mask, **options)

    AttentionInterface.register("tempered", tempered)
    AttentionMaskInterface.register("tempered", ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])
    before = model(SOURCE, labels=LABELS).loss
    model.set_attn_implementation("tempered")
    assert model(SOURCE, labels=LABELS).loss == before
    assert model(SOURCE, labels=LABELS, temperature=7.0).loss != before
    with pytest.raises(TypeError, match="'pressure'"):
        model(SOURCE, labels=LABELS, pressure=7.0)


def padded(side):
    ids = SOURCE.clone()
    ids[1, -3:] = PAD
    return ids if side == "right" else torch.cat([ids[:1], functional.pad(ids[1:, :4], (3, 0))])


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_without_a_mask_padding_is_known_by_its_id(model, implementation, side):
    model.set_attn_implementation(implementation)
    ids = padded(side)
    mask = (ids != PAD).long()
    with_mask, without = (model(ids, labels=LABELS, **given) for given in ({"attention_mask": mask}, {}))
    assert torch.equal(without.logits, with_mask.logits)
    seen = model(ids, labels=LABELS, attention_mask=ONES).logits
    assert not torch.allclose(without.logits, seen, atol=1e-3), "a mask that is given is the one that counts"
    states = model.get_encoder()(ids).last_hidden_state
    assert torch.equal(states, model.get_encoder()(ids, attention_mask=mask).last_hidden_state)
    from_states = model(ids, encoder_outputs=(states,), labels=LABELS)
    assert torch.equal(from_states.logits, without.logits)


@pytest.mark.parametrize("search", [{}, {"num_beams": 3, "num_return_sequences": 2}])
@pytest.mark.parametrize("by_name", [True, False])
def test_generate_needs_no_mask(model, search, by_name):
    ids = padded("right")
    alone = [model.generate(row[row != PAD][None], max_length=9, **search) for row in ids]
    found = (
        model.generate(**{"input_ids": ids}, **search, max_length=9)
        if by_name
        else model.generate(ids, **search, max_length=9)
    )
    assert torch.equal(found, torch.cat(alone))


@pytest.mark.parametrize("marks", [{"pad_token_id": None}, {"eos_token_id": PAD}, {"eos_token_id": [END, PAD]}])
def test_where_padding_has_no_id_of_its_own_all_is_read(marks):
    model = make_model(**marks)
    logits = model(padded("right"), decoder_input_ids=LABELS).logits
    seen = model(padded("right"), decoder_input_ids=LABELS, attention_mask=ONES).logits
    assert torch.equal(logits, seen)


def test_word_vectors_do_not_tell_what_is_padding(fixed):
    vectors = fixed.get_input_embeddings()(padded("right"))
    seen = fixed(padded("right"), labels=LABELS, attention_mask=ONES).logits
    assert torch.equal(fixed(inputs_embeds=vectors, labels=LABELS).logits, seen)


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_without_padding_the_numbers_are_those_of_a_model_without_masks(model, implementation, monkeypatch):
    model.set_attn_implementation(implementation)
    logits = model(SOURCE, labels=LABELS).logits
    monkeypatch.setattr("hf_attn_model.model.modeling_attn.source_mask", lambda *_: None)
    monkeypatch.setattr("hf_attn_model.model.stacks.source_mask", lambda *_: None)
    assert torch.equal(model(SOURCE, labels=LABELS).logits, logits)


def test_the_textbook_reads_no_padding():
    model, tokenizer = load_translator("textbook")
    texts = ["The black cat drank the milk", "I love my dog", "We eat"]
    ids = tokenizer(texts, return_tensors="pt", padding=True).input_ids
    found = tokenizer.batch_decode(model.generate(ids), skip_special_tokens=True)
    assert found[1:] == ["Amo a mi perro", "Comemos"]  # with padding read: "Comemos lavamos lavamos lavamos ..."


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_mask_by_padding_does_not_hide_the_start_mark(model, implementation):
    model.set_attn_implementation(implementation)
    labels = LABELS.clone()
    labels[1, -2:] = -100
    target = model.prepare_decoder_input_ids_from_labels(labels)
    assert target[:, 0].eq(PAD).all()
    inputs = {"input_ids": SOURCE, "decoder_input_ids": target, "labels": labels}
    expected = model(**inputs).loss
    for mask in (target.ne(PAD), target.ne(PAD).long(), target.ne(PAD).float()):
        torch.testing.assert_close(model(**inputs, decoder_attention_mask=mask).loss, expected)
    hidden = target.ne(PAD)[:, None, None]  # a mask of four dimensions is its maker's own
    hidden = hidden & torch.ones(T, T).tril().bool()
    with torch.no_grad():
        assert not torch.isclose(model(**inputs, decoder_attention_mask=hidden).loss, expected, atol=1e-3)


@pytest.mark.parametrize("search", [{}, {"num_beams": 3}, {"use_cache": False}, {"cache_implementation": "static"}])
def test_generation_goes_on_from_padded_beginnings_under_such_a_mask(model, search):
    beginnings = torch.tensor([[PAD, PAD, PAD, 5], [PAD, 23, 19, 7]])  # a start mark, then one word and three
    inputs = {"decoder_input_ids": beginnings, "max_new_tokens": 3, "eos_token_id": None, **search}
    right = torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]])
    expected = model.generate(SOURCE, decoder_attention_mask=right, **inputs)
    assert torch.equal(model.generate(SOURCE, decoder_attention_mask=beginnings.ne(PAD).long(), **inputs), expected)


CASES = [  # ids, mask, what it means
    ([0, 5, 6, 0, 0], [0, 1, 1, 0, 0], [1, 1, 1, 0, 0]),
    ([0, 0, 0, 5, 6], [0, 0, 0, 1, 1], [0, 0, 1, 1, 1]),
    ([0, 0, 0, 5, 6], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1]),  # as one makes it who knows
    ([0, 5, 6, 7, 8], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]),
    ([0, 5, 0, 7, 0], [0, 1, 0, 1, 0], [1, 1, 0, 1, 0]),
    ([0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]),
    ([0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0]),
    ([4, 5, 6, 7, 8], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1]),  # no start mark is hidden here
    ([4, 5, 6, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0]),
    ([4, 5, 6, 7, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 0]),
]


def test_the_start_mark_is_the_one_before_the_first_word(fixed):
    ids, mask, meant = (torch.tensor(column) for column in zip(*CASES, strict=True))
    assert with_start_mark(mask, ids, fixed.config).tolist() == meant.tolist()
    assert with_start_mark(mask.bool(), ids, fixed.config).dtype == torch.bool
    assert with_start_mark(mask, ids[:, -2:], fixed.config) is mask, "of a cache the ids are not all here"
    own = make_model(decoder_start_token_id=2).config
    assert with_start_mark(mask, ids, own) is mask, "with an id of its own it was hidden on purpose"


def test_one_graph_holds_the_masks_and_no_check():
    model = make_model(encoder_layers=1, decoder_layers=1)
    graphs = CompileCounter()
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, backend=graphs)
    target = torch.tensor([[PAD, 5, 6, 7, 8], [PAD, 7, 9, PAD, PAD]])
    for inputs in (
        {"input_ids": padded("right"), "decoder_input_ids": target, "decoder_attention_mask": target.ne(PAD)},
        {"input_ids": padded("left"), "decoder_input_ids": target, "decoder_attention_mask": target.ne(PAD)},
    ):
        torch.testing.assert_close(compiled(**inputs).logits, model(**inputs).logits, atol=1e-5, rtol=0)
    assert graphs.frame_count == 1
    torch._dynamo.reset()


def test_an_exported_graph_reads_no_padding(fixed):
    class Logits(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = fixed

        def forward(self, ids, target):
            return self.model(ids, decoder_input_ids=target, use_cache=False).logits

    exported = torch.export.export(Logits(), (SOURCE, LABELS)).module()
    for ids in (SOURCE, padded("right"), padded("left")):
        torch.testing.assert_close(exported(ids, LABELS), Logits()(ids, LABELS), atol=1e-5, rtol=0)
