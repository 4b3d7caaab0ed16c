"""Two systems on one test set, held against sacreBLEU called by hand."""

import json
import random

import pytest
from datasets import Dataset
from sacrebleu.metrics import BLEU, CHRF, TER
from sacrebleu.significance import PairedTest

from hf_attn_model.text.corpora import Corpus
from hf_attn_model.training.comparison import TranslatedCorpus, compare, score_systems, sentence_rows

REFERENCES = [f"der {farbe} Hund läuft {wie}" for farbe in ("rote", "blaue", "alte") for wie in ("weg", "heim", "los")]
OURS = [text.replace("läuft", "rennt") if i % 3 else text for i, text in enumerate(REFERENCES)]
THEIRS = [text.replace("Hund", "Katze").replace("der", "die") for text in REFERENCES]


def corpus():
    """Nine rows with a blank one in their middle."""
    sources = [f"source {i}" for i in range(9)]
    sources[4:4], targets = [""], [*REFERENCES[:4], "", *REFERENCES[4:]]
    places = [f"p.tsv, line {i + 2}" for i in range(10)]
    return Corpus(Dataset.from_dict({"source": sources, "target": targets}), "ten", 1, 0, places=places)


def with_blank(texts):
    return [*texts[:4], "never scored", *texts[4:]]


@pytest.mark.parametrize("lowercase", [False, True])
def test_scores_and_tests_are_those_of_sacrebleu(lowercase):
    found = compare(OURS, THEIRS, [REFERENCES], "de", lowercase=lowercase)
    metrics = {
        "BLEU": BLEU(lowercase=lowercase),
        "chrF2++": CHRF(word_order=2, lowercase=lowercase),
        "TER": TER(case_sensitive=not lowercase),
    }
    for name, test in (("bootstrap", "bs"), ("randomisation", "ar")):
        signatures, results = PairedTest([("b", THEIRS), ("s", OURS)], metrics, [REFERENCES], test_type=test)()
        for metric, label in (("bleu", "BLEU"), ("chrf++", "chrF2++"), ("ter", "TER")):
            theirs, ours = results[label]
            assert (found[metric]["ours"], found[metric]["theirs"]) == (ours.score, theirs.score)
            assert found[metric]["difference"] == ours.score - theirs.score
            assert found[metric][name]["p_value"] == ours.p_value
            assert found[metric][name]["signature"] == str(signatures[label])
            assert found[metric][name].get("ours_ci") == ours.ci
    assert found["bleu"]["ours"] == BLEU(lowercase=lowercase).corpus_score(OURS, [REFERENCES]).score
    assert "seed:12345" in found["ter"]["bootstrap"]["signature"]
    json.dumps(found)


def test_equal_systems_do_not_differ():
    shuffled = random.Random(0).sample(OURS, len(OURS))
    for texts, references in ((OURS, [REFERENCES]), (shuffled, [shuffled])):
        for facts in compare(texts, texts, references, "de").values():
            assert facts["difference"] == 0
            assert (facts["bootstrap"]["p_value"], facts["randomisation"]["p_value"]) == (1, 1)


class StandIn:
    """Scores a text by its length."""

    def score(self, sources, translations, references):
        assert len(sources) == len(translations) == len(references) == 9
        scores = [float(len(text)) for text in translations]
        return {"comet": sum(scores) / 9, "comet_model": "m", "comet_version": "2", "scores": scores}


def test_rows_that_are_not_scored_keep_their_place_and_count_for_nothing():
    systems = {"ours": with_blank(OURS), "theirs": with_blank(THEIRS)}
    rows = [i for i in range(10) if i != 4]
    test_set = TranslatedCorpus(corpus(), rows, [REFERENCES, OURS], systems, "de")
    facts, comet = score_systems(test_set, StandIn())
    alone = compare(OURS, THEIRS, [REFERENCES, OURS], "de")
    assert {name: facts["comparison"][name] for name in alone} == alone
    assert facts["comet"] == sum(map(len, OURS)) / 9
    assert facts["comparison"]["comet"]["difference"] == pytest.approx(
        (sum(map(len, OURS)) - sum(map(len, THEIRS))) / 9
    )
    rows = list(sentence_rows(test_set, comet))
    assert [row["place"] for row in rows] == [f"p.tsv, line {i + 2}" for i in range(10)]
    assert rows[4]["ours"] == {"translation": "never scored"}
    scored = rows[:4] + rows[5:]
    for i, row in enumerate(scored):
        assert row["references"] == [REFERENCES[i], OURS[i]]
        for name, texts in (("ours", OURS), ("theirs", THEIRS)):
            expected = {
                "translation": texts[i],
                "bleu": BLEU(effective_order=True).sentence_score(texts[i], row["references"]).score,
                "chrf++": CHRF(word_order=2).sentence_score(texts[i], row["references"]).score,
                "ter": TER().sentence_score(texts[i], row["references"]).score,
                "comet": len(texts[i]),
            }
            assert row[name] == expected
    assert score_systems(test_set._replace(systems={"ours": systems["ours"]})) == ({}, {})
