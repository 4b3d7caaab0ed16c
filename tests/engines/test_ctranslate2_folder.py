"""A folder for CTranslate2: what lies in it, how it is checked, and that it is a translator of its own."""

import json
import shutil

import pytest
import torch
from ctranslate2.converters import TransformersConverter
from stock_checkpoints import build

from hf_attn_model import AlignmentConfig, Checkpoint, UserError, load_translator
from hf_attn_model.checkpoint.alignment_config import save_alignment
from hf_attn_model.checkpoint.checkpoint import TEXTBOOK_FOLDER
from hf_attn_model.engines import ctranslate2_folder
from hf_attn_model.engines.choice import choose_engine, open_translator
from hf_attn_model.engines.ctranslate2 import load_engine, vocabularies
from hf_attn_model.engines.ctranslate2_folder import Agreement, ConvertedFolder, convert_for_ctranslate2
from hf_attn_model.translation import SearchSettings, translate

TEXTS = ["The ball is blue", "", "I love my dog"]


@pytest.fixture(autouse=True)
def few_sentences(monkeypatch):
    monkeypatch.setattr(ctranslate2_folder, "SENTENCES", 13)


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """The translator of the package, with two heads of one layer that align."""
    folder = tmp_path_factory.mktemp("origin") / "textbook"
    shutil.copytree(TEXTBOOK_FOLDER, folder)
    save_alignment(folder, AlignmentConfig(heads=((1, 2), (1, 3))), [], {})
    return folder


@pytest.fixture(scope="module")
def converted(origin, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ctranslate2_folder, "SENTENCES", 13)
        return convert_for_ctranslate2(Checkpoint(origin), tmp_path_factory.mktemp("converted") / "ct2")


def test_the_folder_says_what_it_is(converted):
    names = {path.name for path in converted.folder.iterdir()}
    assert names >= {"model.bin", "config.json", "model_config.json", "generation_config.json", "tokenizer.json"}
    assert names >= {"recipe.yaml", "alignment.json", "conversion.json"}
    facts = json.loads((converted.folder / "conversion.json").read_text())
    assert facts["from"]["name"] == "textbook"
    assert facts["to"] == {
        "engine": "ctranslate2",
        "quantization": None,
        "aligning": {"layer": 1, "heads": [2, 3]},
    }
    assert facts["checked"].pop("largest_difference") < 1e-4
    assert facts["checked"] == {"sentences": 13, "equal": 13, "ties": 0}
    assert "13 of 13 translations are equal, log-probabilities differ by at most" in str(converted)


def test_it_translates_as_its_origin_does(converted, origin):
    checkpoint = open_translator(converted.folder)
    assert isinstance(checkpoint, ConvertedFolder)
    assert (checkpoint.source_lang, checkpoint.target_lang, checkpoint.num_beams) == ("en", "es", 1)
    assert {parameter.device.type for parameter in checkpoint.model.parameters()} == {"meta"}
    found = translate(checkpoint.model, checkpoint.tokenizer, TEXTS, engine=checkpoint.engine)
    assert found == translate(*load_translator(origin), TEXTS)


def test_transformers_loads_nothing_from_it(converted):
    for refused in (Checkpoint(converted.folder).check, lambda: load_translator(converted.folder)):
        with pytest.raises(
            UserError, match=r"is for CTranslate2: hf-attn translate, evaluate and align run it, .* textbook$"
        ):
            refused()
    with pytest.raises(UserError, match=r"--engine transformers: .* is for CTranslate2"):
        choose_engine(ConvertedFolder(converted.folder), SearchSettings(), "transformers")


def test_ctranslate2s_own_converter_writes_the_same_model(converted, origin, tmp_path):
    TransformersConverter(str(origin)).convert(tmp_path / "stock")
    assert (tmp_path / "stock" / "model.bin").read_bytes() == (converted.folder / "model.bin").read_bytes()
    source, target = vocabularies(Checkpoint(origin).model.config, Checkpoint(origin).tokenizer)
    tokens = Checkpoint(origin).tokenizer("I love my dog")["input_ids"]
    (found,) = load_engine(tmp_path / "stock").translate_batch([[source[i] for i in tokens]], beam_size=1)
    assert set(found.hypotheses[0]) <= set(target)


def test_stock_classes_convert_and_translate(tmp_path):
    for name in ("marian-two", "m2m_100"):
        folder = tmp_path / name
        folder.mkdir()
        build(name, folder)
        done = convert_for_ctranslate2(Checkpoint(folder), tmp_path / f"{name}-ct2")
        assert done.agreement.equal + done.agreement.ties == 13
        checkpoint = open_translator(done.folder)
        if name == "m2m_100":
            checkpoint.set_languages("en", "es")
        assert len(translate(checkpoint.model, checkpoint.tokenizer, TEXTS, num_beams=1, engine=checkpoint.engine)) == 3


def test_what_a_quantisation_changes_is_told_and_not_refused(origin, tmp_path):
    done = convert_for_ctranslate2(Checkpoint(origin), tmp_path / "ct2", "int8")
    assert 1e-4 < done.agreement.largest_difference < 1
    assert done.agreement.equal >= 10
    assert "int8; " in str(done)
    numbers = sum(parameter.numel() for parameter in Checkpoint(origin).model.parameters())
    assert (tmp_path / "ct2" / "model.bin").stat().st_size < 2.2 * numbers
    with pytest.raises(UserError, match="no quantization is called int3: choose from int8"):
        convert_for_ctranslate2(Checkpoint(origin), tmp_path / "other", "int3")


def test_a_model_that_does_not_compute_the_same_is_not_written(origin, tmp_path, monkeypatch):
    written = ctranslate2_folder.write_model

    def wrongly(model, *rest):
        model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight * 1.01)
        written(model, *rest)
        model.tie_weights()

    monkeypatch.setattr(ctranslate2_folder, "write_model", wrongly)
    with pytest.raises(UserError, match=r"cannot convert .* CTranslate2 does not compute the same: "):
        convert_for_ctranslate2(Checkpoint(origin), tmp_path / "ct2")
    assert list(tmp_path.iterdir()) == [] or not (tmp_path / "ct2").exists()


def test_ties_are_told():
    text = "11 of 13 translations are equal (2 more but for a tie), log-probabilities differ by at most 2.0e-06"
    assert str(Agreement(13, 11, 2, 2e-6)) == text


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("model.bin", b"nothing", "CTranslate2 cannot load"),
        ("model_config.json", b"{}", "cannot load a translator from"),
        ("model_config.json", b"[", "model_config.json"),
        ("conversion.json", b'{"to": {"engine": "ctranslate2", "aligning": {"layer": 1}}}', "are no heads"),
        ("conversion.json", b"{", "conversion.json"),
        ("generation_config.json", b"{", "cannot load a translator from"),
    ],
)
def test_damage_is_found(converted, tmp_path, file, content, why):
    folder = tmp_path / "ct2"
    shutil.copytree(converted.folder, folder)
    (folder / file).write_bytes(content)
    with pytest.raises(UserError, match=why):
        open_translator(folder).engine  # noqa: B018
