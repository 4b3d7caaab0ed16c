"""One row in, one row out; one long row, or a bad one, never costs the others."""

import json

import pytest
import yaml

from hf_attn_model.alignment.formats import read_links
from hf_attn_model.export.store import open_maps

LONG = " ".join(["one", "two", "three"] * 17)
TABLE = f"en\tde\none two\tzwei eins\n\tsolo\n{LONG}\teins\ntwo three\tdrei zwei\nlonely\t\nragged\none\teins\n"
TALLY = "2 one-sided ({0}, line 3; {0}, line 6), 1 unreadable ({0}, line 7), 1 too long, left out ({0}, line 4)"
USED = [0, 3, 6]  # of seven rows


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text(TABLE)
    return path


def test_links_stand_in_the_rows_of_their_pairs(hf_attn, translator_folder, table):
    status, out, error = hf_attn("align", translator_folder, "--data", table, "--on-bad-row", "skip", "--rule", "union")
    lines = out.split("\n")
    assert (status, len(lines)) == (0, 7 + 1)
    assert [i for i, line in enumerate(lines) if line] == USED
    assert error.splitlines()[-1] == "rows without links: " + TALLY.format(table)


def test_a_long_pair_may_be_cut_or_refused(hf_attn, refused, translator_folder, table, tmp_path):
    typed = ("align", translator_folder, "--data", table, "--on-bad-row", "skip", "--rule", "union")
    status, _, error = hf_attn(*typed, "--on-long", "truncate", "--out", tmp_path / "links")
    links = list(read_links(tmp_path / "links"))
    assert (status, [i for i, found in enumerate(links) if found]) == (0, sorted([*USED, 2]))
    assert f"1 too long, cut ({table}, line 4)" in error
    assert f"{table}, line 4: " in refused(*typed, "--on-long", "error")
    assert f"{table}, line 7: 1 fields" in refused("align", translator_folder, "--data", table)


def test_translations_stand_in_the_rows_of_their_sources(hf_attn, translator_folder, table, tmp_path):
    typed = ("evaluate", translator_folder, "--corpus", table, "--on-bad-row", "skip", "--translations")
    status, out, error = hf_attn(*typed, tmp_path / "split")
    lines = (tmp_path / "split").read_text().split("\n")
    assert (status, len(lines)) == (0, 7 + 1)
    assert [i for i, line in enumerate(lines) if line] == sorted([*USED, 2]), "a long source is translated in parts"
    assert f"sources: 1 too long, split ({table}, line 4)" in error
    assert json.loads(out[out.index("{") :])["sentences"] == 4
    _, out, _ = hf_attn(*typed, tmp_path / "left out", "--on-long", "skip")
    assert json.loads(out[out.index("{") :])["sentences"] == 3
    assert [i for i, line in enumerate((tmp_path / "left out").read_text().split("\n")) if line] == USED


def test_maps_stand_in_the_rows_of_their_sentences(hf_attn, refused, translator_folder, table, tmp_path):
    """A row without text has the map of the end mark."""
    typed = ("export", translator_folder, "--data", table, "--on-bad-row", "skip", "--places", "cross", "--out")
    status, _, error = hf_attn(*typed, tmp_path / "maps", "--forced")
    maps = open_maps(tmp_path / "maps")
    assert (status, len(maps)) == (0, 7)
    assert [i for i in range(7) if maps[i].source and maps[i].target] == USED
    assert maps[1].tokens("cross").weights.shape[2:] == (1, 1)
    assert f"rows: 1 too long, left out ({table}, line 4)" in error
    (tmp_path / "lines").write_text("zwei eins\n\n\n\n\n\neins\n")
    status, *_ = hf_attn(*typed, tmp_path / "hypotheses", "--hypotheses", tmp_path / "lines")
    maps = open_maps(tmp_path / "hypotheses")
    texts = [(maps[i].source, maps[i].target) for i in (0, 1, 3)]
    assert texts == [("one two", "zwei eins"), ("", ""), ("two three", "")]
    (tmp_path / "lines").write_text("zwei\n")
    assert "has 1 lines, but the corpus 7 rows" in refused(*typed, tmp_path / "no", "--hypotheses", tmp_path / "lines")


def test_what_translate_writes_are_hypotheses(hf_attn, translator_folder, tmp_path):
    (tmp_path / "s.txt").write_text("one two\n\nthree\n")
    _, out, _ = hf_attn("translate", translator_folder, "--file", tmp_path / "s.txt")
    (tmp_path / "n.txt").write_text(out)
    typed = ("export", translator_folder, "--data", tmp_path / "s.txt", "--hypotheses", tmp_path / "n.txt", "--out")
    status, *_ = hf_attn(*typed, tmp_path / "maps", "--places", "cross")
    assert (status, len(open_maps(tmp_path / "maps"))) == (0, 3)


def test_long_gold_sentences_cost_no_others(hf_attn, refused, translator, tmp_path):
    rows = [{"source": words.split(), "target": words.split(), "sure": [[0, 0]]} for words in ("one two", LONG, "two")]
    path = tmp_path / "gold.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    status, out, error = hf_attn("heads", translator, "--gold", path)
    assert status == 0
    assert f"heads on {path}, 2 sentences" in out
    assert f"sentences without a vote: 1 too long, left out ({path}, line 2)" in error
    assert f"{path}, line 2: " in refused("heads", translator, "--gold", path, "--on-long", "error")
    path.write_text(json.dumps(rows[1]))
    assert "no sentence of the dev set fits" in refused("heads", translator, "--gold", path)


def test_columns_are_named_on_the_command_line(hf_attn, refused, translator_folder, tmp_path):
    path = tmp_path / "named.tsv"
    path.write_text("src\ttgt\none two\tzwei eins\n")
    columns = ("--source-column", "src", "--target-column", "tgt")
    assert hf_attn("align", translator_folder, "--data", path, *columns)[0] == 0
    assert hf_attn("evaluate", translator_folder, "--corpus", path, *columns)[0] == 0
    typed = ("export", translator_folder, "--data", path, *columns, "--out")
    assert hf_attn(*typed, tmp_path / "maps", "--forced")[0] == 0
    assert "leave out --source-column" in refused("align", tmp_path / "maps", *columns)
    assert "leave out --target-column: targets are read with --forced alone" in refused(*typed, tmp_path / "no")


def test_a_recipe_finds_its_corpus_from_another_folder(hf_attn, translator, corpus, tmp_path, monkeypatch):
    recipe = yaml.safe_load((translator / "recipe.yaml").read_text())
    assert recipe["corpus"] == str(corpus)
    monkeypatch.chdir(tmp_path)
    assert hf_attn("evaluate", translator)[0] == 0
