"""What a corpus is cleaned of."""

import html

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.text.cleaning import DEFAULT, RULES, Cleaner, unescape
from hf_attn_model.text.corpora import TextRow


def rows_of(pairs):
    return [TextRow(f"row {number}", pair) for number, pair in enumerate(pairs)]


def reasons(pairs, rules=tuple(RULES), languages=("en", "es"), **options):
    cleaner = Cleaner([rule for rule in rules if rule != "languages"], *languages, **options)
    return [each.reason for each in cleaner.clean(rows_of(pairs))], cleaner


def test_each_rule_counts_what_it_leaves_out():
    pairs = [
        ("The ball is blue.", "La bola es azul."),
        ("The ball is blue.", "La bola es azul."),
        ("The ball is blue.", "La pelota es azul."),
        ("Madrid", " Madrid "),
        ("No.", "Yo creo que no, pero quizás mañana por la mañana sea otra cosa."),
        ("The milk is white.", "Молоко белое."),
        ("12 + 7", "12+7 = 19"),  # without a letter no script is wrong
    ]
    found, cleaner = reasons(pairs)
    assert found == [None, "duplicates", "sources", "copies", "ratio", "scripts", None]
    assert cleaner.summary() == "left out: 1 copies, 1 ratio, 1 scripts, 1 duplicates, 1 sources"


def test_rules_are_chosen():
    pairs = [("Madrid", "Madrid")] * 2
    assert reasons(pairs, rules=())[0] == [None, None]
    assert reasons(pairs, rules=["duplicates"])[0] == [None, "duplicates"]
    assert set(DEFAULT) < set(RULES)


@pytest.mark.parametrize(("longer", "is_left_out"), [(3 * 5 + 20, False), (3 * 5 + 21, True)])
def test_ratio_is_of_bytes_with_some_room(longer, is_left_out):
    pair = ("x" * 5, "y" * longer)
    for each in (pair, pair[::-1]):
        assert (reasons([each], rules=["ratio"])[0] == ["ratio"]) == is_left_out
    assert reasons([("The black cat drank all of the milk", "黑貓喝光了牛奶")], rules=["ratio"])[0] == [None]


@pytest.mark.parametrize(
    ("language", "right", "wrong"),
    [
        ("zh", "黑貓喝光了牛奶", "hei mao he guang le niunai"),
        ("ja", "黒い猫がミルクを飲んだ", "Чёрная кошка"),
        ("ko", "검은 고양이", "黒い猫がミルクを飲んだ"),
        ("sr-Cyrl", "Црна мачка", "Crna mačka"),
        ("sr-Latn", "Crna mačka", "Црна мачка"),
        ("fa", "گربه‌ی سیاه", "the black cat"),
    ],
)
def test_scripts_are_those_of_the_language(language, right, wrong):
    pairs = [(right, "a cat"), (wrong, "a cat")]
    assert reasons(pairs, rules=["scripts"], languages=(language, "en"))[0] == [None, "scripts"]
    assert reasons([pair[::-1] for pair in pairs], rules=["scripts"], languages=("en", language))[0][1] == "scripts"


def test_language_of_unknown_script_is_left_alone():
    assert reasons([("abc где", "x")], rules=["scripts"], languages=("tlh-x-none", "en"))[0] == [None]


def test_entities_are_repaired_before_the_rules_judge():
    pairs = [("Tom &amp; Ann", "Tom & Ann"), ("a &amp;quot;b&amp;quot;", "«b»"), ("R&D; x", "AT&T y")]
    cleaner = Cleaner(["entities", "copies"], "en", "es")
    found = list(cleaner.clean(rows_of(pairs)))
    assert [each.source for each in found] == ["Tom & Ann", 'a "b"', "R&D; x"]
    assert found[0].reason == "copies"
    assert cleaner.counts["entities"] == 2
    assert cleaner.summary().startswith("repaired: 2 entities")


def test_entities_are_those_of_html():
    for name in html.entities.html5:
        if name.endswith(";"):
            assert unescape(f"a&{name}b") == html.unescape(f"a&{name}b")
    assert unescape("a & b; &lt") == "a & b; &lt"  # not every ampersand is one


def test_other_languages_are_found_where_cld2_is_sure():
    pytest.importorskip("pycld2", reason="no CLD2: pip install 'hf-attn-model[clean]'")
    pairs = [
        ("The children are playing in the garden.", "Los niños juegan en el jardín de la casa."),
        ("The children are playing in the garden.", "Die Kinder spielen hinter dem Haus im Garten."),
        ("Les enfants jouent dans le jardin de la maison.", "Los niños juegan en el jardín de la casa."),
        ("Tom.", "Tom."),
        ("a\x00b", "\ufdd0"),
    ]
    found = [each.reason for each in Cleaner(["languages"], "eng_Latn", "es-MX").clean(rows_of(pairs))]
    assert found == [None, "languages", "languages", None, None]
    with pytest.raises(UserError, match="cannot tell zxx: CLD2 does not know it"):
        Cleaner(["languages"], "en", "zxx")


def test_wrong_settings_are_refused():
    with pytest.raises(UserError, match="there is no rule copy to clean by: choose from entities, copies"):
        Cleaner(["copy"], "en", "es")
    for ratio in (0.5, float("nan")):
        with pytest.raises(UserError, match="must be at least 1"):
            Cleaner(["ratio"], "en", "es", max_ratio=ratio)
