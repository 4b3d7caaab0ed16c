"""The table and the picture of heads, read back from what was drawn."""

import numpy as np
import pytest

from hf_attn_model.alignment.heads import HeadProfile
from hf_attn_model.alignment.scores import LinkCounts
from hf_attn_model.errors import UserError
from hf_attn_model.view.heads import PROFILE, format_table, plot_heads, profile_cells, save_heads

LAYERS, HEADS = 2, 3


def profile(layer, head, shift):
    number = (layer or 0) * HEADS + (head or 0) + shift
    return HeadProfile(layer, head, shift, LinkCounts(10, 10, number, number), number / 10, number / 20, 0.25, "mixed")


@pytest.fixture
def profiles():
    names = [*np.ndindex(LAYERS, HEADS), (0, None), (1, None), (None, None)]
    return [profile(layer, head, shift) for layer, head in names for shift in (False, True)]


def test_cells_are_percents():
    cells = dict(zip(PROFILE, profile_cells(profile(1, 0, False)), strict=True))
    assert (cells["layer"], cells["head"], cells["shift"], cells["role"]) == ("1", "0", "no", "mixed")
    numbers = [cells[name] for name in ("AER", "precision", "recall", "F1", "entropy", "outside", "distance")]
    assert numbers == pytest.approx([70, 30, 30, 30, 30, 15, 25])
    assert profile_cells(profile(1, None, True))[:2] == ["1", "all"]


def test_tables_say_the_same_in_every_style():
    header, rows = ["name", "F1"], [["first", 12.34], ["第二", 5.0]]
    assert format_table(header, rows, "tsv") == "name\tF1\nfirst\t12.3\n第二\t5.0"
    assert format_table(header, rows, "markdown").splitlines() == [
        "| name | F1 |",
        "| --- | ---: |",
        "| first | 12.3 |",
        "| 第二 | 5.0 |",
    ]
    assert [line.split() for line in format_table(header, rows).splitlines()] == [
        header,
        ["first", "12.3"],
        ["第二", "5.0"],
    ]


def test_every_head_has_its_cell_and_the_chosen_ones_a_frame(profiles):
    figure = plot_heads(profiles, chosen=[(1, 2), (0, 1)])
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_title(loc="left")}
    assert list(panels) == ["F1, unshifted", "F1, shifted", "entropy", "outside words"]
    for title, share in {"F1, unshifted": 0.1, "entropy": 0.1, "outside words": 0.05}.items():
        drawn = np.asarray(panels[title].images[0].get_array())
        np.testing.assert_allclose(drawn, share * np.arange(LAYERS * HEADS).reshape(LAYERS, HEADS))
        assert {(patch.get_x() + 0.45, patch.get_y() + 0.45) for patch in panels[title].patches} == {(2, 1), (1, 0)}
    np.testing.assert_allclose(np.asarray(panels["F1, shifted"].images[0].get_array())[0, 0], 0.1)
    assert [text.get_text() for text in panels["entropy"].texts][:2] == ["0.00", "0.10"]


def test_files_that_cannot_be_written_are_named(profiles, tmp_path):
    save_heads(profiles, [], tmp_path / "heads.svg")
    assert (tmp_path / "heads.svg").read_text().startswith("<?xml")
    for name in ("heads.txt", "heads.svg/heads.png"):
        with pytest.raises(UserError, match=r"heads\."):
            save_heads(profiles, [], tmp_path / name)
