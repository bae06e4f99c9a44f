"""Which frames follow each other: stretches of a recording, cut into windows. No TensorFlow."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

NONE = -1


def stretches(examples: pd.DataFrame, gap: float) -> list[range]:
    """Row ranges of consecutive sampled frames, never across recordings, splits or gaps in time.

    Args:
        examples: columns `recording`, `split` and `seconds`, ordered by recording and time.
        gap: a stretch ends where the step to the next frame is longer than `gap` times the
            recording's median step.
    """
    found = []
    for _, rows in examples.groupby(["recording", "split"], sort=False).indices.items():
        seconds = examples["seconds"].to_numpy()[rows]
        steps = np.diff(seconds)
        usual = np.median(steps) if len(steps) else 0.0
        apart = (steps > gap * usual + 1e-9) | (np.diff(rows) != 1)
        borders = [0, *(np.flatnonzero(apart) + 1), len(rows)]
        found += [range(rows[start], rows[stop - 1] + 1) for start, stop in pairwise(borders)]
    return sorted(found, key=lambda stretch: stretch.start)


def windows(found: list[range], length: int, stride: int) -> NDArray[np.int64]:
    """Windows over every stretch, the last one flush with its end, so that no frame is left out.

    Args:
        found: see `stretches`.
        length: frames of a window; no longer than the longest stretch needs.
        stride: frames between two starts.

    Returns:
        Rows, shape (windows, length); -1 after the end of a stretch shorter than `length`.
    """
    length = min(length, max(map(len, found), default=1))
    items = []
    for stretch in found:
        last = max(len(stretch) - length, 0)
        for start in sorted({*range(0, last, stride), last}):
            rows = np.full(length, NONE, np.int64)
            part = stretch[start : start + length]
            rows[: len(part)] = part
            items.append(rows)
    return np.array(items, np.int64).reshape(-1, length)


class Merged:
    """Probabilities of rows, averaged over all windows that hold them."""

    def __init__(self, rows: int, classes: int) -> None:
        """Begin with nothing known of `rows` rows."""
        self._sum = np.zeros((rows, classes), np.float32)
        self._count = np.zeros(rows, np.int64)

    def add(self, items: NDArray[np.int64], probabilities: NDArray[np.float32]) -> None:
        """Take in windows of rows, shape (windows, length), with (windows, length, classes)."""
        known = items != NONE
        np.add.at(self._sum, items[known], probabilities[known])
        np.add.at(self._count, items[known], 1)

    def mean(self) -> NDArray[np.floating]:
        """Mean probabilities, shape (rows, classes).

        Raises:
            ValueError: a row was in no window.
        """
        if not self._count.all():
            raise ValueError("a frame is in no window")
        return self._sum / self._count[:, None]
