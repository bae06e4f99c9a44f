"""How good a recognised timeline is: measures of segments instead of single frames.

A frame model that flickers can have a good accuracy and a useless timeline; these measures notice.
All are shares of 1; papers give them times 100.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clapboard.parts import Runs, runs_of

OVERLAPS = (0.10, 0.25, 0.50)
"""The thresholds of F1@k usual in the literature."""

Timeline = NDArray[np.integer]


@dataclass(frozen=True)
class Segment:
    """Consecutive frames of one class: positions start <= i < stop of a timeline."""

    label: int
    start: int
    stop: int


def segments(
    timeline: Timeline | Runs, background: int | None = None, breaks: Iterable[int] = ()
) -> list[Segment]:
    """The runs of equal labels, in order.

    Args:
        timeline: class index of consecutive frames, shape (frames,).
        background: a class whose runs are left out.
        breaks: positions where a segment ends even if the label goes on, e.g. a gap in time.
    """
    runs = timeline if isinstance(timeline, Runs) else runs_of(timeline)
    return [
        Segment(int(label), start, stop)
        for label, start, stop in runs.cut(breaks)
        if label != background
    ]


def edit_score(true: Sequence[Segment], predicted: Sequence[Segment]) -> float:
    """1 - edit distance of the two sequences of labels / length of the longer.

    Order and number of segments count, their borders do not. Lea, Reiter, Vidal, Hager, "Segmental
    spatiotemporal CNNs for fine-grained action segmentation" (2016). nan if both are empty, where
    the evaluation of MS-TCN divides by zero.
    """
    longer = max(len(true), len(predicted))
    if not longer:
        return float("nan")
    above = list(range(len(predicted) + 1))
    for row, wanted in enumerate(true, start=1):
        current = [row]
        for column, found in enumerate(predicted, start=1):
            replaced = above[column - 1] + (wanted.label != found.label)
            current.append(min(replaced, above[column] + 1, current[-1] + 1))
        above = current
    return 1 - above[-1] / longer


@dataclass(frozen=True)
class Matches:
    """Segments found, invented and missed; sums over recordings are meaningful, means are not."""

    hits: int
    invented: int
    missed: int

    def __add__(self, other: Matches) -> Matches:
        return Matches(
            self.hits + other.hits, self.invented + other.invented, self.missed + other.missed
        )

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN); nan if there is no segment at all."""
        whole = 2 * self.hits + self.invented + self.missed
        return 2 * self.hits / whole if whole else float("nan")


def match_segments(
    true: Sequence[Segment], predicted: Sequence[Segment], overlap: float
) -> Matches:
    """Count predicted segments that lie over a true one of their class well enough.

    Each predicted segment, in order, takes the true segment of its class with the highest
    intersection over union; it is a hit if that is at least `overlap` and the true segment is not
    taken yet. Lea, Flynn, Vidal, Reiter, Hager, "Temporal convolutional networks for action
    segmentation and detection" (2017).
    """
    taken: set[int] = set()
    for found in predicted:
        shares = [
            _intersection_over_union(found, wanted) if wanted.label == found.label else 0.0
            for wanted in true
        ]
        best = int(np.argmax(shares)) if shares else -1
        if best >= 0 and shares[best] >= overlap and best not in taken:
            taken.add(best)
    hits = len(taken)
    return Matches(hits, len(predicted) - hits, len(true) - hits)


def _intersection_over_union(one: Segment, other: Segment) -> float:
    """Shared frames of two segments / length from the first start to the last stop."""
    shared = min(one.stop, other.stop) - max(one.start, other.start)
    return max(shared, 0) / (max(one.stop, other.stop) - min(one.start, other.start))
