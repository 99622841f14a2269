"""Colours that all kinds of colour vision tell apart, measured as the eye is said to see them."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from erato.renderers.palette import COLORS, NO_NUMBER, SCALE, hexes, of_track, rgb, round_step, scaled, shades
from erato.score import Floats

# How dichromats see linear light: Machado, Oliveira and Fernandes (2009), table 1, severity 1.0.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def lab(colors: Floats, sight: str = "normal") -> Floats:
    """[N, 3] CIE L*a*b* (D65) of sRGB colours [N, 3] as someone of that sight sees them."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ SIGHT[sight].T, 0, 1) @ TO_XYZ.T / WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    found: Floats = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)
    return found


def difference(one: Floats, other: Floats) -> float:
    """CIEDE2000 of two colours in L*a*b* (Sharma, Wu and Dalal 2005)."""
    (light1, a1, b1), (light2, a2, b2) = one.tolist(), other.tolist()
    mean = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * np.sqrt(mean**7 / (mean**7 + 25.0**7))
    chroma1, chroma2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    hue1, hue2 = (np.degrees(np.arctan2(b, stretch * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = 0.0 if chroma1 * chroma2 == 0 else (hue2 - hue1 + 180) % 360 - 180
    hue = hue1 + hue2 if chroma1 * chroma2 == 0 else (hue1 + turn / 2) % 360
    light, chroma = (light1 + light2) / 2, (chroma1 + chroma2) / 2
    angles = [(-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63)]
    t = 1 + sum(weight * np.cos(np.radians(times * hue + shift)) for weight, times, shift in angles)
    rotation = -np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2))))
    rotation *= 2 * np.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    d_light = (light2 - light1) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    d_chroma = (chroma2 - chroma1) / (1 + 0.045 * chroma)
    d_hue = 2 * np.sqrt(chroma1 * chroma2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * t)
    return float(np.sqrt(d_light**2 + d_chroma**2 + d_hue**2 + rotation * d_chroma * d_hue))


@pytest.mark.parametrize(
    ("one", "other", "known"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1, 2), (50, 0, 0), 2.3669),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_the_measure_is_the_published_one(one: tuple[float, ...], other: tuple[float, ...], known: float) -> None:
    assert difference(np.array(one), np.array(other)) == pytest.approx(known, abs=5e-5)


@pytest.mark.parametrize("sight", SIGHT)
def test_the_first_eight_tracks_are_told_apart(sight: str) -> None:
    seen = lab(rgb(COLORS[:8]), sight)
    assert len(seen) == 8
    assert min(difference(one, other) for one, other in combinations(seen, 2)) > 10


@pytest.mark.parametrize("sight", SIGHT)
def test_the_scale_darkens_in_even_steps_and_no_number_is_none_of_it(sight: str) -> None:
    colors = scaled(np.linspace(0, 1, 17), 1.0)
    seen = lab(colors, sight)
    darker = -np.diff(seen[:, 0])
    assert darker.min() > 2 and darker.max() < 2.2 * darker.min()
    assert min(difference(one, other) for one, other in pairwise(seen)) > 2
    none = lab(rgb([NO_NUMBER]), sight)[0]
    assert min(difference(none, color) for color in lab(scaled(np.linspace(0, 1, 101), 1.0), sight)) > 8


def test_the_scale_is_viridis_backwards() -> None:
    import matplotlib

    assert np.abs(matplotlib.colormaps["viridis"](np.linspace(1, 0, 9))[:, :3] - rgb(SCALE)).max() < 0.006


def test_numbers_beyond_the_scale_stay_on_it() -> None:
    assert hexes(scaled(np.array([0.0, 2.0, 99.0, -1.0, np.nan]), 2.0)) == [
        *[SCALE[0], SCALE[-1], SCALE[-1], SCALE[0], NO_NUMBER]
    ]


def test_colours_that_come_round_again_have_black_edges() -> None:
    assert of_track(0)[0] == of_track(8)[0] and of_track(8)[1] == "#000000" != of_track(0)[1]


def test_louder_is_less_white() -> None:
    soft, loud = shades("#0072B2", np.array([1, 127], np.int8))
    assert (soft > loud).all() and hexes(loud[None]) == ["#0072b2"]


@pytest.mark.parametrize(("span", "step"), [(10, 2), (4.1, 1), (25, 5), (0.1, 0.02), (51, 20), (1e9, 2e8)])
def test_steps_are_round(span: float, step: float) -> None:
    assert round_step(span, 5) == pytest.approx(step)
