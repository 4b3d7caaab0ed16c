"""What cannot go through a model is named before it does, and what is no number when it has."""

import copy

import pytest
import torch
from families import FAMILIES, build

from hf_attn_model.attention.edges import SHOWN, check_ids, check_texts, not_finite, vocabulary_size
from hf_attn_model.attention.teacher_forcing import read_targets, teacher_forced_attention, teacher_forced_pass
from hf_attn_model.attention.tokenized import TokenizedText, tokenize_with_words
from hf_attn_model.errors import UserError
from hf_attn_model.text.tokenizer import train_tokenizer

WHOLE = "\N{GRINNING FACE}"
HALVES = WHOLE.encode("utf-16-le").decode("utf-16-le", "surrogatepass"), "\ud83d", "ab\ude00"


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["a b c d"] * 3, vocab_size=270)


def side(*ids):
    return TokenizedText("ein Satz", list(ids), [str(i) for i in ids], [], [None] * len(ids))


def test_half_a_character_is_refused_by_name_and_place():
    check_texts([WHOLE, "", "\0"], ["one", "two", "three"])
    with pytest.raises(UserError, match="two has half a surrogate pair at character 0"):
        check_texts(["a", HALVES[1]], ["one", "two"])
    with pytest.raises(UserError, match="one has half a surrogate pair at character 2"):
        check_texts([HALVES[2]], ["one"])
    with pytest.raises(UserError, match="line 4 must be a text, got NoneType"):
        check_texts([None], ["line 4"])


def test_no_tokenizer_meets_half_a_character(tokenizer):
    assert tokenize_with_words(tokenizer, [HALVES[0]])[0].text == WHOLE
    with pytest.raises(UserError, match="text 2 has half a surrogate pair at character 0"):
        tokenize_with_words(tokenizer, ["a", HALVES[1]])


def test_ids_are_those_of_the_model():
    model = build("marian")
    check_ids("one", [0, 36], vocabulary_size(model, "encoder"))
    for wrong in (37, -1):
        with pytest.raises(UserError, match=f"one has the token id {wrong}, but the model knows 0 to 36"):
            check_ids("one", [3, wrong, 99], vocabulary_size(model, "encoder"))
    model.get_decoder().set_input_embeddings(torch.nn.Embedding(41, model.config.d_model))  # a vocabulary of its own
    check_ids("one", [40], vocabulary_size(model, "decoder"))
    with pytest.raises(UserError, match="no tokens"):
        check_ids("one", [], vocabulary_size(model, "encoder"))


def test_a_stack_that_does_not_tell_its_vocabulary_takes_all_ids():
    def untold():
        raise NotImplementedError  # as transformers' speech encoders do

    model = build("marian")
    for embeddings in (untold, lambda: None):
        model.get_encoder().get_input_embeddings = embeddings
        assert vocabulary_size(model, "encoder") is None
    check_ids("one", [0, 10**9], None)
    with pytest.raises(UserError, match="one has the token id -1"):
        check_ids("one", [0, -1], None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_only_half_precision_may_be_too_narrow(dtype):
    said = str(not_finite(build("ours").to(dtype), "line 3", "a" * SHOWN))
    name = str(dtype).removeprefix("torch.")
    advice = "" if dtype == torch.float32 else f", or {name} is too narrow for them: load it in float32"
    assert said == f'line 3 ("{"a" * SHOWN}"): the model computes NaN or infinity: its weights are damaged{advice}'
    longer = str(not_finite(build("ours").to(dtype), "line 3", "a" * SHOWN + "b"))
    assert longer == said.replace('a"', 'a..."')


@pytest.mark.parametrize("family", FAMILIES)
def test_pairs_that_cannot_pass_are_named(family):
    model = build(family)
    for kind, sources, targets in (
        ("source", [side(3), side(99)], [side(4)] * 2),
        ("target", [side(3)] * 2, [side(4), side(99)]),
    ):
        with pytest.raises(UserError, match=f"sentence b: the {kind} has the token id 99"):
            teacher_forced_pass(model, sources, targets, names=["a", "b"])
    with pytest.raises(UserError, match="sentence 0: the target has no tokens"):
        teacher_forced_pass(model, [side(3)], [side()])
    with pytest.raises(UserError, match="there is no sentence pair"):
        teacher_forced_pass(model, [], [])
    with pytest.raises(UserError, match="2 sources, 1 targets and 2 ids do not pair up"):
        teacher_forced_pass(model, [side(3)] * 2, [side(4)])


@pytest.mark.parametrize("targets", [["a", [3]], [[3, "b"]], [[3, -1]], [[2.5]], [None]])
def test_targets_are_texts_or_ids(tokenizer, targets):
    with pytest.raises(UserError, match=r"target \d: give texts alone, or token ids alone"):
        read_targets(tokenizer, targets)


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "t5gemma"])  # it has no start mark
@pytest.mark.parametrize("number", [torch.nan, torch.inf])
def test_a_pass_without_numbers_names_its_sentence(family, number):
    model = build(family)
    pairs = [side(3, 5, 1), side(3, 7, 1), side(4, 5, 7, 1)], [side(9, 1), side(9, 1), side(9, 11, 1)]
    assert teacher_forced_pass(model, *pairs).calls
    encoder = model.get_encoder()
    encoder.set_input_embeddings(copy.deepcopy(encoder.get_input_embeddings()))  # those of the decoder stay as they are
    with torch.no_grad():
        encoder.get_input_embeddings().weight[7, 2] = number
    with pytest.raises(
        UserError, match=r'sentence 1 \("ein Satz"\): the model computes NaN or infinity: its weights are'
    ):
        teacher_forced_pass(model, *pairs)


def test_too_narrow_numbers_are_one_reason(tokenizer):
    model = build("ours", vocab_size=len(tokenizer))
    with torch.no_grad():
        for layer in model.model.encoder.layers:
            layer.fc2.bias.fill_(6e4)  # the largest float16 is 65,504
    assert teacher_forced_attention(model, tokenizer, ["a b"], ["c"])
    with pytest.raises(
        UserError, match=r'sentence 0 \("a b"\): .* or float16 is too narrow for them: load it in float32'
    ):
        teacher_forced_attention(model.half(), tokenizer, ["a b"], ["c"])
