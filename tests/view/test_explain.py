"""The printed numbers are parsed back and held against each other and against eager attention."""

import re

import pytest
import torch
from transformers import MarianConfig, MarianMTModel, T5Config, T5ForConditionalGeneration

from hf_attn_model.attention.record import record_attention
from hf_attn_model.errors import UserError
from hf_attn_model.model import AttnConfig, AttnForConditionalGeneration
from hf_attn_model.text.tokenizer import train_tokenizer
from hf_attn_model.translation.search import translate
from hf_attn_model.view.explain import explain
from hf_attn_model.view.tables import display_width

SOURCE, TARGET = "The ball is blue", "La bola es azul"
SIZES = {
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 3,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 13,
    "decoder_ffn_dim": 17,
    "max_position_embeddings": 101,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    "d_model": 12,
}
CASES = [("encoder", 1, 2, "blue"), ("decoder", 2, 1, "bola"), ("cross", 0, 1, "bola")]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer([SOURCE, TARGET] * 2 + ["我喜歡我的狗", "blue ball", "bola"], vocab_size=320)


@pytest.fixture(scope="module")
def model(tokenizer):
    torch.manual_seed(5)
    return AttnForConditionalGeneration(AttnConfig(vocab_size=len(tokenizer), head_dim=7, **SIZES)).eval()


@pytest.fixture(scope="module")
def output(model, tokenizer):
    """The model's own eager pass over source and target."""
    model.set_attn_implementation("eager")
    with torch.no_grad():
        result = model(
            **tokenizer(SOURCE, return_tensors="pt"),
            labels=tokenizer(TARGET, return_tensors="pt").input_ids,
            output_attentions=True,
        )
    model.set_attn_implementation("sdpa")
    return result


def section(text, number, row=None):
    """Cut out a numbered step; of a word with several tokens, the step of the given row."""
    parts = re.split(r"\n\n(?=\d\. )", text)
    of_step = [part for part in parts if part.startswith(f"{number}. ")]
    if row is None:
        return of_step[0]
    rows = [int(part.split("(row ")[1].split(")")[0]) for part in parts if part.startswith("3. ")]
    return of_step[rows.index(row)]


def rows_of_table(text):
    """Parse the numbers of a table: label -> numbers, in order (labels may repeat)."""
    return [
        (label, [float(number) for number in re.findall(r"-?\d+\.\d{4}", rest)])
        for label, rest in re.findall(r"^   (\S+) +(-?\d+\.\d{4}.*)$", text, flags=re.MULTILINE)
    ]


def explained_rows(text):
    return [int(row) for row in re.findall(r"^3\. .*\(row (\d+)\)", text, flags=re.MULTILINE)]


@pytest.mark.parametrize(("place", "layer", "head", "word"), CASES)
def test_weights_are_those_of_eager_attention(model, tokenizer, output, place, layer, head, word):
    text = explain(model, tokenizer, SOURCE, word, place=place, layer=layer, head=head, target=TARGET)
    for row in explained_rows(text):
        weights = [numbers[0] for _, numbers in rows_of_table(section(text, 5, row))]
        expected = output[f"{place}_attentions"][layer][0, head, row]
        torch.testing.assert_close(torch.tensor(weights), expected, atol=6e-5, rtol=0)
        assert sum(weights) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(("place", "layer", "head", "word"), CASES)
def test_the_printed_numbers_follow_from_each_other(model, tokenizer, place, layer, head, word):
    text = explain(model, tokenizer, SOURCE, word, place=place, layer=layer, head=head, target=TARGET)
    assert explained_rows(text)
    for row in explained_rows(text):
        products = [numbers for _, numbers in rows_of_table(section(text, 3, row))]
        for agree, disagree, dot_product in products:
            assert agree >= 0 >= disagree
            assert agree + disagree == pytest.approx(dot_product, abs=2e-4)
        scaled = [numbers for _, numbers in rows_of_table(section(text, 4, row))]
        for (dot_product, score, *masked), (_, _, same) in zip(scaled, products, strict=True):
            assert dot_product == pytest.approx(same, abs=2e-4)
            assert score == pytest.approx(dot_product / 7**0.5, abs=2e-4)
            assert masked in ([], [score])
        shown = torch.tensor([masked[0] if masked else -torch.inf for _, _, *masked in scaled])
        weights = torch.tensor([numbers[0] for _, numbers in rows_of_table(section(text, 5, row))])
        torch.testing.assert_close(weights, shown.softmax(0), atol=2e-4, rtol=0)
        *values, (label, context) = rows_of_table(section(text, 6, row))
        assert label == "context"
        average = sum(weight * torch.tensor(value) for _, (weight, *value) in values)
        torch.testing.assert_close(torch.tensor(context[1:]), average, atol=2e-3, rtol=0)


def test_the_strongest_dimensions_are_named(model, tokenizer):
    step = section(explain(model, tokenizer, SOURCE, "ball"), 3)
    with torch.no_grad(), record_attention(model) as record:
        model.model.encoder(**tokenizer(SOURCE, return_tensors="pt"))
    head = record[0].encoder[0, 0]
    query = head.query[int(step.split("(row ")[1].split(")")[0])]
    printed = [float(number) for number in re.search(r"\n +0:(.*)\n", step)[1].split()]
    torch.testing.assert_close(torch.tensor(printed), query, atol=6e-5, rtol=0)
    lines = step[step.index("strongest") :].splitlines()[1 : 1 + len(head.key)]
    for line, key in zip(lines, head.key, strict=True):
        products = query * key
        strongest = sorted(range(7), key=lambda dimension: -abs(products[dimension]))[:3]
        assert line.endswith("  ".join(f"{dimension}: {products[dimension]:+.3f}" for dimension in strongest))


def test_a_turn_of_queries_and_keys_is_told(tokenizer):
    config = AttnConfig(vocab_size=len(tokenizer), head_dim=6, position_embedding="rotary", **SIZES)
    turning = AttnForConditionalGeneration(config).eval()
    for place, is_turned in (("encoder", True), ("decoder", True), ("cross", False)):
        text = explain(turning, tokenizer, SOURCE, "</s>", place=place, target=TARGET)
        assert ("are then turned" in section(text, 2)) == is_turned


def test_the_best_key_is_split_into_all_its_dimensions(model, tokenizer):
    step = section(explain(model, tokenizer, SOURCE, "ball"), 3)
    name, split = re.search(r"query times key '(.+)', dimension by dimension:\n +0:(.*)$", step).groups()
    dot_products = {label: numbers[2] for label, numbers in rows_of_table(step)}
    assert name == max(dot_products, key=dot_products.get)
    assert sum(map(float, split.split())) == pytest.approx(dot_products[name], abs=1e-3)


def test_output_is_what_the_module_returns(model, tokenizer):
    returned = []
    attention = model.model.encoder.layers[1].self_attn
    hook = attention.register_forward_hook(lambda module, args, output: returned.append(output[0][0]))
    text = explain(model, tokenizer, SOURCE, "</s>", layer=1)
    hook.remove()
    printed = [float(number) for number in section(text, 7).splitlines()[-1].split(":")[1].split()]
    torch.testing.assert_close(torch.tensor(printed), returned[0][-1, :10], atol=6e-5, rtol=0)


def test_shapes_are_told_with_the_end_mark_as_a_row(model, tokenizer):
    source = "The blue ball is blue"
    text = explain(model, tokenizer, source, "bola", place="cross", target=TARGET)
    s, t = len(tokenizer(source).input_ids), len(tokenizer(TARGET).input_ids)
    assert s != t
    assert "the end mark </s> included" in section(text, 1)
    assert f"target ({t}, 12), source ({s}, 12)" in section(text, 1)
    assert f"query  ({t}, 12) through q_proj -> ({t}, 7)" in section(text, 2)
    assert f"key    ({s}, 12) through k_proj -> ({s}, 7)" in section(text, 2)
    assert f"all ({t}, {s}) of them" in section(text, 4)
    assert f"({t}, 14) through out_proj -> ({t}, 12)" in section(text, 7)
    assert rows_of_table(section(text, 5))[-1][0] == "</s>"


def test_each_token_of_a_word_has_its_row(model, tokenizer):
    text = explain(model, tokenizer, "The ball is purple", "purple")
    offsets = tokenizer("The ball is purple", return_offsets_mapping=True).offset_mapping
    tokens = [position for position, (_, end) in enumerate(offsets) if end > len("The ball is")]
    assert explained_rows(text) == tokens
    assert len(tokens) > 1


def test_the_decoder_sees_nothing_to_come(model, tokenizer):
    text = explain(model, tokenizer, SOURCE, "La", place="decoder", target=TARGET)
    row = explained_rows(text)[0]
    lines = section(text, 4).splitlines()
    table = lines[[line.startswith("   key") for line in lines].index(True) + 1 :]
    assert [line.endswith("hidden") for line in table] == [column > row for column in range(len(table))]
    assert table[0].split()[0] == "<start>"
    assert "In row 0 the decoder reads '<start>' and writes" in text


def test_without_a_target_the_model_translates(model, tokenizer):
    translation = translate(model, tokenizer, ["ball"], num_beams=1)[0]
    assert explain(model, tokenizer, "ball", "</s>", place="cross") == explain(
        model, tokenizer, "ball", "</s>", place="cross", target=translation
    )
    assert translation


@pytest.mark.parametrize(("place", "word"), [("encoder", "狗"), ("cross", "azul")])
def test_lines_fit_the_terminal(tokenizer, place, word):
    sizes = SIZES | {"d_model": 66, "decoder_attention_heads": 1}
    wide = AttnForConditionalGeneration(AttnConfig(vocab_size=len(tokenizer), head_dim=101, **sizes))
    text = explain(wide, tokenizer, "The ball is blue 我喜歡我的狗 " * 2, word, place=place, target=TARGET)
    assert max(map(display_width, text.splitlines())) <= 100


def test_case_matters_only_if_it_must(model, tokenizer):
    assert explained_rows(explain(model, tokenizer, "the ball The", "The"))[0] > 0
    assert explained_rows(explain(model, tokenizer, "the ball", "THE"))[0] == 0


def test_other_models_are_explained_too(tokenizer):
    torch.manual_seed(7)
    marian = MarianMTModel(MarianConfig(vocab_size=len(tokenizer), **SIZES)).eval()
    text = explain(marian, tokenizer, SOURCE, "ball", layer=1, head=2)
    expected = marian.model.encoder(**tokenizer(SOURCE, return_tensors="pt"), output_attentions=False)
    assert f"vectors ({expected.last_hidden_state.shape[1]}, 12)" in text
    t5 = T5ForConditionalGeneration(T5Config(vocab_size=len(tokenizer), d_model=12, num_layers=1, num_heads=3, d_kv=5))
    with pytest.raises(UserError, match="T5ForConditionalGeneration has no encoder attention with q_proj"):
        explain(t5, tokenizer, SOURCE, "ball")


def test_hooks_are_removed(model, tokenizer):
    def count():
        return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())

    before = count()
    with pytest.raises(UserError):
        explain(model, tokenizer, SOURCE, "cow")
    with pytest.raises(UserError):
        explain(model, tokenizer, "The ball " * 100, "ball")
    assert count() == before


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"word": "cow"}, "no word 'cow' in the source 'The ball is blue'; choose from: The, ball, is, blue, </s>"),
        ({"word": "ball", "place": "cross"}, "no word 'ball' in the target 'La bola es azul'; choose from: La, bola"),
        ({"word": "ball", "layer": 2}, "the encoder has layers 0 to 1, not 2"),
        ({"word": "ball", "layer": -1}, "the encoder has layers 0 to 1, not -1"),
        ({"word": "ball", "head": 3}, "the encoder has heads 0 to 2, not 3"),
        ({"word": "ball", "place": "self"}, "no place is called 'self'"),
    ],
)
def test_what_is_not_there_is_refused(model, tokenizer, choice, message):
    with pytest.raises(UserError, match=message):
        explain(model, tokenizer, SOURCE, target=TARGET, **choice)


@pytest.mark.parametrize(("source", "word"), [(SOURCE, "blue"), (f"{SOURCE} . ?", "blue"), ("?", "</s>")])
def test_without_a_word_it_follows_the_last_one(model, tokenizer, source, word):
    assert explain(model, tokenizer, source) == explain(model, tokenizer, source, word)
    assert explain(model, tokenizer, source, place="cross", target=TARGET) == explain(
        model, tokenizer, source, "azul", place="cross", target=TARGET
    )
