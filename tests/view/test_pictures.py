"""Pictures are written in the format of their ending, or refused."""

import numpy as np
import pytest
from matplotlib.image import imread

from hf_attn_model.attention.sentence import SentenceMaps, Word
from hf_attn_model.errors import UserError
from hf_attn_model.view.pictures import save_picture


@pytest.fixture
def record():
    uniform = np.full((2, 3, 2, 2), 0.5, dtype=np.float32)
    return SentenceMaps(
        id="0",
        source="dog",
        target="perro",
        source_tokens=["dog", "</s>"],
        target_tokens=["perro", "</s>"],
        source_words=[Word("dog", 0, 3)],
        target_words=[Word("perro", 0, 5)],
        source_word_of_token=[0, None],
        target_word_of_token=[0, None],
        encoder=uniform,
        decoder=uniform,
        cross=uniform,
    )


@pytest.mark.parametrize("ending", [".png", ".pdf", ".svg"])
def test_pictures_are_saved_in_the_format_of_their_ending(tmp_path, record, ending):
    starts = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}
    save_picture(record, tmp_path / "new" / f"one{ending}", "cross", 1, 2)
    assert (tmp_path / "new" / f"one{ending}").read_bytes().startswith(starts[ending])


def test_without_a_place_all_three_are_saved(tmp_path, record):
    for name, place in (("one", "cross"), ("all", None)):
        save_picture(record, tmp_path / f"{name}.png", place)
    one, all_three = (imread(tmp_path / f"{name}.png").shape[1] for name in ("one", "all"))
    assert all_three > 2 * one


def test_a_picture_that_cannot_be_written_is_refused(tmp_path, record):
    with pytest.raises(UserError, match=r"map\.docx: pictures end in \.png"):
        save_picture(record, tmp_path / "map.docx")
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"map\.png: "):
        save_picture(record, tmp_path / "file" / "map.png")
