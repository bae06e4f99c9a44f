"""Which minutes of a recognised recording a human should look at first. No TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from clapboard.learning.probabilities import Said, certainty
from clapboard.parts import Rows, in_parts, joined, runs_of

MINUTE = 60.0

ROUNDING = 1e-9
"""Seconds by which times and multiples of a broken length miss, as floats, what they stand for."""


@dataclass(frozen=True)
class Doubt:
    """A stretch of a recording and how unsure the model is of it.

    Attributes:
        start: seconds.
        stop: seconds.
        entropy: of the probabilities, nats; the mean over its frames.
        changed: share of its frames whose label the decoder changed.
        labels: class indices of the timeline there, the most frequent first.
    """

    start: float
    stop: float
    entropy: float
    changed: float
    labels: tuple[int, ...]


def rank(
    seconds: Rows,
    said: Said,
    timeline: Rows,
    stands: Callable[[int], Fraction],
    length: float = MINUTE,
) -> list[Doubt]:
    """All stretches of `length` seconds that hold frames, the most doubtful first.

    One is shorter where nothing is said of its end any more.

    Args:
        seconds: time of every frame, ascending, shape (frames,).
        said: of the frames.
        timeline: class index of every frame after decoding, shape (frames,).
        stands: until when stands what is said of the frame of a row, seconds; see
            `clapboard.annotations.predictions.Sampled.stop`.
        length: seconds of a stretch.
    """
    found = []
    stretches = joined(runs_of((part + ROUNDING) // length) for part in in_parts(seconds))
    for number, start, stop in stretches.cut():
        sure = certainty(said, timeline, range(start, stop))
        order = np.argsort(-sure.frames, kind="stable")
        found.append(
            Doubt(
                number * length,
                min((number + 1) * length, float(stands(stop - 1))),
                sure.entropy,
                sure.changed,
                tuple(int(label) for label in order if sure.frames[label]),
            )
        )
    return sorted(found, key=lambda one: -one.entropy)
