"""The exact rate behind ticks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clapboard.video.rates import frame_rate

NTSC = Fraction(30000, 1001)
IN_USE = [
    Fraction(24000, 1001),
    Fraction(25),
    NTSC,
    Fraction(30),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
]
UNKNOWN = Fraction(0)


def ticks(places: np.ndarray, rate: Fraction, time_base: Fraction) -> np.ndarray:
    return np.array([round(int(place) / rate / time_base) for place in places])


@pytest.mark.parametrize("rate", IN_USE)
@pytest.mark.parametrize("time_base", [Fraction(1, 1000), Fraction(1, 600), Fraction(1, 90000)])
@pytest.mark.parametrize("declared", [True, False])
def test_rates_in_use_are_found_behind_coarse_ticks(rate, time_base, declared):
    found = frame_rate(ticks(np.arange(2000), rate, time_base), time_base, rate * declared)
    assert (found.rate, found.constant, found.step) == (rate, True, 1 / rate)


@given(
    rate=st.sampled_from(IN_USE),
    holes=st.lists(st.tuples(st.integers(1, 290), st.integers(1, 100)), max_size=5),
    frame_ticks=st.booleans(),
)
def test_holes_do_not_change_the_rate(rate, holes, frame_ticks):
    places = np.arange(300)
    for after, length in holes:
        places[after:] += length
    time_base = 1 / rate if frame_ticks else Fraction(1, 90000)
    # A camera that lost frames declares a mean that nothing was filmed at.
    declared = Fraction(299, int(places[-1])) * rate
    found = frame_rate(ticks(places, rate, time_base), time_base, declared)
    assert (found.rate, found.constant) == (rate, True)


def test_an_odd_but_exact_rate_is_kept():
    found = frame_rate(np.arange(50), Fraction(100, 2997), Fraction(2997, 100))
    assert found.rate == Fraction(2997, 100)


def test_a_rate_in_no_use_is_measured():
    found = frame_rate(np.arange(50) * 7000, Fraction(1, 30000), UNKNOWN)
    assert found.rate == Fraction(30000, 7000)


def test_a_variable_rate_has_its_mean():
    steps = np.random.default_rng(1).integers(700, 1300, 200)
    found = frame_rate(np.cumsum(steps), Fraction(1, 30000), Fraction(30))
    assert not found.constant
    assert found.rate == Fraction(199, int(steps[1:].sum())) * 30000


def test_a_single_frame_lasts_as_declared():
    assert frame_rate(np.array([0]), Fraction(1, 30000), NTSC).step == 1 / NTSC
