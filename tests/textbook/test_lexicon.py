"""The textbook's lexicon: its size, and what it says about mistakes in its files."""

import shutil

import pytest

from hf_attn_model.errors import UserError
from hf_attn_model.textbook import reading
from hf_attn_model.textbook.reading import FOLDER, read_lexicon


def test_the_lexicon_is_as_large_as_promised():
    lexicon = read_lexicon()
    assert len({noun.english for noun in lexicon.nouns}) >= 250
    assert len({verb.english for verb in lexicon.verbs}) >= 80
    assert len({adjective.english for adjective in lexicon.adjectives}) >= 60


def test_every_column_is_explained():
    guide = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in ("CLASS_COLUMNS", "NOUN_COLUMNS", "ADJECTIVE_COLUMNS", "VERB_COLUMNS", "ADVERB_COLUMNS"):
        for column in getattr(reading, name):
            assert f"`{column}`" in guide


def test_classes_reach_their_members():
    lexicon = read_lexicon()
    drinks = {noun.english for noun in lexicon.members(("drink",))}
    assert {"milk", "water", "coffee", "wine"} <= drinks
    assert "soup" not in drinks
    assert {noun.english for noun in lexicon.members(("dog", "ball"))} == {"dog", "ball"}


@pytest.fixture
def change(tmp_path):
    """Change a copy of the lexicon: the first row of a file that begins with `start` gets `cell` in `column`."""

    def change(file, start, column, cell):
        folder = tmp_path / "lexicon"
        shutil.copytree(FOLDER, folder)
        lines = (folder / file).read_text(encoding="utf-8").splitlines()
        header = lines[0].split("\t")
        line = next(number for number, text in enumerate(lines) if text.startswith(start))
        cells = lines[line].split("\t")
        cells += [""] * (len(header) - len(cells))
        cells[header.index(column)] = cell
        lines[line] = "\t".join(cells)
        (folder / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return folder, f"{file}, line {line + 1}, column '{column}': "

    return change


@pytest.mark.parametrize(
    ("file", "start", "column", "cell", "problem"),
    [
        ("nouns.tsv", "dog\t", "gender", "n", "'n' is not one of m, f"),
        ("nouns.tsv", "dog\t", "spanish", "", "the cell is empty"),
        ("nouns.tsv", "dog\t", "article", "la", "a masculine noun takes 'el'"),
        ("nouns.tsv", "dog\t", "classifier", "", "needs a classifier"),
        ("nouns.tsv", "dog\t", "spanish_plural", "", "in both English and Spanish"),
        ("nouns.tsv", "dog\t", "classes", "", "name a class"),
        ("nouns.tsv", "dog\t", "classes", "robot", "'robot' is neither a class"),
        ("nouns.tsv", "cat\t", "english", "dog", "'dog' is taken"),
        ("adjectives.tsv", "blue\t", "spanish", "azul azules", "needs 4 forms separated by spaces, has 2"),
        ("adjectives.tsv", "blue\t", "copula", "haber", "'haber' is not one of ser, estar"),
        ("verbs.tsv", "drink\t", "present", "bebo", "needs 5 forms"),
        ("verbs.tsv", "drink\t", "uses", "often", "event, habit, state"),
        ("verbs.tsv", "drink\t", "objects", "stones", "'stones' is neither a class"),
        ("verbs.tsv", "drink\t", "places", "garden car", "'car' is not a place"),
        ("verbs.tsv", "drink\t", "places", "vehicle", "'car' is not a place"),
        ("verbs.tsv", "drink\t", "subjects", "", "the cell is empty"),
        ("adjectives.tsv", "blue\t", "describes", "", "the cell is empty"),
        ("classes.tsv", "pet\t", "found_in", "house car", "'car' is not a place"),
        ("classes.tsv", "pet\t", "parents", "insect", "'insect' is neither a class"),
        ("classes.tsv", "pet\t", "class", "person", "'person' has a row already"),
        ("adverbs.tsv", "always\t", "use", "state", "'state' is not one of event, habit"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_column(change, file, start, column, cell, problem):
    folder, place = change(file, start, column, cell)
    with pytest.raises(UserError) as error:
        read_lexicon(folder)
    assert str(error.value).startswith(place)
    assert problem in str(error.value)


@pytest.mark.parametrize(
    ("file", "start", "column"),
    [
        ("verbs.tsv", "drink\t", "subjects"),
        ("verbs.tsv", "drink\t", "objects"),
        ("verbs.tsv", "give\t", "recipients"),
        ("verbs.tsv", "drink\t", "places"),
        ("adjectives.tsv", "blue\t", "describes"),
        ("nouns.tsv", "door\t", "part_of"),
        ("classes.tsv", "pet\t", "found_in"),
    ],
)
def test_a_class_without_nouns_cannot_be_named(change, file, start, column):
    folder, place = change(file, start, column, "robot")
    with (folder / "classes.tsv").open("a", encoding="utf-8") as table:
        table.write("robot\tthing\n")
    with pytest.raises(UserError) as error:
        read_lexicon(folder)
    assert str(error.value) == f"{place}no noun of nouns.tsv belongs to the class 'robot'"


def test_two_translations_of_one_phrase_are_a_mistake(change):
    folder, _ = change("adjectives.tsv", "old\tviejo vieja viejos viejas\tser\t舊", "describes", "animal")
    with pytest.raises(UserError, match="two rows of 'old' describe 'dog'"):
        read_lexicon(folder)
    shutil.rmtree(folder)
    folder, _ = change("verbs.tsv", "wear\t", "objects", "garment hat")
    with pytest.raises(UserError, match="two rows of 'wear' translate it otherwise before 'hat'"):
        read_lexicon(folder)


def test_a_wrong_header_and_a_missing_file_are_mistakes(tmp_path):
    folder = tmp_path / "lexicon"
    shutil.copytree(FOLDER, folder)
    table = folder / "adverbs.tsv"
    table.write_text(table.read_text(encoding="utf-8").replace("chinese", "mandarin", 1), encoding="utf-8")
    with pytest.raises(UserError, match=r"adverbs\.tsv, line 1: the columns must be english, position"):
        read_lexicon(folder)
    table.unlink()
    with pytest.raises(UserError, match=r"adverbs.tsv: cannot read the lexicon file \(No such file"):
        read_lexicon(folder)


def test_a_row_with_too_many_cells_is_a_mistake(tmp_path):
    folder = tmp_path / "lexicon"
    shutil.copytree(FOLDER, folder)
    with (folder / "adverbs.tsv").open("a", encoding="utf-8") as file:
        file.write("today\tend\thoy\tstart\t今天\tevent\tmore\n")
    with pytest.raises(UserError, match=r"adverbs\.tsv, line 10: 7 cells for 6 columns"):
        read_lexicon(folder)
