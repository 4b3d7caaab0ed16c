"""What is written down, as the docs say it."""

import json

import pytest

from hf_attn_model.translation import SearchSettings, TranslatedRow
from hf_attn_model.translation.formats import header, lines_of
from hf_attn_model.translation.stream import Part, RowTranslation

BEST, SECOND = RowTranslation("ein\tHund", False, -2.5, -1.25), RowTranslation("der Hund", True, -3.0, -1.5)
ROWS = [
    TranslatedRow(6, "a\tdog", [Part("a\tdog", [])], [BEST, SECOND]),
    TranslatedRow(7, "", [], [RowTranslation("", False)]),
]


def written(style, **settings):
    settings = SearchSettings(**settings)
    rows = [TranslatedRow(row.number, row.source, row.parts, row.translations[: settings.n_best]) for row in ROWS]
    return [*header(style, settings), *(line for row in rows for line in lines_of(row, style, settings))]


@pytest.mark.parametrize(
    ("style", "settings", "expected"),
    [
        ("text", {}, ["ein\tHund", ""]),
        ("text", {"with_scores": True}, ["-1.250000\tein Hund", "\t"]),
        ("text", {"n_best": 2}, ["6 ||| ein\tHund", "6 ||| der Hund", "7 ||| "]),
        (
            "text",
            {"n_best": 2, "with_scores": True},
            ["6 ||| ein\tHund ||| -1.250000", "6 ||| der Hund ||| -1.500000", "7 |||  ||| "],
        ),
        ("tsv", {}, ["line\tsource\ttranslation", "7\ta dog\tein Hund", "8\t\t"]),
        (
            "tsv",
            {"n_best": 2, "with_scores": True},
            [
                "line\trank\tscore\tsource\ttranslation",
                "7\t1\t-1.250000\ta dog\tein Hund",
                "7\t2\t-1.500000\ta dog\tder Hund",
                "8\t1\t\t\t",
            ],
        ),
    ],
)
def test_lines(style, settings, expected):
    assert written(style, **settings) == expected


def test_json_keeps_every_character_and_every_digit():
    first, second = map(json.loads, written("jsonl", n_best=2, with_scores=True))
    assert first == {
        "line": 7,
        "source": "a\tdog",
        "translations": [
            {"text": "ein\tHund", "is_cut": False, "log_probability": -2.5, "score": -1.25},
            {"text": "der Hund", "is_cut": True, "log_probability": -3.0, "score": -1.5},
        ],
    }
    assert second["translations"] == [{"text": "", "is_cut": False, "log_probability": None, "score": None}]
    assert json.loads(written("jsonl")[0])["translations"] == [{"text": "ein\tHund", "is_cut": False}]
