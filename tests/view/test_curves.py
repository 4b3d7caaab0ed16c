"""The curve of a training: each line is what the records say."""

import numpy as np
import pytest

from hf_attn_model.cli import main
from hf_attn_model.errors import UserError
from hf_attn_model.study.curve import write_curve
from hf_attn_model.view.curves import plot_curve, save_curve

STEPS = [0, 7, 19]
KINDS = ["verb-object", "adjective-noun"]


def make_records(with_gold=True):
    rng = np.random.default_rng(1)

    def numbers(*names):
        values = {name: float(rng.uniform(0.2, 0.8)) for name in names}
        return values | {f"{name}_interval": [values[name] - 0.1, values[name] + 0.1] for name in names}

    records = []
    for step in STEPS:
        record = {"step": step, "entropy": {place: numbers("mean") for place in ("encoder", "decoder", "cross")}}
        if with_gold:
            record["alignment"] = numbers("best", "layer")
            record["relevance"] = {
                place: {kind: numbers("related", "control") for kind in KINDS} for place in record["entropy"]
            }
            probe = {kind: numbers("mean") for kind in ("verb-object", "subject-object", "adjective-object")}
            record["probe"] = {"encoder": probe}
        records.append(record)
    return records


def lines(axes):
    return {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}


def test_lines_are_the_records():
    records = make_records()
    figure = plot_curve(records)
    assert len(figure.axes) == 3 * (len(KINDS) + 1)
    for row, kind in enumerate(KINDS):
        for column, place in enumerate(("encoder", "decoder", "cross")):
            axes = figure.axes[3 * row + column]
            assert list(axes.get_lines()[0].get_xdata()) == STEPS
            drawn = lines(axes)
            assert drawn["these words"] == [record["relevance"][place][kind]["related"] for record in records]
            assert drawn["others as far apart"] == [record["relevance"][place][kind]["control"] for record in records]
            band = axes.collections[1].get_paths()[0].vertices  # around the other pairs
            assert band[:, 1].max() == pytest.approx(max(drawn["others as far apart"]) + 0.1)
    alignment, entropy, probe = figure.axes[-3:]
    assert lines(alignment)["best head"] == [record["alignment"]["best"] for record in records]
    assert lines(alignment)["best layer"] == [record["alignment"]["layer"] for record in records]
    assert lines(entropy)["cross"] == [record["entropy"]["cross"]["mean"] for record in records]
    kinds = lines(probe)
    assert kinds["subject-object"] == [record["probe"]["encoder"]["subject-object"]["mean"] for record in records]


def test_what_was_not_measured_is_left_out():
    figure = plot_curve(make_records(with_gold=False))
    assert [axes.get_visible() for axes in figure.axes] == [False, True, False]


def test_a_kind_of_pair_that_no_sentence_had_leaves_its_panel_empty():
    records = make_records()
    for record in records:
        del record["relevance"]["cross"]["adjective-noun"]
    empty = plot_curve(records).axes[5]
    assert not empty.get_lines()
    assert not empty.axison


def test_the_verb_draws_the_record_of_a_folder(tmp_path, capsys):
    write_curve(tmp_path, make_records())
    picture = tmp_path / "new" / "curve.svg"
    assert main(["curve", str(tmp_path), "--out", str(picture)]) == 0
    assert "3 steps measured, 0 to 19" in capsys.readouterr().out
    assert "<svg" in picture.read_text()


def test_mistakes_are_told(tmp_path):
    with pytest.raises(UserError, match="no step was measured"):
        plot_curve([])
    with pytest.raises(UserError, match="pictures end in"):
        save_curve(make_records(), tmp_path / "curve.bmp")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        save_curve(make_records(), tmp_path / "file" / "curve.png")
