"""A film has a frame for each step, of one size and on one colour scale."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageSequence
from small_exports import expected_records

from hf_attn_model.errors import UserError
from hf_attn_model.view.pictures import save_film


@pytest.fixture
def frames():
    """Attention that goes from even to sharp in three steps."""
    (record,) = expected_records()[4:5]
    cross = record.place("cross")
    even, sharp = np.full_like(cross, 1 / cross.shape[-1]), np.zeros_like(cross)
    sharp[..., 0] = 1
    return [replace(record, id=f"step {i}", cross=even * (1 - i / 2) + sharp * i / 2) for i in range(3)]


def test_a_frame_for_each_step(frames, tmp_path):
    path = tmp_path / "new" / "film.gif"
    save_film(frames, path, "cross", 1, 2)
    with Image.open(path) as film:
        pictures = [frame.convert("L") for frame in ImageSequence.Iterator(film)]
        durations = []
        for number in range(3):
            film.seek(number)
            durations.append(film.info["duration"])
    assert len(pictures) == 3
    assert durations[-1] > durations[0] > 0
    even, _, sharp = ((np.asarray(picture) < 60).sum() for picture in pictures)
    assert sharp > 2 * even, "a sharper look is darker, as all frames share a scale"


def test_all_places_make_a_wider_film(frames, tmp_path):
    sizes = []
    for place in ("cross", None):
        save_film(frames, tmp_path / "film.gif", place)
        with Image.open(tmp_path / "film.gif") as film:
            sizes.append(film.size)
    assert sizes[1][0] > 2 * sizes[0][0]


def test_mistakes_are_told(frames, tmp_path):
    with pytest.raises(UserError, match=r"films end in \.gif"):
        save_film(frames, tmp_path / "film.mp4")
    with pytest.raises(UserError, match="layer"):
        save_film(frames, tmp_path / "film.gif", "cross", 7)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="file"):
        save_film(frames, tmp_path / "file" / "film.gif")
