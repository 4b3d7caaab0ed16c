"""What a conversion writes, what it refuses, and that it finds out where it went wrong."""

import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models import make_model
from stock_checkpoints import build, sentences
from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

from hf_attn_model import Checkpoint, UserError
from hf_attn_model.engines import convert, families
from hf_attn_model.text.tokenizer import train_tokenizer

TATOEBA = Path(__file__).parents[2] / "../shared/data/tatoeba_en-es/train.jsonl.gz"


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(sentences("en"), 311)


def save_ours(folder, tokenizer, **changes):
    """A checkpoint of ours with larger weights, which show."""
    sizes = {"vocab_size": len(tokenizer), "d_model": 30, "head_dim": None}
    model = make_model(**(sizes | changes))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def change_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def change_json(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def refusal(folder, to, out):
    with pytest.raises(UserError) as caught:
        convert(folder, to, out)
    assert not out.exists()
    assert not list(out.parent.glob("*unfinished*"))
    (line,) = str(caught.value).splitlines()
    return line


LEARNED = {"position_embedding": "learned", "position_offset": 2, "normalize_embedding": True}
REFUSED = [
    ({"position_embedding": "rotary"}, "pegasus", "position_embedding is rotary"),
    ({"position_embedding": "tensor2tensor", "position_offset": 2}, "pegasus", "position_embedding is tensor2tensor"),
    ({"norm_position": "post"}, "pegasus", "norm_position is post"),
    ({"norm_position": "pre"}, "marian", "norm_position is pre"),
    ({"head_dim": 11}, "pegasus", "head_dim is 11"),
    ({"position_offset": 3}, "pegasus", "position_offset is 3"),
    ({"normalize_embedding": True}, "pegasus", "normalize_embedding is True"),
    (LEARNED | {"normalize_embedding": False}, "mbart", "normalize_embedding is False"),
    (LEARNED | {"position_offset": 0}, "mbart", "position_offset is 0"),
    (LEARNED, "bart", "norm_position is pre"),
    ({"share_encoder_decoder_embeddings": False}, "pegasus", "share_encoder_decoder_embeddings is False"),
    (
        {"position_embedding": "tensor2tensor", "position_offset": 1, "decoder_start_token_id": 1, "logits_bias": True},
        "m2m_100",
        "logits_bias is True",
    ),
    ({"position_embedding": "tensor2tensor", "position_offset": 1}, "m2m_100", "decoder_start_token_id is 0"),
]


@pytest.mark.parametrize(("changes", "to", "message"), REFUSED, ids=[str(row[2]) for row in REFUSED])
def test_what_has_no_counterpart_is_refused_by_its_field(changes, to, message, tokenizer, tmp_path):
    folder = save_ours(tmp_path / "ours", tokenizer, **changes)
    line = refusal(folder, to, tmp_path / "out")
    assert line.startswith(f"cannot convert {folder} to {to}: {message}")


OURS = [
    ({"norm_position": "post"}, "marian"),
    ({"norm_position": "post", "share_encoder_decoder_embeddings": False, "logits_bias": True}, "marian"),
    ({"norm_position": "post", "tie_word_embeddings": False}, "marian"),
    ({"tie_word_embeddings": False}, "pegasus"),
    (LEARNED | {"norm_position": "post", "tie_word_embeddings": False}, "bart"),
    (LEARNED | {"logits_bias": True, "activation_function": "gelu"}, "mbart"),
    ({"position_embedding": "tensor2tensor", "position_offset": 1, "decoder_start_token_id": 1}, "m2m_100"),
]


@pytest.mark.parametrize(("changes", "to"), OURS, ids=[f"{to}-{next(reversed(changes))}" for changes, to in OURS])
def test_ours_go_out_and_come_back(changes, to, tokenizer, tmp_path):
    folder = save_ours(tmp_path / "ours", tokenizer, **changes)
    convert(folder, to, tmp_path / "stock")
    convert(tmp_path / "stock", "hf_attn", tmp_path / "back")
    models = [Checkpoint(each).model for each in (folder, tmp_path / "stock", tmp_path / "back")]
    batch = tokenizer(sentences("en")[:3], padding=True, return_tensors="pt")
    texts = [model.generate(**batch, num_beams=3, max_new_tokens=13, no_repeat_ngram_size=2) for model in models]
    assert torch.equal(texts[0], texts[1])
    assert torch.equal(texts[0], texts[2])
    ours, back = (model.config.to_dict() for model in (models[0], models[2]))
    assert {name for name in ours if ours[name] != back[name]} <= {"_name_or_path"}
    for name, weight in models[0].state_dict().items():
        assert torch.equal(models[2].state_dict()[name], weight), name


def test_what_is_no_translator_of_these_families_is_refused(tokenizer, tmp_path):
    T5ForConditionalGeneration(
        T5Config(vocab_size=37, d_model=12, d_kv=5, d_ff=13, num_layers=1, num_heads=2)
    ).save_pretrained(tmp_path / "t5")
    assert 'its model_type is "t5", which has no counterpart' in refusal(tmp_path / "t5", "hf_attn", tmp_path / "out")
    ours = save_ours(tmp_path / "ours", tokenizer)
    assert "it is that already" in refusal(ours, "hf_attn", tmp_path / "out")
    assert "choose from hf_attn, marian" in refusal(ours, "opus", tmp_path / "out")
    with pytest.raises(UserError, match="is not empty: choose another --out"):
        convert(ours, "pegasus", tmp_path / "t5")


def test_a_stock_checkpoint_becomes_no_other_stock_one(marian, tmp_path):
    assert "it is marian: convert it to hf_attn first" in refusal(marian, "pegasus", tmp_path / "out")


def test_a_field_that_stock_classes_do_not_translate_with_is_refused(marian, tmp_path):
    change_json(marian / "config.json", is_decoder=True)
    assert "is_decoder is True" in refusal(marian, "hf_attn", tmp_path / "out")


def test_a_value_that_our_configuration_does_not_know_is_refused(marian, tmp_path):
    change_json(marian / "config.json", dropout=1.0)
    assert "dropout must lie in [0, 1), got 1.0" in refusal(marian, "hf_attn", tmp_path / "out")


class TestWhatCannotBeShownEqual:
    """A conversion is no better than its checks: each of these faults is found by one of them."""

    def test_weights_that_are_no_numbers(self, marian, tmp_path):
        change_weights(marian, lambda weights: weights["model.decoder.layers.1.fc1.weight"].fill_(torch.nan))
        with pytest.raises(UserError):
            convert(marian, "hf_attn", tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_another_first_position(self, tmp_path, monkeypatch):
        monkeypatch.setitem(families.FAMILIES, "m2m_100", replace(families.FAMILIES["m2m_100"], position_offset=1))
        (tmp_path / "m2m").mkdir()
        build("m2m_100", tmp_path / "m2m")
        assert "encoder.embed_positions differs by 1.0e+00" in refusal(tmp_path / "m2m", "hf_attn", tmp_path / "out")

    def test_another_norm(self, tmp_path, monkeypatch):
        monkeypatch.setitem(families.FAMILIES, "mbart", replace(families.FAMILIES["mbart"], normalize_embedding=False))
        (tmp_path / "mbart").mkdir()
        build("mbart", tmp_path / "mbart")
        with pytest.raises(AssertionError, match="layernorm_embedding"):  # weights that find no place
            convert(tmp_path / "mbart", "hf_attn", tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_another_scale(self, marian, tmp_path, monkeypatch):
        monkeypatch.setattr(families, "SAME", tuple(name for name in families.SAME if name != "scale_embedding"))
        change_json(marian / "config.json", scale_embedding=False)
        assert "the logits of both models differ by" in refusal(marian, "hf_attn", tmp_path / "out")

    def test_distant_positions_that_are_no_sinusoids(self, marian, tmp_path):
        def change(weights):
            for side in ("encoder", "decoder"):
                name = f"model.{side}.embed_positions.weight"
                table = Checkpoint(marian).model.state_dict()[name].clone()
                table[61] += 0.01  # beyond the random ids that both read
                weights[name] = table

        change_weights(marian, change)
        assert "encoder.embed_positions differs by 1.0e-02" in refusal(marian, "hf_attn", tmp_path / "out")

    def test_a_tokenizer_that_saves_something_else(self, marian, tmp_path, monkeypatch):
        kind = type(AutoTokenizer.from_pretrained(marian))
        save = kind.save_pretrained

        def damaged(self, folder, **options):
            save(self, folder, **options)
            shutil.copyfile(Path(folder, "target.spm"), Path(folder, "source.spm"))

        monkeypatch.setattr(kind, "save_pretrained", damaged)
        assert "the tokenizer reads 'The ball is blue.' as other ids" in refusal(marian, "hf_attn", tmp_path / "out")


def test_tokenizers_read_alike(pair):
    """Hundreds of real sentences where there are some, on both sides of a translation."""
    if not TATOEBA.exists():
        pytest.skip("needs ../shared/data")
    with gzip.open(TATOEBA, "rt", encoding="utf-8") as file:
        rows = [json.loads(next(file))["translation"] for _ in range(150)]
    for tokenizer in pair.tokenizers:
        if getattr(tokenizer, "tgt_lang", "") is None:
            tokenizer.tgt_lang = "es"
    english, spanish = ([row[language] for row in rows] for language in ("en", "es"))
    stock, ours = (tokenizer(english, text_target=spanish) for tokenizer in pair.tokenizers)
    assert ours["input_ids"] == stock["input_ids"]
    assert ours["labels"] == stock["labels"]
    stock_texts, texts = (tokenizer.batch_decode(stock["labels"]) for tokenizer in pair.tokenizers)
    assert texts == stock_texts


def test_settings_of_the_search_come_along(pair):
    stock, ours = (model.generation_config.to_diff_dict() for model in pair.models)
    assert ours == stock
    assert pair.ours.num_beams == 3


def test_settings_of_the_search_that_lie_in_the_configuration_come_along(marian, tmp_path):
    """As in checkpoints from before there was a generation_config.json."""
    settings = json.loads((marian / "generation_config.json").read_text())
    (marian / "generation_config.json").unlink()
    searched = {name: settings[name] for name in ("num_beams", "bad_words_ids", "max_length", "forced_eos_token_id")}
    change_json(marian / "config.json", **searched)
    convert(marian, "hf_attn", tmp_path / "out")
    stock, ours = Checkpoint(marian), Checkpoint(tmp_path / "out")
    batch = stock.tokenizer(sentences("en")[:5], padding=True, return_tensors="pt")
    text = stock.model.generate(**batch)
    assert torch.equal(ours.model.generate(**batch), text)
    assert (text[:, 22] == 0).any()  # the last token that fits is forced to be the end


def test_the_note_says_what_was_converted_and_how_it_was_checked(pair):
    note = json.loads((pair.folder / "conversion.json").read_text())
    assert note["from"]["name"] == "stock"
    assert list(note["from"]["sha256"]) == ["model.safetensors"]
    assert note["to"] == {"model_type": "hf_attn"}
    assert note["checked"]["largest_difference"] <= 1e-5 < 2 < note["checked"]["largest_logit"]
    left = {"encoder_layerdrop": 0.05, "decoder_layerdrop": 0.05} if note["from"]["model_type"] == "m2m_100" else {}
    assert note["left_behind"] == left
    told = "; without encoder_layerdrop=0.05 and decoder_layerdrop=0.05, of trainings alone"
    assert str(pair.conversion).endswith(told) == bool(left)
    assert str(pair.folder.parent) not in "".join(path.read_text() for path in pair.folder.glob("*.json"))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_checkpoint_in_another_precision_stays_so_and_is_exact(dtype, tmp_path):
    (tmp_path / "m2m").mkdir()
    model = build("m2m_100", tmp_path / "m2m").to(dtype)
    model.model.decoder.layers[1].fc1.bias.data.add_(1e-9)  # that float32 rounds away
    model.save_pretrained(tmp_path / "m2m")
    assert convert(tmp_path / "m2m", "hf_attn", tmp_path / "out").agreement.largest_difference <= 1e-5
    weights = load_file(tmp_path / "out" / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {dtype}
    for name, weight in load_file(tmp_path / "m2m" / "model.safetensors").items():
        assert torch.equal(weights[name], weight)


def test_weights_are_not_rounded_to_what_the_configuration_says_of_them(marian, tmp_path):
    change_json(marian / "config.json", dtype="float16")
    convert(marian, "hf_attn", tmp_path / "out")
    assert load_file(tmp_path / "out" / "model.safetensors")["model.shared.weight"].dtype == torch.float32


def test_a_start_mark_that_only_the_search_knows_is_known_to_trainings(tmp_path):
    (tmp_path / "mbart").mkdir()
    build("mbart", tmp_path / "mbart", decoder_start_token_id=None)
    convert(tmp_path / "mbart", "hf_attn", tmp_path / "out")
    assert Checkpoint(tmp_path / "out").model.config.decoder_start_token_id == 2


def test_untied_embeddings_are_kept_apart(tmp_path):
    (tmp_path / "bart").mkdir()
    build("bart", tmp_path / "bart", tie_word_embeddings=False)
    convert(tmp_path / "bart", "hf_attn", tmp_path / "out")
    config = Checkpoint(tmp_path / "out").model.config
    assert not config.share_encoder_decoder_embeddings
    assert not config.tie_word_embeddings
    assert config.decoder_vocab_size == config.vocab_size


def test_a_bias_of_zeros_is_left_out(marian, tmp_path):
    change_weights(marian, lambda weights: weights["final_logits_bias"].zero_())
    convert(marian, "hf_attn", tmp_path / "out")
    assert not Checkpoint(tmp_path / "out").model.config.logits_bias
    convert(tmp_path / "out", "marian", tmp_path / "back")
    assert not load_file(tmp_path / "back" / "model.safetensors")["final_logits_bias"].any()


def test_the_packed_translator_goes_out_with_what_lies_beside_it(hf_attn_in, tmp_path):
    out = hf_attn_in("convert", "textbook", "--to", "pegasus", "--out", tmp_path / "pegasus")
    assert out.splitlines()[0].startswith(
        f"{tmp_path / 'pegasus'}: hf_attn -> pegasus; logits of 5 random pairs differ"
    )
    stock = Checkpoint(tmp_path / "pegasus")
    assert type(stock.model).__name__ == "PegasusForConditionalGeneration"
    assert (stock.source_lang, stock.target_lang, stock.num_beams) == ("en", "es", 1)
    assert stock.alignment == Checkpoint("textbook").alignment
    assert json.loads((tmp_path / "pegasus" / "conversion.json").read_text())["from"]["name"] == "textbook"
    assert hf_attn_in("translate", tmp_path / "pegasus", "The ball is blue") == "La bola es azul\n"


@pytest.fixture
def hf_attn_in(capsys):
    from hf_attn_model.cli import main

    def run(*arguments):
        assert main([str(each) for each in arguments]) == 0
        return capsys.readouterr().out

    return run
