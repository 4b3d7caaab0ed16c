"""Lowercased, tokenised BLEU against n-grams counted here, on text prepared by hand by the rules of Moses."""

import math
from collections import Counter
from importlib.metadata import version

import pytest
import sacrebleu

from hf_attn_model.training.metrics.tokenized import MosesPreparation, tokenized_bleu

BY_HAND = {  # written sentence -> tokens
    "de": [
        (
            "Ein Boot namens „Corazón“ lässt T-Shirts – u.a. rote – für 2,50 Euro ins Wasser.",
            "ein boot namens &quot; corazón &quot; lässt t-shirts - u.a. rote - für 2,50 euro ins wasser .",
        ),
        (
            "Zwei Hunde (ein brauner, ein weißer) laufen über den Sand … schnell!",
            "zwei hunde ( ein brauner , ein weißer ) laufen über den sand ... schnell !",
        ),
    ],
    "fr": [
        (
            "L’homme n'a pas d’argent ; « Aujourd'hui » non plus.",
            "l&apos; homme n&apos; a pas d&apos; argent ; &quot; aujourd&apos; hui &quot; non plus .",
        ),
        ("l’été", "l &quot; été"),  # to the scripts an é is no letter: the published files have it so
    ],
    "en": [("The Dog doesn't run.", "the dog doesn &apos;t run .")],
}
PREDICTIONS = [
    "ein Boot namens „corazón“ lässt rote T-Shirts für 2,50 Euro ins Wasser!",
    "Zwei Hunde (ein weißer, ein brauner) laufen über den Sand",
]
TOKENS = [
    "ein boot namens &quot; corazón &quot; lässt rote t-shirts für 2,50 euro ins wasser !",
    "zwei hunde ( ein weißer , ein brauner ) laufen über den sand",
]


def count_ngrams(tokens, n):
    return Counter(tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1))


def corpus_bleu(hypotheses, references):
    """BLEU by its definition (Papineni et al., 2002, section 2.3), with as many references as a sentence has."""
    hypotheses = [line.split() for line in hypotheses]
    references = [[line.split() for line in lines] for lines in references]
    logarithms = []
    for n in range(1, 5):
        matched = total = 0
        for hypothesis, those in zip(hypotheses, references, strict=True):
            most = Counter()
            for reference in those:
                most |= count_ngrams(reference, n)
            found = count_ngrams(hypothesis, n)
            matched += (found & most).total()
            total += found.total()
        logarithms.append(math.log(matched / total))
    length = sum(map(len, hypotheses))
    closest = sum(
        min((abs(len(reference) - len(hypothesis)), len(reference)) for reference in those)[1]
        for hypothesis, those in zip(hypotheses, references, strict=True)
    )
    return 100 * min(1, math.exp(1 - closest / length)) * math.exp(sum(logarithms) / 4)


@pytest.mark.parametrize("language", BY_HAND)
def test_text_is_prepared_as_moses_does(language):
    prepare = MosesPreparation(language)
    for text, tokens in BY_HAND[language]:
        assert prepare(text) == tokens


def test_the_score_is_that_of_ngrams_counted_by_hand():
    texts, tokens = zip(*BY_HAND["de"], strict=True)
    score, _ = tokenized_bleu(PREDICTIONS, [texts], "de")
    assert score == pytest.approx(corpus_bleu(TOKENS, [[line] for line in tokens]))
    assert 0 < score < 100


def test_several_references_and_fewer_for_some():
    texts, tokens = zip(*BY_HAND["de"], strict=True)
    other = "Zwei weiße Hunde laufen."
    score, signature = tokenized_bleu(PREDICTIONS, [texts, (None, other)], "de")
    assert score == pytest.approx(corpus_bleu(TOKENS, [[tokens[0]], [tokens[1], "zwei weiße hunde laufen ."]]))
    assert signature.startswith("nrefs:var|")


def test_case_quotation_marks_and_tokenisation_of_the_input_change_nothing():
    texts = [text for text, _ in BY_HAND["de"]]
    score, _ = tokenized_bleu(PREDICTIONS, [texts], "de")
    for changed in (
        [text.title() for text in PREDICTIONS],
        [text.replace("„", '"').replace("“", '"') for text in PREDICTIONS],
        [text.replace("!", " !").replace(", ", " , ") for text in PREDICTIONS],
    ):
        assert changed != PREDICTIONS
        assert tokenized_bleu(changed, [texts], "de")[0] == pytest.approx(score)


def test_a_language_without_spaces_is_cut_by_sacrebleu():
    predictions, references = ["我喜歡我的iPhone。"], ["我喜歡你的IPHONE。"]
    score, signature = tokenized_bleu(predictions, [references], "zh")
    assert score == sacrebleu.corpus_bleu(predictions, [references], tokenize="zh", lowercase=True).score > 0
    assert "|case:lc|" in signature
    assert "|tok:zh|" in signature
    assert "moses" not in signature


@pytest.mark.parametrize(("language", "named"), [("de", "de"), ("", "en")])
def test_the_signature_says_what_was_done(language, named, caplog):
    lines = ["ein hund läuft ."] * 101
    _, signature = tokenized_bleu(lines, [lines], language)
    assert signature == (
        f"nrefs:1|case:lc|eff:no|tok:none|smooth:exp|moses:lc.norm.tok-{named}|sacremoses:{version('sacremoses')}"
        f"|version:{sacrebleu.__version__}"
    )
    assert not caplog.records, "sacreBLEU warns of text that looks tokenised"
