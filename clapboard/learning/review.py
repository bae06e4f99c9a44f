"""Which minutes of a recognised recording a human should look at first. No TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clapboard.learning.probabilities import Certainty

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
    sure: Certainty,
    timeline: NDArray[np.integer],
    length: float = MINUTE,
) -> list[Doubt]:
    """All stretches of `length` seconds that hold frames, the most doubtful first.

    Args:
        seconds: time of every frame, ascending, shape (frames,).
        sure: how sure the model is of the timeline.
        timeline: class index of every frame after decoding, shape (frames,).
        length: seconds of a stretch.
    """
    stretch = (seconds // length).astype(np.int64)
    found = []
    for number in np.unique(stretch):
        inside = stretch == number
        counts = np.bincount(timeline[inside])
        order = np.argsort(-counts, kind="stable")
        found.append(
            Doubt(
                number * length,
                min((number + 1) * length, float(seconds[-1])),
                float(sure.entropy[inside].mean()),
                float(sure.changed[inside].mean()),
                tuple(int(label) for label in order if counts[label]),
            )
        )
    return sorted(found, key=lambda one: -one.doubt)
