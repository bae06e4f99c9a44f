"""The exact frame rate behind a list of ticks."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from clapboard.clock import NTSC, NTSC_WHOLE_RATES

STANDARD_RATES = frozenset(
    [Fraction(whole) for whole in range(1, 241)]
    + [whole * NTSC / half for whole in NTSC_WHOLE_RATES for half in (1, 2)]
)

# A constant rate may have holes, but most frames follow the one before at its distance.
CONSTANT_SHARE = 0.9


@dataclass(frozen=True)
class FrameRate:
    """How fast the frames of a chapter follow each other.

    Attributes:
        rate: frames per second, exact; the mean one if it varies.
        constant: whether all frames stand on one grid, holes apart.
        step: how long one frame lasts, seconds: 1 / rate, or the median distance in ticks where
            the rate varies or is in no common use.
    """

    rate: Fraction
    constant: bool
    step: Fraction


def frame_rate(pts: NDArray[np.int64], time_base: Fraction, declared: Fraction) -> FrameRate:
    """The rate at which frames were taken.

    A grid of ticks can be coarser than the rate (29.97 in milliseconds is 33, 33, 34, ...), so a
    rate in use that fits all ticks within their rounding wins over the measured mean.

    Args:
        pts: presentation times in ticks, strictly increasing. Shape (frames,).
        time_base: seconds per tick.
        declared: what the container says, 0 if nothing.
    """
    steps = np.diff(pts)
    if not len(steps):
        rate = declared if declared in STANDARD_RATES else Fraction(1)
        return FrameRate(rate, True, 1 / rate)
    median = int(np.median(steps))
    # Rounding to ticks moves a distance by one at most; if that is half a frame it is a hole.
    near = np.abs(steps - median) <= (1 if median > 2 else 0)
    if near.mean() < CONSTANT_SHARE:
        mean = Fraction(len(steps), int(steps.sum())) / time_base
        return FrameRate(mean, False, median * time_base)
    count, total = int(near.sum()), int(steps[near].sum())
    measured = Fraction(total, count)
    # Rounding to ticks is off by less than one at either end of each stretch without a hole.
    tolerance = Fraction(int((~near).sum()) + 1, count)

    def misfit(rate: Fraction) -> Fraction:
        return abs(1 / (rate * time_base) - measured)

    known = declared in STANDARD_RATES and misfit(declared) < tolerance
    if declared and (known or misfit(declared) == 0):
        rate = declared
    else:
        nearest = min(STANDARD_RATES, key=lambda rate: (misfit(rate), rate))
        rate = nearest if misfit(nearest) < tolerance else 1 / (measured * time_base)
    step = 1 / rate if rate in STANDARD_RATES else median * time_base
    return FrameRate(rate, True, step)
