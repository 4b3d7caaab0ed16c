"""Where attention is found in a model, and what is refused because it does not fit its place."""

import pytest
import torch
from families import PAD, B, S, T, build, make_batch
from foreign_models import build as build_foreign
from foreign_models import make_batch as make_foreign_batch
from foreign_models import make_target
from transformers import GPT2Config, GPT2Model, WhisperForConditionalGeneration

from hf_attn_model.alignment.cross_attention import read_cross_attention
from hf_attn_model.alignment.pairs import Pair
from hf_attn_model.attention.intervene import intervene
from hf_attn_model.attention.modules import attention_modules, place_in
from hf_attn_model.attention.places import PLACES
from hf_attn_model.attention.record import record_attention
from hf_attn_model.attention.teacher_forcing import teacher_forced_attention
from hf_attn_model.errors import UserError
from hf_attn_model.export.arrow_rows import check_rebuildable
from hf_attn_model.export.export import export_attention
from hf_attn_model.export.store import open_maps
from hf_attn_model.text.tokenizer import train_tokenizer


@pytest.mark.parametrize(
    ("stack", "path", "expected"),
    [
        ("encoder", "layers.3.self_attn", ("encoder", 3)),
        ("decoder", "layers.2.self_attn", ("decoder", 2)),
        ("decoder", "layers.11.encoder_attn", ("cross", 11)),
        ("decoder", "block.5.layer.1.EncDecAttention", ("cross", 5)),
        ("decoder", "bert.encoder.layer.0.attention.self", ("decoder", 0)),
        ("decoder", "bert.encoder.layer.0.crossattention.self", ("cross", 0)),
        ("decoder", "transformer.h.7.crossattention", ("cross", 7)),
        ("decoder", "layer.4.encoder_decoder_attention.attention", ("cross", 4)),
        ("encoder", "layer.1.encoder_attention", ("encoder", 1)),
        ("encoder", "pooler.attention", None),
    ],
)
def test_the_place_is_read_from_all_names_behind_the_layer_number(stack, path, expected):
    assert place_in(stack, path) == expected


def test_a_bert_decoder_is_no_cross_attention():
    """With as many target as source tokens nothing but the names tells the two apart."""
    model = build_foreign("EncoderDecoderModel(bert, bert)")
    ids = torch.randint(3, 37, (B, T))
    with torch.no_grad(), record_attention(model) as record:
        model(input_ids=ids, decoder_input_ids=ids)
    first_row = record[0].decoder[0].attention_weights[:, 0]
    torch.testing.assert_close(first_row, torch.eye(T, dtype=torch.float64)[:1].expand(4, T))
    assert record.forwards[0].layers("cross") == [0, 1]
    assert (record[0].cross[0].attention_weights[:, 0, 1:] > 0).all()


def test_two_modules_of_one_place_and_layer_are_refused_where_both_are_called():
    model, batch = build("bart"), make_batch("right")
    twin = model.model.encoder.layers[0].self_attn
    model.model.encoder.layers = torch.nn.ModuleList([model.model.encoder.layers[0], _Twice(twin)])
    refused = pytest.raises(
        UserError, match="BartForConditionalGeneration: encoder layer 1 attends twice in one pass, as BartAtt"
    )
    with refused, record_attention(model):
        model(**batch)
    with record_attention(model, places=["decoder", "cross"]) as record:
        model(**batch)
    assert len(record) == B


class _Twice(torch.nn.Module):
    """A layer that attends twice."""

    def __init__(self, attention):
        super().__init__()
        self.first, self.second = type(attention)(12, 3), type(attention)(12, 3)
        self.first.config = self.second.config = attention.config

    def forward(self, states, mask=None, **kwargs):
        return self.second(self.first(states, attention_mask=mask)[0], attention_mask=mask)[0]


def test_a_module_that_serves_several_layers_is_refused():
    model = build_foreign("EncoderDecoderModel(albert, bert)")  # all layers of Albert are one
    ids = torch.randint(3, 37, (B, T))
    refused = pytest.raises(
        UserError, match="encoder layer 0 attends twice in one pass, as AlbertAttention and AlbertA"
    )
    with refused, record_attention(model):
        model(input_ids=ids, decoder_input_ids=ids)


def test_decoder_keys_that_stand_for_no_target_token_are_refused(monkeypatch):
    """As where the names of cross-attention say nothing of it."""
    monkeypatch.setattr(
        "hf_attn_model.attention.modules.place_in",
        lambda stack, path: {"self_attn": ("cross", 0), "encoder_attn": ("decoder", 0)}.get(path.rpartition(".")[2]),
    )
    model, batch = build("bart"), make_batch("right")
    refused = pytest.raises(UserError, match="decoder layer 0 has 7 keys for 5 positions of the target")
    with refused, record_attention(model, places=["decoder"]):
        model(**batch)
    refused = pytest.raises(UserError, match="cross layer 0 has 5 keys for 7 positions of the source")
    with refused, record_attention(model, places=["cross"]):
        model.model.decoder(
            inputs_embeds=torch.randn(B, T, 12), encoder_hidden_states=torch.randn(B, S, 12), use_cache=False
        )


def test_an_attention_module_that_is_not_heard_is_refused():
    model, batch = build("bart"), make_batch("right")
    attention = model.model.decoder.layers[2].encoder_attn
    attention.forward = lambda hidden_states, **options: (hidden_states, None)
    refused = pytest.raises(UserError, match=r"cross layer 2 \(BartAttention\) computes its attention outside")
    with refused, record_attention(model):
        model(**batch)
    with record_attention(model, layers=[0, 1]) as record:  # it is not asked for
        model(**batch)
    assert record.forwards[0].layers("cross") == [0, 1]
    refused = pytest.raises(UserError, match="cross heads cannot be changed: BartAttention computes")
    with refused, intervene(model, [("cross", 2, 0)]):
        model(**batch)


def test_a_mask_of_another_length_says_nothing_of_the_keys():
    """Whisper takes a mask over mel frames, and attends to all of its half as many positions."""
    kind = "WhisperForConditionalGeneration"
    model = build_foreign(kind)
    assert isinstance(model, WhisperForConditionalGeneration)
    batch = make_foreign_batch(kind, model, "right") | make_target(kind, model, "right")
    with torch.no_grad(), record_attention(model) as record:
        model(**batch)
    assert batch["attention_mask"].shape[1] == 128
    for sentence in range(B):
        weights = record[sentence].cross.attention_weights
        assert weights.shape[-1] == 64
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1], dtype=torch.float64))
    with torch.no_grad(), record_attention(model) as record:
        model(**batch | {"attention_mask": torch.zeros(B, 64, dtype=torch.long)})  # of that length, and not looked at
    assert record[1].encoder.attention_weights.shape[-1] == 64


def test_one_softmax_over_two_places_is_split():
    kind = "T5Gemma2ForConditionalGeneration"
    model = build_foreign(kind)
    batch = make_foreign_batch(kind, model, "left") | make_target(kind, model, "right")
    with torch.no_grad(), record_attention(model, keep=("query", "key", "value"), heads=[1, 3]) as record:
        model(**batch)
    for sentence in range(B):
        own, source = record[sentence].decoder[1], record[sentence].cross[1]
        together = own.attention_weights.sum(-1) + source.attention_weights.sum(-1)
        torch.testing.assert_close(together, torch.ones_like(together))
        assert (own.attention_weights.sum(-1) < 0.999).all()
        assert own.value.shape[1] == own.attention_weights.shape[-1]
    with pytest.raises(UserError, match="queries and keys do not tell the weights"):
        check_rebuildable(record.forwards[0], model)
    with pytest.raises(UserError, match="attends to source and target at once"), intervene(model, [("cross", 0, 0)]):
        pass


def test_scores_are_capped_once():
    model = build_foreign("T5GemmaForConditionalGeneration(sliding)")
    kind = "T5GemmaForConditionalGeneration"
    batch = make_foreign_batch(kind, model, None) | make_target(kind, model, None)
    with torch.no_grad(), record_attention(model) as record:
        model(**batch)
    steps = record[0].cross[0]
    products = steps.query @ steps.key.mT * steps.scaling
    torch.testing.assert_close(steps.scores, 2 * torch.tanh(products / 2))
    assert (products.abs() > 2).any()
    assert not record.forwards[0].tells_vectors("cross")


def test_of_weights_alone_there_are_no_other_steps():
    kind = "FSMTForConditionalGeneration"
    model = build_foreign(kind)
    batch = make_foreign_batch(kind, model, "right") | make_target(kind, model, "right")
    with torch.no_grad(), record_attention(model, heads=[2]) as record:
        model(**batch)
    steps = record[1].cross[1, 2]
    assert steps.attention_weights.shape == (T - 2, S - 3)
    for step in ("query", "key", "value", "scores", "context"):
        with pytest.raises(UserError, match="was recorded: the model gives its weights alone"):
            getattr(steps, step)
    with pytest.raises(UserError, match="gives its attention weights alone: keep weights"):
        check_rebuildable(record.forwards[0], model)
    with pytest.raises(UserError, match="there is no head 4"), record_attention(model, heads=[4]):
        model(**batch)
    refused = pytest.raises(
        UserError, match="encoder heads cannot be changed: Attention computes its attention outside"
    )
    with refused, intervene(model, [("encoder", 0, 0)]):
        pass


def test_weights_after_dropout_are_refused():
    kind = "BigBirdPegasusForConditionalGeneration(original_full)"
    model = build_foreign(kind)
    batch = make_foreign_batch(kind, model, None) | make_target(kind, model, None)
    model.model.encoder.layers[0].self_attn.self.dropout.p = 0.5
    refused = pytest.raises(UserError, match=r"encoder layer 0 .* returns no weights from before dropout")
    with refused, record_attention(model):
        model.train()(**batch)


def test_an_encoder_that_attends_among_fewer_positions_than_it_hands_on_is_refused():
    model, batch = build("bart"), make_batch("right")
    layer = model.model.encoder.layers[1]
    by_halves = layer.self_attn.forward

    def attend(hidden_states, attention_mask=None, **options):  # two windows, as if they were sentences
        windows = torch.cat([hidden_states[:, :4], hidden_states[:, 3:]])
        output = by_halves(windows, attention_mask=None)[0]
        return torch.cat([output[:B], output[B:, 1:]], dim=1), None

    layer.self_attn.forward = attend
    refused = pytest.raises(UserError, match="encoder layer 1 has maps of 4 by 4 positions, where 7 are handed on")
    with refused, record_attention(model):
        model(**batch)
    with record_attention(model, places=["cross"]) as record:
        model(**batch)
    assert record.forwards[0].layers("cross") == [0, 1, 2]


def test_no_head_is_uniform_under_a_mask_that_adds_to_the_scores():
    kind = "CanaryForConditionalGeneration"
    model = build_foreign(kind)
    batch = make_foreign_batch(kind, model, None) | make_target(kind, model, None)
    refused = pytest.raises(UserError, match="ParakeetEncoderAttention adds to its scores within the mask")
    with refused, intervene(model, [("encoder", 0, 0)]):
        model(**batch)
    with intervene(model, [("encoder", 0, 0)], mode="zero"):
        model(**batch)


def test_one_stack_is_no_translator():
    gpt = GPT2Model(GPT2Config(n_embd=12, n_layer=1, n_head=3, vocab_size=37))
    with pytest.raises(UserError, match="GPT2Model has no encoder and decoder to record: it is one stack of layers"):
        attention_modules(gpt)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("Speech2TextForConditionalGeneration", "frame"), ("VisionEncoderDecoderModel(vit, gpt2)", "patch")],
)
def test_positions_of_a_source_that_is_no_text_are_numbered(kind, name):
    model, tokenizer = build_foreign(kind), train_tokenizer(["la bola azul"] * 3, vocab_size=270)
    sources = make_foreign_batch(kind, model, "right")
    resized = model if hasattr(model, "lm_head") else model.decoder
    resized.resize_token_embeddings(len(tokenizer))
    maps = teacher_forced_attention(model, tokenizer, sources, ["la bola", "bola"])
    assert len(maps[0].source_tokens) >= len(maps[1].source_tokens) > 1
    for of in maps:
        assert of.source_tokens[:2] == [f"{name} 0", f"{name} 1"]
        assert of.tokens("cross").columns == of.words("cross").columns == of.source_tokens
        assert [of.source[word.start : word.end] for word in of.source_words] == of.source_tokens
        torch.testing.assert_close(torch.tensor(of.cross).sum(-1), torch.ones(of.cross.shape[:-1], dtype=torch.float64))
    with pytest.raises(UserError, match=f"{type(model).__name__} does not read text but {model.main_input_name}"):
        teacher_forced_attention(model, tokenizer, ["the ball"], ["la bola"])


def test_places_are_chosen_for_a_teacher_forced_pass():
    kind = "LEDForConditionalGeneration"
    model, tokenizer = build_foreign(kind), train_tokenizer(["la bola azul"] * 3, vocab_size=270)
    model.resize_token_embeddings(len(tokenizer))
    (maps,) = teacher_forced_attention(model, tokenizer, ["azul"], ["la bola"], places=["cross", "decoder"])
    assert maps.places == ["decoder", "cross"]
    with pytest.raises(
        UserError, match=r"encoder attention cannot be recorded: .*choose among the other places: decoder, cross"
    ):
        teacher_forced_attention(model, tokenizer, ["azul"], ["la bola"])


def test_a_start_mark_may_be_called_bos():
    model, tokenizer = build("bart"), train_tokenizer(["la bola azul"] * 3, vocab_size=270)
    model.resize_token_embeddings(len(tokenizer))
    (expected,) = teacher_forced_attention(model, tokenizer, ["azul"], ["la bola"])
    for config in (model.config, model.generation_config):
        config.decoder_start_token_id, config.bos_token_id = None, PAD
        config.pad_token_id = None
    (maps,) = teacher_forced_attention(model, tokenizer, ["azul"], ["la bola"])
    for place in PLACES:
        torch.testing.assert_close(torch.tensor(maps.place(place)), torch.tensor(expected.place(place)))


@pytest.mark.parametrize("kind", ["LEDForConditionalGeneration", "T5Gemma2ForConditionalGeneration"])
def test_what_is_recorded_is_exported_and_aligned(kind, tmp_path):
    """Weights alone, and those of one softmax over two places."""
    model, tokenizer = build_foreign(kind), train_tokenizer(["la bola azul", "the blue ball"] * 3, vocab_size=280)
    model.resize_token_embeddings(len(tokenizer))
    places, pairs = ["decoder", "cross"], [("the blue ball", "la bola"), ("ball", "bola")]
    expected = teacher_forced_attention(model, tokenizer, *zip(*pairs, strict=True), places=places)
    aligned = read_cross_attention(model, tokenizer, [Pair(*pair) for pair in pairs])
    for keep in ("weights", "top-2"):
        export_attention(model, tokenizer, pairs, tmp_path / keep, places=places, keep=keep)
        for stored, maps in zip(open_maps(tmp_path / keep), expected, strict=True):
            for place in places:
                found, weights = stored.place(place).astype(float), maps.place(place)
                if keep == "weights":
                    assert abs(found - weights).max() < 2**-10
                else:  # and what is not among the strongest
                    rest = getattr(stored, place).columns[f"{place}_rest"].reshape(weights.shape[:-1])
                    assert abs(found.sum(-1) + rest - weights.sum(-1)).max() < 2**-8
    for read, maps in zip(aligned, expected, strict=True):
        assert abs(read.weights - maps.cross).max() < 1e-6
