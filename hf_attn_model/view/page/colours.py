"""The colours of weights, computed in OKLab (https://bottosson.github.io/posts/oklab/), where equal steps look equal.

One map for all weights, from light to dark at an even pace of lightness, so that it also reads in grey, in print and
with any colour vision; on a dark page it runs from its dark end to its light one. Differences have two arms, blue and
orange, as light as each other.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import cos, hypot, radians, sin

Colour = tuple[float, float, float]
"""Lightness from 0 to 1, chroma, and hue in degrees."""

STOPS = 17
WEIGHTS: Sequence[Colour] = (
    (0.965, 0.014, 100),
    (0.80, 0.082, 168),
    (0.63, 0.098, 212),
    (0.45, 0.118, 262),
    (0.235, 0.045, 280),
)
DIFFERENCES: dict[str, Sequence[Colour]] = {
    "light": ((0.50, 0.125, 52), (0.73, 0.09, 60), (0.962, 0.004, 90), (0.73, 0.085, 258), (0.50, 0.125, 264)),
    "dark": ((0.80, 0.125, 62), (0.53, 0.08, 58), (0.26, 0.008, 270), (0.53, 0.085, 260), (0.80, 0.095, 258)),
}


def colour_maps() -> dict[str, list[str]]:
    """Compute all colours of the page: for each map its stops, evenly far apart, as "#rrggbb"."""
    return {
        "weights": stops_along(WEIGHTS),
        "differences_light": stops_along(DIFFERENCES["light"]),
        "differences_dark": stops_along(DIFFERENCES["dark"]),
    }


def stops_along(path: Sequence[Colour], count: int = STOPS) -> list[str]:
    """Walk along a path of colours in steps of the same size, and name where each step ends."""
    fine = [_between(path, i / 1000) for i in range(1001)]
    walked = [0.0]
    for one, next_one in pairwise(fine):
        walked.append(walked[-1] + distance(one, next_one))
    stops, position = [], 0
    for number in range(count):
        while walked[position] < walked[-1] * number / (count - 1) - 1e-9:
            position += 1
        stops.append(_hex(fine[position]))
    return stops


def distance(one: Colour, other: Colour) -> float:
    """How different two OKLab colours look."""
    return hypot(*(a - b for a, b in zip(one, other, strict=True)))


def to_oklab(colour: str) -> Colour:
    """Read "#rrggbb" as lightness, green-red and blue-yellow."""
    red, green, blue = (_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5))
    cones = (
        0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue,
        0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue,
        0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue,
    )
    l, m, s = (cone ** (1 / 3) for cone in cones)  # noqa: E741
    return (
        0.2104542553 * l + 0.7936177850 * m - 0.0040720468 * s,
        1.9779984951 * l - 2.4285922050 * m + 0.4505937099 * s,
        0.0259040371 * l + 0.7827717662 * m - 0.8086757660 * s,
    )


def _between(path: Sequence[Colour], share: float) -> Colour:
    """Find the OKLab colour at a share of the path, on straight lines between its corners, rounded by a spline."""
    points = [(light, chroma * cos(radians(hue)), chroma * sin(radians(hue))) for light, chroma, hue in path]
    place = share * (len(points) - 1)
    index = min(int(place), len(points) - 2)
    t = place - index
    before, start, end, after = (points[min(max(index + i, 0), len(points) - 1)] for i in (-1, 0, 1, 2))
    smooth = [  # Catmull-Rom
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(before, start, end, after, strict=True)
    ]
    light = start[0] + (end[0] - start[0]) * t
    return (light, smooth[1], smooth[2])


def _hex(oklab: Colour) -> str:
    """Write an OKLab colour as "#rrggbb"."""
    light, a, b = oklab
    l = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3  # noqa: E741
    m = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    channels = (
        4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
        -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
        -0.0041960863 * l - 0.7034186147 * m + 1.7076147010 * s,
    )
    assert all(-0.002 < channel < 1.002 for channel in channels), f"{oklab} is no colour of a screen: {channels}"
    return "#" + "".join(f"{round(255 * _gamma(min(max(channel, 0), 1))):02x}" for channel in channels)


def _gamma(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
