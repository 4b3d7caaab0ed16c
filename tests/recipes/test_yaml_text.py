"""Recipes as text: nothing in one is evaluated, and what its fields take a scalar for."""

import contextlib
import json
import os
import re
from dataclasses import asdict

import pytest
from hostile import few, read_or_refused, spoilt
from hypothesis import example, given
from hypothesis import strategies as st

from hf_attn_model.errors import UserError
from hf_attn_model.recipes.recipe import Recipe, load_recipe, read_recipe
from hf_attn_model.recipes.values import read_as
from hf_attn_model.recipes.yaml_text import read_yaml, write_yaml

NEEDED = {"name": "small", "corpus": "data", "source_lang": "en", "target_lang": "de", "vocab_size": 300}


@pytest.fixture
def recipe_file(tmp_path):
    def write(**values):
        path = tmp_path / "recipe.yaml"
        path.write_text("".join(f"{key}: {value}\n" for key, value in (NEEDED | values).items()), encoding="utf-8")
        return str(path)

    return write


INTERPOLATIONS = ["${name}", "${oc.env:HOME}", "${oc.decode:'3'}", "${oc.create:{}}", "$HOME", "%(x)s", "{0}", "${"]


@pytest.mark.parametrize("text", INTERPOLATIONS)
def test_interpolations_are_text_in_a_file_in_an_override_and_beside_a_model(text, recipe_file, tmp_path):
    quoted = json.dumps(text)
    in_a_file = load_recipe(recipe_file(license=quoted, training=f"{{report_to: wandb, run_name: {quoted}}}"))
    typed = load_recipe(recipe_file(), [f"license={quoted}", "training.report_to=wandb", f"training.run_name={quoted}"])
    for recipe in (in_a_file, typed):
        assert (recipe.license, recipe.training["run_name"]) == (text, text)
        recipe.save(tmp_path)
        assert read_recipe(tmp_path / "recipe.yaml") == recipe


@pytest.mark.parametrize(
    "code", ["no", "on", "off", "y", "n", "yes", "true", "0123", "1e3", "12", "1:30", "3.10", ".5"]
)
def test_a_field_that_is_a_text_takes_what_is_written(code, recipe_file, tmp_path):
    for recipe in (
        load_recipe(recipe_file(name=code, source_lang=code, config=code)),
        load_recipe(recipe_file(), [f"name={code}", f"source_lang={code}", f"config={code}"]),
    ):
        assert (recipe.name, recipe.source_lang, recipe.config) == (code, code, code)
        recipe.save(tmp_path)
        assert read_recipe(tmp_path / "recipe.yaml") == recipe


@pytest.mark.parametrize(
    ("written", "kind", "value"),
    [
        ("true", bool, True),
        ("False", bool, False),
        ("no", bool, False),
        ("on", bool, True),
        ("no", str | bool, "no"),
        ("false", str | bool, False),
        ("12", int, 12),
        ("1_000", int, 1000),
        ("1e4", int, 10_000),
        ("0x1f", int, 31),
        ("-1", int, -1),
        ("1e-3", float, 0.001),
        (".5", float, 0.5),
        ("3", float, 3),
        ("12", str, "12"),
        ("~", int | None, None),
        ("null", str | None, None),
        ("", str | None, None),
        ("'null'", str | None, "null"),
        ("[1, a]", list[str], ["1", "a"]),
        ("{a: 1, b: {c: 1e-3, d: true, e: x}}", dict, {"a": 1, "b": {"c": 0.001, "d": True, "e": "x"}}),
        ('{a: "no"}', dict, {"a": "no"}),
    ],
)
def test_a_scalar_is_what_its_field_is(written, kind, value):
    found = read_as(kind, read_yaml(written), "it")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("written", "kind", "wanted"),
    [
        ("12.5", int, "it must be a whole number, got 12.5"),
        ("0123", int, "it must be a whole number, got 0123"),
        ("many", int | None, "it must be a whole number, got many"),
        ("true", int, "it must be a whole number, got true"),
        ("nan", float, "it must be a number, got nan"),
        (".inf", float, "it must be a number"),
        ("1e400", float, "it must be a number"),
        ("9" * 5000, int, "it must be a whole number, got 9999"),
        ("0x" + "f" * 5000, float, "it must be a number"),
        ("\u0661", int, "it must be a whole number"),
        ("2", bool, "it must be true or false, got 2"),
        ("null", str, "it must be a text, got null"),
        ("[1, 2]", str, "it must be a text, got [1, 2]"),
        ("{a: b}", float | int, "it must be a number, got {a: b}"),
        ("3", dict, "it must be a list of names and values, got 3"),
        ("{a: no}", dict, 'it.a is no: write true or false, or "no" in quotes for the word'),
    ],
)
def test_what_a_field_cannot_be_is_refused(written, kind, wanted):
    with pytest.raises(ValueError, match=re.escape(wanted)) as caught:
        read_as(kind, read_yaml(written), "it")
    assert len(str(caught.value)) < 130


BOMB = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "an alias (*name) stands for one value here: write the list again"),
        ("a: &a {b: *a}\n", "an alias (*name) stands for one value here"),
        ("[" * 5000, "more than 16 lists in each other"),
        ("- " * 50 + "x", "more than 16 lists in each other"),
        ("a: 1\na: 2\n", "line 2: a stands there twice"),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            "line 1: a tag (tag:yaml.org,2002:python/object/apply:os.system)",
        ),
        ("a: !!int 3\n", "line 1: a tag (tag:yaml.org,2002:int): write the value alone"),
        ("[a, b]: c\n", "line 1: a name is one word"),
        ("a: 1\n--- \nb: 2\n", "line 2: but found another document"),
        ("a: [1\n", "line 2: expected ',' or ']'"),
        ("a: *b\n", "line 1: found undefined alias 'b'"),
        ("a: \x07\n", "a character that YAML does not allow, U+0007"),
        ('a: "\\0"\n', "line 1: a character that no setting has, U+0000"),
        ('a: "\\ud83d"\n', "line 1: a character that no setting has, U+D83D"),
        ("a: 1\n\tb: 2\n", "line 2: "),
    ],
)
def test_what_recipes_have_no_need_of_is_one_line(text, message, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    for read in (load_recipe, read_recipe):
        with pytest.raises(UserError) as caught:
            read(str(path) if read is load_recipe else path)
        assert str(caught.value).startswith(f"{path}: ")
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_an_alias_stands_for_one_value():
    assert read_yaml("a: &n 6\nb: *n\n") == {"a": "6", "b": "6"}


def test_a_file_is_no_recipe_where_it_is_too_long_not_utf_8_or_cannot_be_read(tmp_path, monkeypatch):
    path = tmp_path / "recipe.yaml"
    path.write_text("a: b # " + "x" * 2**16)
    with pytest.raises(UserError, match=r"recipe\.yaml: not a recipe, .*: it has more than 65,536 bytes"):
        load_recipe(str(path))
    path.write_bytes(b"name: \xff\n")
    with pytest.raises(UserError, match=r"recipe\.yaml is damaged: not UTF-8 \(invalid start byte at byte 6\)"):
        load_recipe(str(path))

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    with pytest.raises(UserError, match=r"cannot read .*recipe\.yaml: Permission denied"):
        load_recipe(str(path))


@pytest.mark.parametrize("kind", ["folder", "device", "pipe"])
def test_what_is_no_file_is_no_recipe(kind, tmp_path):
    path = tmp_path / "recipe.yaml"
    {"folder": path.mkdir, "device": lambda: path.symlink_to("/dev/zero"), "pipe": lambda: os.mkfifo(path)}[kind]()
    with pytest.raises(UserError, match=r"there is no recipe file .*recipe\.yaml"):
        load_recipe(str(path))


@pytest.mark.parametrize("line", ["\ufeff", "\r\n", "# a remark\n", "---\n"])
def test_marks_and_line_ends_of_other_editors_do_not_matter(line, tmp_path):
    path = tmp_path / "recipe.yaml"
    end = line if line == "\r\n" else "\n"
    path.write_bytes((line + end.join(f"{key}: {value}" for key, value in NEEDED.items())).encode())
    assert load_recipe(str(path)).vocab_size == 300


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=7) | st.sampled_from(
    ["no", "1e-3", "0123", "~", "", " ", "true", "a: b", "- a", "#", "'", '"', "[a", "=", "<<", "1_000", "x" * 200]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(-1e18, 1e18) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=11,
)


@few
@given(st.dictionaries(TEXTS, VALUES, max_size=3))
def test_what_is_written_is_read_again(settings):
    assert read_as(dict, read_yaml(write_yaml(settings)), "it") == settings


@few
@given(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), st.booleans())
def test_a_recipe_that_is_saved_is_read_again(texts, truth):
    recipe = Recipe(*texts, vocab_size=300, config=texts[0], lowercase=truth)
    text = write_yaml(asdict(recipe))
    values = {name: read_as(Recipe.__annotations__[name], value, name) for name, value in read_yaml(text).items()}
    assert Recipe(**values) == recipe


VALID = write_yaml(NEEDED | {"model": {"d_model": 8}, "training": {"max_steps": 3, "report_to": ["wandb"]}})


@few
@given(spoilt(VALID.encode()))
@example(b"? " * 999)
@example(b"a: *a\n&a b: &b [*a]\n")
def test_any_file_is_a_recipe_or_refused_in_one_line_that_names_it(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content)
    for read in (lambda: load_recipe(str(path)), lambda: read_recipe(path)):
        assert isinstance(read_or_refused(read, "any.yaml"), Recipe | None)


@few
@given(st.text(max_size=20) | st.builds("{}={}".format, st.sampled_from(["name", "model", "training.seed"]), st.text()))
@example("a." * 5000 + "b=1")
@example("training." + "b." * 5000 + "c=1")
@example("name=" + "[" * 5000)
@example("corpus=" + "x" * 5000)
@example("corpus=~nobody-of-this-name/x")
def test_any_override_is_put_in_place_or_refused_in_one_line(override):
    with contextlib.suppress(UserError):
        assert isinstance(load_recipe("textbook-en-es", [override]), Recipe)
