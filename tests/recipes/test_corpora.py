"""Several corpora in a recipe: what each of them is, and what contradicts."""

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.recipes.recipe import load_recipe, located, read_recipe

BOTH = "corpora=[{source_lang: en, target_lang: es}, {source_lang: es, target_lang: en, weight: 2}]"
TWO = "corpora=[{corpus: somewhere}, {corpus: talks, weight: 0.5, config: small, source_column: text}]"


def load(*overrides):
    return load_recipe("tatoeba-en-es", ["corpus=somewhere", *overrides])


def test_each_part_is_a_recipe_of_its_own():
    recipe = load(BOTH, "temperature=5")
    parts = [(part.corpus, part.source_lang, part.target_lang, part.corpora) for part in recipe.parts()]
    assert parts == [("somewhere", "en", "es", []), ("somewhere", "es", "en", [])]
    assert [entry.weight for entry in recipe.corpora] == [1, 2]
    assert recipe.part_names() == ["en-es", "es-en"]
    assert (recipe.directions, recipe.languages) == ("en → es, es → en", ["en", "es"])
    assert recipe.marks == [">>es<<", ">>en<<"]


def test_a_recipe_of_one_corpus_is_its_only_part():
    recipe = load()
    assert recipe.parts() == [recipe]
    assert (recipe.part_names(), recipe.marks) == ([""], [])


def test_corpora_of_one_direction_need_no_marks_and_have_names_of_their_own():
    recipe = load("config=large", "corpus=data/books", TWO.replace("somewhere", "data/books"))
    books, talks = recipe.parts()
    assert (books.corpus, books.config, books.source_column) == ("data/books", None, None)
    assert (talks.corpus, talks.config, talks.source_column) == ("talks", "small", "text")
    assert recipe.marks == []
    assert recipe.part_names() == ["en-es_books", "en-es_talks"]
    splits = load("corpora=[{train_split: a}, {train_split: b}, {target_lang: de}]")
    assert splits.part_names() == ["en-es_somewhere_1", "en-es_somewhere_2", "en-de"]


def test_what_the_recipe_does_not_say_is_as_in_the_first_entry(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nvocab_size: 300\n" + BOTH.replace("=", ": ").replace("en,", "en, corpus: a,", 1))
    recipe = load_recipe(str(path))
    assert [(part.corpus, part.source_lang) for part in recipe.parts()] == [("a", "en"), ("a", "es")]


def test_a_recipe_that_was_saved_is_the_same(tmp_path):
    (tmp_path / "books").mkdir()
    books = str(tmp_path / "books")
    recipe = located(load(f"corpus={books}", TWO.replace("somewhere", books), "temperature=2"))
    recipe.save(tmp_path)
    assert read_recipe(tmp_path / "recipe.yaml") == recipe


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["corpora=[{corpus: a}]"], "corpora has one entry"),
        (["temperature=5"], "temperature has no effect"),
        ([BOTH, "temperature=0.5"], "temperature must lie in 1 to 1000"),
        ([BOTH.replace("weight: 2", "weight: 0")], "weight of entry 2 must be above 0"),
        ([BOTH.replace("weight: 2", "weight: -1")], "weight of entry 2 must be above 0"),
        (["corpora=[{weight: 1}, {weight: 2}]"], "entry 2 is one of those before"),
        ([BOTH, "source_column=text"], "source_column has no effect"),
        ([BOTH, "source_lang=de"], "source_lang has no effect"),
        (["corpora=[{corpus: a}, {corpus: b}]"], "corpus has no effect"),
        ([BOTH, "hold_out=7"], "hold_out is for one corpus"),
        ([BOTH, "bpe_dropout=0.1"], "bpe_dropout is for one corpus"),
        (["corpora=[{}, {target_lang: xx}]"], "target_lang xx of corpora: write codes of languages"),
        (["corpora=[{}, {target_lang: spa}]"], "target_lang es of corpora: write codes of languages"),
        (["corpora=[{}, {taget_lang: de}]"], "knows no corpora.taget_lang: did you mean corpora.target_lang"),
        (["corpora=[{}, de]"], "corpora must be a list of entries"),
        (["corpora=de"], "corpora must be a list"),
        (["corpora=[{}, {weight: much}]"], "corpora.weight must be a number, got much"),
    ],
)
def test_what_contradicts_is_refused(overrides, message):
    with pytest.raises(UserError, match=message):
        load(*overrides)
