"""29 classes and more are told apart, with normal and with colour-blind vision."""

from itertools import combinations

import numpy as np
import pytest

from clapboard.evaluation.class_colours import COLOURS, colour, hatching, ink

# Full loss of one kind of cone, for linear RGB: Machado, Oliveira, Fernandes, "A physiologically-
# based model for simulation of color vision deficiency" (2009).
VISIONS = {
    "normal": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritan": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
# sRGB, D65: linear RGB to X, Y, Z.
XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)


def lab(rgb, vision="normal"):
    """CIE L*a*b* of sRGB colours, shape (n, 3), as somebody sees them."""
    rgb = np.asarray(rgb)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ VISIONS[vision].T, 0, 1) @ XYZ.T / XYZ.sum(axis=1)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = f.T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def nearest(indices, vision):
    """The smallest CIE76 difference between two of these classes."""
    seen = lab([colour(index) for index in indices], vision)
    return min(np.linalg.norm(one - other) for one, other in combinations(seen, 2))


def test_the_measure_is_that_of_the_textbooks():
    # Lindbloom's figures for the primaries of sRGB under D65.
    primaries = [[53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86]]
    assert lab(np.eye(3)) == pytest.approx(np.array(primaries), abs=0.02)
    grey = lab([[0.5, 0.5, 0.5]])
    for vision in VISIONS:
        assert lab([[0.5, 0.5, 0.5]], vision) == pytest.approx(grey, abs=0.02)


@pytest.mark.parametrize("vision", VISIONS)
def test_no_two_colours_are_alike(vision):
    assert nearest(range(len(COLOURS)), vision) >= 13


@pytest.mark.parametrize("vision", VISIONS)
def test_classes_of_one_hatching_differ_the_more(vision):
    for row in range(0, len(COLOURS), 8):
        assert len({hatching(index) for index in range(row, row + 8)}) == 1
        assert nearest(range(row, row + 8), vision) >= 16


def test_a_colour_that_comes_again_comes_with_another_hatching():
    assert len({(colour(index), hatching(index)) for index in range(160)}) == 160


def test_what_is_written_on_a_colour_can_be_read():
    levels = {"black": 0, "white": 1}
    for index in range(len(COLOURS)):
        written, ground = lab([[levels[ink(index)]] * 3, colour(index)])
        assert abs(written[0] - ground[0]) >= 40
