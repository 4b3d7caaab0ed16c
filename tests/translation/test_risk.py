import pytest
from sacrebleu.metrics import CHRF

from hf_attn_model.translation.risk import expected_chrf, least_risk

SAMPLES = ["der Hund läuft", "ein Hund läuft", "der Hund rennt", "der Hund läuft", "Katzen"]


def test_expected_scores_are_the_means_over_all_pairs():
    chrf = CHRF()
    pairs = [[chrf.sentence_score(one, [other]).score for other in SAMPLES] for one in SAMPLES]
    means = [sum(row) / len(row) for row in pairs]
    assert expected_chrf(SAMPLES) == pytest.approx(means)
    assert least_risk(SAMPLES) == means.index(max(means)) == 0
    assert least_risk(SAMPLES[::-1]) == 1
    assert least_risk(["", ""]) == 0
