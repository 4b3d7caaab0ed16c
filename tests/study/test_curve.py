"""Frames of a training come back as the maps they were, and films are made of them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from small_exports import assert_same_texts, expected_records

from hf_attn_model.attention.places import PLACES
from hf_attn_model.cli import main
from hf_attn_model.errors import UserError
from hf_attn_model.study.curve import DIGITS, FRAME, read_frames, to_frame, write_curve


def records_of(*maps):
    return [{"step": 10 * number, FRAME: to_frame(each)} for number, each in enumerate(maps)]


def test_a_frame_is_the_maps_to_four_digits():
    for expected in expected_records()[:5]:
        (frame,) = read_frames(json.loads(json.dumps(records_of(expected))))
        assert frame.id == "step 0"
        assert_same_texts(replace(frame, id=expected.id), expected)
        for place in PLACES:
            np.testing.assert_allclose(frame.place(place), expected.place(place), atol=0.51 * 10**-DIGITS)
        np.testing.assert_array_equal(frame.words("cross").rows, expected.words("cross").rows)


def test_films_show_one_sentence():
    first, second = expected_records()[:2]
    assert [frame.id for frame in read_frames(records_of(first, first))] == ["step 0", "step 10"]
    with pytest.raises(UserError, match="several sentences"):
        read_frames(records_of(first, second))
    with pytest.raises(UserError, match="no frames"):
        read_frames([{"step": 0}])


def test_hf_attn_film(tmp_path, capsys):
    maps = expected_records()[4]
    write_curve(tmp_path, records_of(maps, maps, maps))
    for name, start in (("film.gif", b"GIF8"), ("film.html", b"<!DOCTYPE html>")):
        assert main(["film", str(tmp_path), "--out", str(tmp_path / name)]) == 0
        assert (tmp_path / name).read_bytes().startswith(start)
        assert "3 frames, step 0 to step 20" in capsys.readouterr().out
    assert b'"is_film":true' in (tmp_path / "film.html").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "film.mp4"], "films end in .gif, pages in .html"),
        (["--out", "film.html", "--layer", "1"], "leave out --layer"),
        (["--out", "film.gif"], "no frames"),
    ],
)
def test_mistakes_get_one_line(tmp_path, options, said, capsys):
    write_curve(tmp_path, [{"step": 0}] if said == "no frames" else records_of(expected_records()[4]))
    assert main(["film", str(tmp_path), *options]) == 2
    assert said in capsys.readouterr().err
