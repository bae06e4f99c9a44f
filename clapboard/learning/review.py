"""Which minutes of a recognised recording a human should look at first. No TensorFlow."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clapboard.learning.probabilities import Said, certainty

MINUTE = 60.0


@dataclass(frozen=True)
class Doubt:
    """A stretch of a recording and how unsure the model is of it.

    Attributes:
        start: seconds.
        stop: seconds.
        doubt: mean over its frames of the entropy of the probabilities, as a share of the highest
            possible: 0 is sure, 1 is no idea.
        changed: share of its frames whose label the decoder changed.
        labels: class indices of the timeline there, the most frequent first.
    """

    start: float
    stop: float
    doubt: float
    changed: float
    labels: tuple[int, ...]


def rank(
    seconds: NDArray[np.float64],
    said: Said,
    timeline: NDArray[np.integer],
    length: float = MINUTE,
) -> list[Doubt]:
    """All stretches of `length` seconds that hold frames, the most doubtful first.

    Args:
        seconds: time of every frame, ascending, shape (frames,).
        said: of the frames.
        timeline: class index of every frame after decoding, shape (frames,).
        length: seconds of a stretch.
    """
    found = []
    start = 0
    while start < len(seconds):
        number = float(seconds[start] // length)
        stop = bisect_right(seconds, number, start, key=lambda time: time // length)
        sure = certainty(said, timeline, range(start, stop))
        counts = np.bincount(timeline[start:stop])
        order = np.argsort(-counts, kind="stable")
        found.append(
            Doubt(
                number * length,
                min((number + 1) * length, float(seconds[-1])),
                float(sure.entropy.mean()),
                float(sure.changed.mean()),
                tuple(int(label) for label in order if counts[label]),
            )
        )
        start = stop
    return sorted(found, key=lambda one: -one.doubt)
