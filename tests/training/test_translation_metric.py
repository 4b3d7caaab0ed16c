from pathlib import Path

import evaluate
import pytest
import sacrebleu
from processes import python
from sacrebleu.metrics import BLEU, CHRF

import hf_attn_model.training.metrics
from hf_attn_model.errors import UserError
from hf_attn_model.training.metrics import load_translation_metric
from hf_attn_model.training.metrics.tokenized import tokenized_bleu

SCRIPT = Path(hf_attn_model.training.metrics.__file__).with_name("translation") / "translation.py"

PREDICTIONS = ["The ball is blue and round.", "a Dog runs very fast today", "I love my dog, he said."]
REFERENCES = ["The ball is blue and red.", "A dog runs very fast today.", "I love my cat , he said."]
CHINESE = ["我喜歡我的狗。", "球是藍色的和圓的。"], ["我喜歡我的貓。", "球是紅色的和圓的。"]


@pytest.mark.parametrize("lowercase", [False, True])
def test_scores_and_signatures_are_sacrebleus(lowercase):
    result = load_translation_metric().compute(
        predictions=PREDICTIONS, references=REFERENCES, target_lang="en", lowercase=lowercase
    )
    bleu, chrf = BLEU(tokenize="13a", lowercase=lowercase), CHRF(lowercase=lowercase)
    tokenized, tokenized_signature = tokenized_bleu(PREDICTIONS, [REFERENCES], "en")
    assert result == {
        "bleu": bleu.corpus_score(PREDICTIONS, [REFERENCES]).score,
        "bleu_signature": str(bleu.get_signature()),
        "chrf": chrf.corpus_score(PREDICTIONS, [REFERENCES]).score,
        "chrf_signature": str(chrf.get_signature()),
        "tokenized_bleu": tokenized,
        "tokenized_bleu_signature": tokenized_signature,
    }
    assert 0 < result["bleu"] < 100


@pytest.mark.parametrize("target_lang", ["zh", "zh-TW", "zh_Hans", "cmn", "zho", "zho_Hans", "zh_CN", "yue"])
def test_chinese_is_compared_by_character(target_lang):
    predictions, references = CHINESE
    result = load_translation_metric().compute(predictions=predictions, references=references, target_lang=target_lang)
    assert result["bleu"] == sacrebleu.corpus_bleu(predictions, [references], tokenize="zh").score > 0
    assert "|tok:zh|" in result["bleu_signature"]


@pytest.mark.parametrize(("target_lang", "named"), [("th", "for 'th'"), ("", "without a target language")])
def test_a_script_without_spaces_is_not_compared_by_spaces_in_silence(target_lang, named):
    texts = ["สุนัขสีดำดื่มนม", "ลูกบอลเป็นสีฟ้า 3 ABC"] if target_lang else CHINESE[1]
    with pytest.warns(UserWarning, match=rf"BLEU {named} splits words at spaces \(13a\)"):
        load_translation_metric().compute(predictions=texts, references=texts, target_lang=target_lang)


def test_moses_knows_a_language_by_any_code():
    scores = [
        load_translation_metric().compute(predictions=PREDICTIONS, references=REFERENCES, target_lang=code)
        for code in ("de", "deu", "de_DE", "deu_Latn")
    ]
    assert "moses:lc.norm.tok-de|" in scores[0]["tokenized_bleu_signature"]
    assert scores == scores[:1] * 4


def test_several_references_and_fewer_for_some():
    second = ["The ball is blue and round!", None, "I love my dog, she said."]
    grouped = [[first] if other is None else [first, other] for first, other in zip(REFERENCES, second, strict=True)]
    result = load_translation_metric().compute(predictions=PREDICTIONS, references=grouped)
    assert result["bleu"] == sacrebleu.corpus_bleu(PREDICTIONS, [REFERENCES, second]).score
    assert result["chrf"] == sacrebleu.corpus_chrf(PREDICTIONS, [REFERENCES, second]).score
    assert "nrefs:var" in result["bleu_signature"]


def test_a_sentence_without_reference_is_refused():
    with pytest.raises(UserError, match="sentence 2 has no reference"):
        load_translation_metric().compute(predictions=PREDICTIONS[:2], references=[["a"], []])


def test_a_tokenizer_that_is_not_installed_is_one_line(monkeypatch):
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ja_mecab.MeCab", None)
    with pytest.raises(UserError, match=r"BLEU for 'ja': .*sacrebleu\[ja\]") as caught:
        load_translation_metric().compute(predictions=["犬"], references=["犬"], target_lang="ja")
    assert "\n" not in str(caught.value)


def test_two_metrics_at_once_keep_to_themselves_and_off_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", tmp_path)
    one, other = load_translation_metric(), load_translation_metric()
    one.add_batch(predictions=PREDICTIONS, references=REFERENCES)
    other.add_batch(predictions=REFERENCES, references=REFERENCES)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert other.compute()["bleu"] == pytest.approx(100)
    assert one.compute()["bleu"] == sacrebleu.corpus_bleu(PREDICTIONS, [REFERENCES]).score


def test_an_edited_script_is_picked_up(tmp_path):
    copy = tmp_path / "translation" / "translation.py"
    copy.parent.mkdir()
    copy.write_text(SCRIPT.read_text(encoding="utf-8"), encoding="utf-8")
    assert "13a" in evaluate.load(str(copy)).inputs_description
    copy.write_text(SCRIPT.read_text(encoding="utf-8").replace("13a", "14b"), encoding="utf-8")
    assert "14b" in evaluate.load(str(copy)).inputs_description


def test_it_loads_in_a_fresh_process_without_any_socket(tmp_path):
    script = (
        "import socket\n"
        "def refuse(*args, **kwargs): raise AssertionError('the network was used')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from hf_attn_model.training.metrics import load_translation_metric\n"
        "print(load_translation_metric().compute(predictions=['a b c d'], references=['a b c d'])['chrf'])"
    )
    environment = {"HF_HOME": tmp_path, "HF_HUB_OFFLINE": "1", "HF_EVALUATE_OFFLINE": "1"}
    done = python("-c", script, env=environment, bare=True)
    assert done.stdout == "100.0\n", done.stderr
