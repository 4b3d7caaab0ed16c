"""The textbook corpus as a dataset: splits, held-out word pairs, and what the sentences never do."""

import re
from itertools import pairwise

import pytest

from hf_attn_model.alignment.scores import alignment_error_rate
from hf_attn_model.errors import UserError
from hf_attn_model.textbook import load_textbook
from hf_attn_model.textbook.dataset import held_out_pairs
from hf_attn_model.textbook.reading import read_lexicon

PAIRS = ("en-es", "en-zh")
HOMOGRAPHS = {"clean", "open", "cook"}  # verbs that are adjectives or nouns too
NAMED = {
    "en-es": ["La bola es azul", "El gato negro bebió la leche", "Amo a mi perro"],
    "en-zh": ["那顆球是藍色的", "那隻黑色的貓喝了牛奶", "我喜歡我的狗"],
}


@pytest.fixture(scope="module")
def splits():
    """en-es, a third of the training split; en-zh has the same English sentences."""
    columns = ["translation", "source_words", "target_words"]
    sizes = {"train": 14_009, "dev": None, "test": None}
    return {split: load_textbook("en-es", split, size=size).select_columns(columns)[:] for split, size in sizes.items()}


@pytest.fixture(scope="module")
def chinese():
    return load_textbook("en-zh", size=3001)[:]


def undotted(translations):
    return [translation["en"].removesuffix(".") for translation in translations]


def lower_words(row):
    """The words of an English sentence in lower case, *brother's* as *brother*."""
    return {word.lower().removesuffix("'s") for word in row}


def test_sentences_are_distinct_within_and_between_the_splits(splits):
    assert [len(rows["translation"]) for rows in splits.values()] == [14_009, 1_000, 2_000]
    sentences = [text for rows in splits.values() for text in undotted(rows["translation"])]
    assert len(set(sentences)) == len(sentences)  # full stops aside


def test_half_of_the_sentences_end_with_a_full_stop_on_both_sides(splits):
    dotted = [row["en"].endswith(".") for row in splits["train"]["translation"]]
    assert dotted == [row["es"].endswith(".") for row in splits["train"]["translation"]]
    assert 0.45 < sum(dotted) / len(dotted) < 0.55


@pytest.mark.parametrize("pair", PAIRS)
def test_the_tutorials_sentences_begin_the_test_split(pair):
    rows = load_textbook(pair, "test", size=3)[:]["translation"]
    assert [row["en"] for row in rows] == ["The ball is blue", "The black cat drank the milk", "I love my dog"]
    assert [row[pair.removeprefix("en-")] for row in rows] == NAMED[pair]


def surface_pairs(split_name):
    """The held-out pairs of a split as English forms, without words that are verb and adjective or noun.

    Yields:
        (forms of the verb or adjective, its particle, whether it is a verb, forms of the noun)
    """
    lexicon = read_lexicon()
    nouns = {noun.english: {noun.english, noun.plural or noun.english} for noun in lexicon.nouns}
    verbs = {verb.name: verb for verb in lexicon.verbs}
    for (word, noun), split in held_out_pairs(lexicon).items():
        if split == split_name and not {word, noun} & HOMOGRAPHS:
            verb = verbs.get(word)
            forms = {verb.english, verb.third_person, verb.past} if verb else {word}
            particle = {verb.particle} if verb and verb.particle else set()
            yield forms, particle, verb is not None, nouns[noun]


@pytest.mark.parametrize("split", ["dev", "test"])
def test_no_training_sentence_has_both_words_of_a_held_out_pair(splits, split):
    rows = [lower_words(row) for row in splits["train"]["source_words"]]
    rows_with = {}
    for index, row in enumerate(rows):
        for word in row:
            rows_with.setdefault(word, set()).add(index)
    pairs = list(surface_pairs(split))
    assert sum(is_verb for _, _, is_verb, _ in pairs) > 40
    assert sum(not is_verb for _, _, is_verb, _ in pairs) > 40
    for forms, particle, _, nouns in pairs:
        with_word = set().union(*(rows_with.get(form, set()) for form in forms))
        with_noun = set().union(*(rows_with.get(noun, set()) for noun in nouns))
        assert not [rows[i] for i in with_word & with_noun if particle <= rows[i]]


@pytest.mark.parametrize(
    "words", ["ball|balls blue", "cat|cats black", "drink|drinks|drank milk", "love|loves dog|dogs"]
)
def test_the_named_pairs_occur_in_the_test_split_only(splits, words):
    first, second = (set(forms.split("|")) for forms in words.split())
    found = {
        split: sum(bool(row & first and row & second) for row in map(lower_words, rows["source_words"]))
        for split, rows in splits.items()
    }
    assert found["train"] == found["dev"] == 0
    assert found["test"] >= 1


@pytest.mark.parametrize("split", ["dev", "test"])
def test_each_row_to_evaluate_on_has_a_held_out_pair(splits, split):
    """A verb stands before its object, an adjective right before its noun or at the end of the sentence."""
    pairs = {}
    for forms, _, is_verb, nouns in surface_pairs(split):
        for form in forms:
            pairs.setdefault(form, (is_verb, set()))[1].update(nouns)
    homographs = {form for word in HOMOGRAPHS for form in (word, f"{word}s", f"{word}ed")}
    for row in splits[split]["source_words"]:
        words = [word.lower().removesuffix("'s") for word in row if word != "."]
        found = bool(homographs & set(words))
        for i, word in enumerate(words):
            is_verb, nouns = pairs.get(word, (False, set()))
            near = words[i + 1 :] if is_verb else words[i + 1 : i + 2] if i + 1 < len(words) else words
            found = found or not nouns.isdisjoint(near)
        assert found, row


def test_training_knows_every_word_form_of_the_other_splits_and_of_the_lexicon(splits):
    for column in ("source_words", "target_words"):
        known = {word.lower() for row in splits["train"][column] for word in row}
        for split in ("dev", "test"):
            assert {word.lower() for row in splits[split][column] for word in row} <= known
        lexicon = read_lexicon()
        nouns = {n.english for n in lexicon.nouns} if column == "source_words" else {n.spanish for n in lexicon.nouns}
        assert nouns <= known


def test_a_sentence_has_one_translation_whatever_the_seed():
    for pair in PAIRS:
        target = pair.removeprefix("en-")
        translations = {}
        for seed in (0, 1, 2):
            for row in load_textbook(pair, seed=seed, size=1009)[:]["translation"]:
                source, translation = row["en"].removesuffix("."), row[target].removesuffix(".").removesuffix("。")
                assert translations.setdefault(source, translation) == translation


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    rows = load_textbook("en-zh", "dev", seed=7, size=101)
    assert rows[:] == load_textbook("en-zh", "dev", seed=7, size=101)[:]
    assert rows[:53] == load_textbook("en-zh", "dev", seed=7, size=53)[:]
    assert rows[:] != load_textbook("en-zh", "dev", seed=8, size=101)[:]


@pytest.mark.parametrize("pair", PAIRS)
def test_words_and_links_fit_the_text(pair):
    target, space = pair.removeprefix("en-"), "" if pair == "en-zh" else " "
    for row in load_textbook(pair, size=503):
        assert " ".join(row["source_words"]).replace(" .", ".") == row["translation"]["en"]
        assert space.join(row["target_words"]).replace(" .", ".") == row["translation"][target]
        links = [tuple(link) for link in row["sure"] + row["possible"]]
        assert len(set(links)) == len(links)
        assert all(0 <= i < len(row["source_words"]) and 0 <= j < len(row["target_words"]) for i, j in links)
        assert row["sure"]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_diagonal_aligner_does_badly(pair):
    rows = load_textbook(pair, "test", size=1009)[:]
    lengths = [(len(s), len(t)) for s, t in zip(rows["source_words"], rows["target_words"], strict=True)]
    diagonals = [
        [[(i, i) for i in range(min(s, t))] for s, t in lengths],
        [[(i, i * t // s) for i in range(s)] for s, t in lengths],
        [[(i, round(i * (t - 1) / (s - 1))) for i in range(s)] for s, t in lengths if s > 1],
    ]
    for links in diagonals:
        assert alignment_error_rate(links, rows["sure"], rows["possible"]) >= 0.30


def test_no_past_looks_like_a_present(splits):
    seen = 0
    for row in splits["train"]["source_words"]:
        if row[0] in ("I", "You", "We", "They") and {"cut", "read"} & set(row):
            assert "not" in row
            seen += 1
    assert seen


def test_chinese_never_combines_what_excludes_each_other(chinese):
    texts = [row["zh"] for row in chinese["translation"]]
    assert any("沒" in text for text in texts)
    for text, words in zip(texts, chinese["target_words"], strict=True):
        assert not ("沒" in text and "了" in text)
        assert not ("不" in words and "了" in words)
        assert "二" not in text
        assert "的的" not in text
        assert "不有" not in text
        assert not re.search("大大|小小|老老|新新|舊舊", text)


def test_chinese_tense_and_polarity_follow_the_english(chinese):
    for row in chinese["translation"]:
        english, text = f" {row['en']} ", row["zh"]
        if " did not " in english:
            assert "沒" in text
        elif " does not " in english or " do not " in english:
            assert "不" in text or "沒有" in text
            assert "了" not in text
        elif re.search(r" (is|are|am) ", english):
            assert "了" not in text
        elif re.search(r" (yesterday|last week|last night)\W", english):
            assert text.count("了") == 1


def test_chinese_counts_with_classifiers(chinese):
    classifiers = {noun.classifier for noun in read_lexicon().nouns if noun.classifier}
    for words in chinese["target_words"]:
        for number, following in pairwise(words):
            if number in ("一", "兩", "三", "四"):
                assert following in classifiers


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pair": "en-fr"}, "no pair 'en-fr'"),
        ({"split": "validation"}, "no split 'validation'"),
        ({"size": 0}, "at least 1, not 0"),
    ],
)
def test_mistakes_are_told(arguments, message):
    with pytest.raises(UserError, match=message):
        load_textbook(**arguments)


def test_more_rows_than_there_are_is_a_mistake(monkeypatch):
    monkeypatch.setattr("hf_attn_model.textbook.dataset.PATIENCE", 2)
    with pytest.raises(UserError, match="ask for fewer"):
        load_textbook("en-es", "test", size=997)
