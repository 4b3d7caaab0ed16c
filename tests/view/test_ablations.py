"""The report of an ablation."""

from hf_attn_model.attention.places import Head
from hf_attn_model.study.ablation import Ablation, Effect
from hf_attn_model.view.ablations import MEANING, WHAT_IT_SHOWS, ablation_text
from hf_attn_model.view.tables import WIDTH

EFFECTS = [Effect("BLEU", 31.25, 29.125, (-3.5, -0.75)), Effect("AER", 12.0, 17.5, (4.25, 6.0))]


def test_a_line_for_each_set_of_heads_below_the_untouched_model():
    heads = [(Head("cross", 2, 1), Head("encoder", 0, 3)), (Head("decoder", 1, 0),)]
    lines = ablation_text([Ablation(each, "uniform", EFFECTS) for each in heads]).splitlines()
    assert lines[0].split() == [
        "heads",
        "BLEU",
        "change",
        "95",
        "%",
        "interval",
        "AER",
        "change",
        "95",
        "%",
        "interval",
    ]
    assert lines[1].split() == ["untouched", "31.25", "12.00"]
    changes = ["29.12", "-2.12", "-3.50", "to", "-0.75", "17.50", "+5.50", "+4.25", "to", "+6.00"]
    assert lines[2].split() == ["cross:2:1", "encoder:0:3", *changes]
    assert lines[3].split() == ["decoder:1:0", *changes]


def test_it_says_what_was_done_and_what_that_shows():
    for mode, meaning in MEANING.items():
        text = ablation_text([Ablation((Head("cross", 0, 0),), mode, EFFECTS)])
        words = " ".join(text.split())
        assert meaning in words
        assert WHAT_IT_SHOWS in words
        assert all(len(line) <= WIDTH for line in text.splitlines())
