"""What the command line spells out, so as to import nothing heavy, is what the rooms know."""

from typing import get_args

import pytest

from hf_attn_model.alignment.cross_attention import SHIFTS
from hf_attn_model.attention.intervene import MODES
from hf_attn_model.attention.places import PLACES
from hf_attn_model.attention.words import SPECIAL
from hf_attn_model.checkpoint import Checkpoint
from hf_attn_model.checkpoint.alignment_config import RULES
from hf_attn_model.checkpoint.checkpoint import TEXTBOOK
from hf_attn_model.cli import options
from hf_attn_model.engines import FAMILIES, NATIVE
from hf_attn_model.engines.choice import ENGINES
from hf_attn_model.engines.ctranslate2 import NAME, QUANTIZATIONS
from hf_attn_model.errors import UserError
from hf_attn_model.recipes.limits import MOST_BEAMS
from hf_attn_model.recipes.recipe import recipe_names
from hf_attn_model.text.corpora import OnBadRow
from hf_attn_model.text.too_long import OnLong
from hf_attn_model.view.heads import STYLES
from hf_attn_model.view.page import PAGE_SUFFIXES
from hf_attn_model.view.pictures import FILM_SUFFIX


def test_names_are_those_of_the_rooms():
    assert list(options.RECIPES) == recipe_names()
    assert get_args(options.PlaceName) == PLACES
    assert get_args(options.RuleName) == RULES
    assert get_args(options.ModeName) == tuple(MODES)
    assert get_args(options.SpecialName) == SPECIAL
    assert get_args(options.StyleName) == STYLES
    assert get_args(options.OnLongName) == get_args(OnLong)
    assert set(get_args(options.OnBadRowName)) == set(get_args(OnBadRow))
    assert get_args(options.FormName) == (NATIVE, *FAMILIES, NAME)
    assert get_args(options.QuantizationName) == QUANTIZATIONS
    assert get_args(options.EngineName) == ENGINES
    assert options.PAGE_SUFFIXES == PAGE_SUFFIXES
    assert options.FILM_SUFFIX == FILM_SUFFIX
    assert options.MOST_BEAMS == MOST_BEAMS
    assert SHIFTS == (False, True)


def test_numbers():
    assert options.numbers("--layers", None) is None
    assert options.numbers("--layers", "2, 0") == (2, 0)
    for typed in ("", "1,", "a", "-1"):
        with pytest.raises(UserError, match=r"--layers .*: write numbers counted from 0, such as 0,2"):
            options.numbers("--layers", typed)


def test_nothing_is_written_into_the_package_or_the_hub(tmp_path):
    assert options.users_folder(Checkpoint(tmp_path)) == tmp_path
    assert options.users_folder(Checkpoint(TEXTBOOK)) is None
    assert options.users_folder(Checkpoint("user/name")) is None
