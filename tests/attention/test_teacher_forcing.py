"""One teacher-forced pass against the model run sentence by sentence with eager attention."""

import numpy as np
import pytest
import torch

from hf_attn_model.attention.places import PLACES
from hf_attn_model.attention.teacher_forcing import teacher_forced_attention
from hf_attn_model.errors import UserError
from hf_attn_model.model import AttnConfig, AttnForConditionalGeneration
from hf_attn_model.text.tokenizer import train_tokenizer

SOURCES = ["The ball is blue.", "I love my dog", "My dog drank warm milk!"]
MILK_WORDS = ["My", "dog", "drank", "warm", "milk", "!"]
TARGETS = ["La bola es azul.", "我喜歡我的狗", "Mi perro bebió leche tibia"]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(SOURCES + TARGETS, vocab_size=300)


@pytest.fixture
def model(tokenizer):
    torch.manual_seed(3)
    sizes = {"encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 3, "decoder_attention_heads": 2}
    config = AttnConfig(
        vocab_size=len(tokenizer),
        d_model=11,
        head_dim=5,
        encoder_ffn_dim=13,
        decoder_ffn_dim=17,
        max_position_embeddings=41,
        dropout=0.5,
        **sizes,
    )
    return AttnForConditionalGeneration(config)


def test_maps_equal_eager_ones_of_each_sentence_alone(model, tokenizer):
    records = teacher_forced_attention(model, tokenizer, SOURCES, TARGETS)
    model.eval()
    model.set_attn_implementation("eager")
    for record in records:
        output = model(
            **tokenizer(record.source, return_tensors="pt"),
            labels=tokenizer(text_target=record.target, return_tensors="pt").input_ids,
            output_attentions=True,
        )
        for place in PLACES:
            expected = torch.stack(output[f"{place}_attentions"])[:, 0].detach().numpy()
            np.testing.assert_allclose(record.place(place), expected, atol=2e-6)


def test_rows_and_columns_are_named_as_the_conventions_say(model, tokenizer):
    record = teacher_forced_attention(model, tokenizer, SOURCES[:1], TARGETS[:1], ids=["ball"])[0]
    assert record.id == "ball"
    assert record.source_tokens == tokenizer.convert_ids_to_tokens(tokenizer(SOURCES[0]).input_ids)
    source, written = record.source_tokens, record.target_tokens
    read = ["<start>", *written[:-1]]
    assert source[-1] == written[-1] == "</s>"
    for place, rows, columns in (("encoder", source, source), ("decoder", written, read), ("cross", written, source)):
        by_token = record.tokens(place)
        assert (by_token.rows, by_token.columns) == (rows, columns)
        assert by_token.weights.shape[2:] == (len(rows), len(columns))


def test_words_are_those_of_the_text(model, tokenizer):
    ball, dog, milk = teacher_forced_attention(model, tokenizer, SOURCES, TARGETS)
    source, target = ["The", "ball", "is", "blue", ".", "</s>"], ["La", "bola", "es", "azul", "."]
    assert ball.source_tokens[0] == " "  # a space alone goes with the word after it
    assert (ball.words("encoder").rows, ball.words("encoder").columns) == (source, source)
    assert (ball.words("cross").rows, ball.words("cross").columns) == ([*target, "</s>"], source)
    assert (ball.words("decoder").rows, ball.words("decoder").columns) == ([*target, "</s>"], ["<start>", *target])
    assert "".join(dog.words("cross").rows) == "我喜歡我的狗</s>"
    assert [milk.source[word.start : word.end] for word in milk.source_words] == MILK_WORDS
    for record in (ball, dog, milk):
        for place in PLACES:
            np.testing.assert_allclose(record.words(place).weights.sum(axis=-1), 1, rtol=1e-5)


def test_special_tokens_have_their_policy(model, tokenizer):
    (maps,) = teacher_forced_attention(model, tokenizer, SOURCES[:1], TARGETS[:1])
    words, target = ["The", "ball", "is", "blue", "."], ["La", "bola", "es", "azul", "."]
    dropped, shown = maps.words("decoder", "drop"), maps.words("cross", "column")
    assert (dropped.rows, dropped.columns) == (target, target)
    assert (shown.rows, shown.columns) == (target, [*words, "<special>"])
    for labelled in (dropped, shown):
        assert labelled.weights.shape[2:] == (len(labelled.rows), len(labelled.columns))
        sums = labelled.weights.sum(axis=-1)
        np.testing.assert_allclose(sums[:, :, 1:], 1, rtol=1e-5)  # writing the first word, only the start is seen


def test_words_that_share_a_token_are_one_word(model):
    whole = train_tokenizer(["すき", "わ", "い"] * 2, vocab_size=275)
    assert "すき" in whole.get_vocab()
    record = teacher_forced_attention(model, whole, ["dog"], ["わすきい"])[0]
    assert record.words("cross").rows == ["わ", "すき", "い", "</s>"]


def test_the_model_is_left_as_it_was(model, tokenizer):
    model.train()
    model.model.encoder.eval()
    modes = [module.training for module in model.modules()]
    first, second = (teacher_forced_attention(model, tokenizer, SOURCES, TARGETS)[0].cross for _ in range(2))
    np.testing.assert_array_equal(first, second)  # no dropout
    assert [module.training for module in model.modules()] == modes


def test_empty_sentences_have_their_end_mark(model, tokenizer):
    record = teacher_forced_attention(model, tokenizer, ["", "dog"], ["perro", ""])[0]
    assert record.source_tokens == ["</s>"]
    assert record.encoder.shape == (2, 3, 1, 1)
    assert teacher_forced_attention(model, tokenizer, [], []) == []


def test_no_sentence_is_cut(model, tokenizer):
    with pytest.raises(UserError, match="sentence b: the source has 101 tokens, the model 41 positions"):
        teacher_forced_attention(model, tokenizer, ["dog", "dog! " * 50], ["perro", "perro"], ids=["a", "b"])
    with pytest.raises(UserError, match=r"sentence 0: the target has \d+ tokens"):
        teacher_forced_attention(model, tokenizer, ["dog"], ["perro! " * 50])


def test_lists_that_do_not_pair_up_are_refused(model, tokenizer):
    with pytest.raises(UserError, match="3 sources, 2 targets and 3 ids"):
        teacher_forced_attention(model, tokenizer, SOURCES, TARGETS[:2])


def hypotheses_of(found, config):
    """Cut start marks and padding off what `generate` returned."""
    return [[i for i in row[1:].tolist() if i != config.pad_token_id] for row in found]


@torch.no_grad()
@pytest.mark.parametrize("num_beams", [1, 4])
def test_a_forced_pass_sees_what_the_search_saw(model, tokenizer, num_beams):
    """Every hypothesis, the rejected ones too, against the steps along its own path through the beam."""
    model.eval().set_attn_implementation("eager")
    batch = tokenizer(SOURCES, return_tensors="pt", padding=True)
    found = model.generate(
        **batch,
        num_beams=num_beams,
        num_return_sequences=num_beams,
        max_new_tokens=7,
        do_sample=False,
        return_dict_in_generate=True,
        output_attentions=True,
        output_scores=True,
    )
    hypotheses = hypotheses_of(found.sequences, model.config)
    sources = [source for source in SOURCES for _ in range(num_beams)]
    assert len({tuple(ids) for ids in hypotheses}) > len(SOURCES) or num_beams == 1
    assert any(tokenizer(tokenizer.decode(ids, skip_special_tokens=True)).input_ids != ids for ids in hypotheses)
    model.set_attn_implementation("sdpa")
    for i, maps in enumerate(teacher_forced_attention(model, tokenizer, sources, hypotheses)):
        assert maps.target_tokens == tokenizer.convert_ids_to_tokens(hypotheses[i])
        for step in range(len(hypotheses[i])):
            row = i if num_beams == 1 else int(found.beam_indices[i, step])  # the beam that the step read
            cross = torch.stack([layer[row, :, -1] for layer in found.cross_attentions[step]])
            decoder = torch.stack([layer[row, :, -1] for layer in found.decoder_attentions[step]])
            length = len(maps.source_tokens)
            np.testing.assert_allclose(maps.cross[:, :, step], cross[..., :length], atol=1e-5)
            np.testing.assert_allclose(maps.decoder[:, :, step, : step + 1], decoder, atol=1e-5)


def test_a_model_without_a_start_mark_is_refused(model, tokenizer):
    for config in (model.config, model.generation_config):
        config.decoder_start_token_id = config.bos_token_id = None
    with pytest.raises(UserError, match="has no decoder_start_token_id and no bos_token_id"):
        teacher_forced_attention(model, tokenizer, SOURCES, TARGETS)


def test_given_words_are_counted_as_given(model, tokenizer):
    words = [["The", "ball", "is", "bl", "ue."]]
    (maps,) = teacher_forced_attention(
        model, tokenizer, SOURCES[:1], TARGETS[:1], source_words=words, target_words=[["La bola", "azul"]]
    )
    assert [word.text for word in maps.source_words] == words[0]
    assert maps.words("cross").rows[:1] == ["La bola"]
    with pytest.raises(UserError, match="hypotheses have the words of their own text"):
        teacher_forced_attention(model, tokenizer, SOURCES[:1], [[5, 1]], target_words=[["a"]])


def test_unknown_places_are_refused(model, tokenizer):
    record = teacher_forced_attention(model, tokenizer, SOURCES, TARGETS)[0]
    for ask in (record.place, record.words, record.tokens):
        with pytest.raises(UserError, match="no place is called 'self'; choose from encoder, decoder, cross"):
            ask("self")
