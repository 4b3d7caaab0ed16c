"""Equal steps of weight are equal steps of colour, and lightness alone tells them."""

from itertools import pairwise

import pytest

from hf_attn_model.view.page.colours import STOPS, colour_maps, distance, to_oklab

MAPS = colour_maps()


@pytest.mark.parametrize("name", MAPS)
def test_steps_are_even(name):
    colours = [to_oklab(colour) for colour in MAPS[name]]
    assert len(colours) == STOPS
    steps = [distance(one, other) for one, other in pairwise(colours)]
    mean = sum(steps) / len(steps)
    assert mean > 0.02
    assert steps == pytest.approx([mean] * len(steps), rel=0.12)  # "#rrggbb" rounds


def test_weights_are_told_by_lightness_alone():
    """What all colour vision, grey printing and both themes have in common."""
    lightness = [to_oklab(colour)[0] for colour in MAPS["weights"]]
    falls = [one - other for one, other in pairwise(lightness)]
    assert min(falls) > 0.02
    assert lightness[0] > 0.95
    assert lightness[-1] < 0.3


@pytest.mark.parametrize(("name", "grows"), [("differences_light", 1), ("differences_dark", -1)])
def test_differences_are_as_light_on_both_sides_of_nothing(name, grows):
    lightness = [to_oklab(colour)[0] for colour in MAPS[name]]
    middle = STOPS // 2
    assert lightness[: middle + 1] == sorted(lightness[: middle + 1], reverse=grows < 0)
    assert lightness[middle:] == sorted(lightness[middle:], reverse=grows > 0)
    assert lightness[::-1] == pytest.approx(lightness, abs=0.03)


@pytest.mark.parametrize("name", ["differences_light", "differences_dark"])
def test_the_two_sides_differ_in_blue_and_yellow_which_nearly_all_tell_apart(name):
    first, last = (to_oklab(MAPS[name][at]) for at in (0, -1))
    assert first[2] > 0.05
    assert last[2] < -0.05
