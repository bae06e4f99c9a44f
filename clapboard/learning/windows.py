"""Which frames follow each other: stretches of a recording, cut into windows. No TensorFlow."""

from __future__ import annotations

from itertools import pairwise
from math import prod
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clapboard.timing.gaps import longest_step, usual_step

NONE = -1
LOOKED_AT = 2**18
"""Rows of windows that are looked at at once."""


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
        between = np.diff(seconds)
        apart = (between > longest_step(usual_step([between]), gap)) | (np.diff(rows) != 1)
        found += [
            range(rows[part.start], rows[part.stop - 1] + 1) for part in _parts(apart, len(rows))
        ]
    return sorted(found, key=lambda stretch: stretch.start)


def _parts(apart: NDArray[np.bool_], length: int) -> list[range]:
    """`length` rows cut where a row is apart from the next one."""
    borders = [0, *(np.flatnonzero(apart) + 1).tolist(), length]
    return [range(start, stop) for start, stop in pairwise(borders)]


class Items(Protocol):
    """Rows of every item, an array of shape (items,) or (items, frames), or what gives its rows."""

    @property
    def ndim(self) -> int:
        """2 if an item is a sequence."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of all."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, numbers: NDArray[np.int64], /) -> NDArray[np.int64]:
        """Those of the items with these numbers."""


class Windows:
    """Windows over every stretch, the last one flush with its end, so that no frame is left out.

    Found when asked for: `Items`, -1 after the end of a stretch shorter than a window.
    """

    ndim = 2

    def __init__(self, found: list[range], length: int, stride: int) -> None:
        """Cut stretches.

        Args:
            found: see `stretches`.
            length: frames of a window; no longer than the longest stretch needs.
            stride: frames between two starts, at most `length`.
        """
        self._length, self._stride = min(length, max(map(len, found), default=1)), stride
        self._first = np.array([stretch.start for stretch in found], np.int64)
        self._stop = np.array([stretch.stop for stretch in found], np.int64)
        self._last = np.maximum(self._stop - self._length, self._first)
        windows = -(-(self._last - self._first) // stride) + 1
        self._ends = np.cumsum(windows)
        self._begins = self._ends - windows

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Items`."""
        return len(self), self._length

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of some windows, shape (windows, length)."""
        stretch = np.searchsorted(self._ends, numbers, "right")
        start = self._first[stretch] + (numbers - self._begins[stretch]) * self._stride
        start = np.minimum(start, self._last[stretch])
        rows = start[:, None] + np.arange(self._length)
        return np.where(rows < self._stop[stretch, None], rows, NONE)


class Singly:
    """Each row an item of its own: `Items`."""

    ndim = 1

    def __init__(self, rows: int) -> None:
        """Take the number of rows."""
        self.shape: tuple[int, ...] = (rows,)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """See `Items`."""
        return numbers


class Chosen:
    """Some of the items, by their numbers, eight bytes each: `Items`."""

    def __init__(self, items: Items, numbers: NDArray[np.int64]) -> None:
        """Take the numbers in the order in which they count from now on."""
        self.ndim, self._items, self._numbers = items.ndim, items, numbers

    @property
    def shape(self) -> tuple[int, ...]:
        """See `Items`."""
        return len(self), *self._items.shape[1:]

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """See `Items`."""
        return self._items[self._numbers[numbers]]


def holding(items: Items, wanted: NDArray[np.bool_]) -> Chosen:
    """Those of the items that hold a wanted row, in their order.

    Windows may overlap as often as they are long, so that only some are looked at at once.

    Args:
        items: of any rows.
        wanted: of every row, shape (rows,).
    """
    at_once = max(LOOKED_AT // prod(items.shape[1:]), 1)
    found = [np.empty(0, np.int64)]
    for start in range(0, len(items), at_once):
        numbers = np.arange(start, min(start + at_once, len(items)))
        rows = items[numbers].reshape(len(numbers), -1)
        found.append(numbers[((rows != NONE) & wanted[rows]).any(axis=1)])
    return Chosen(items, np.concatenate(found))


class Merged:
    """Probabilities of rows, averaged over all windows that hold them, in the order of the rows.

    Windows come in the order of their first rows, so that rows before the next window are known for
    good and need not be kept: memory does not grow with the number of rows.
    """

    def __init__(self, classes: int) -> None:
        """Begin with row 0."""
        self._first = 0
        self._sum = np.zeros((0, classes), np.float32)
        self._count = np.zeros(0, np.int64)

    def add(self, items: NDArray[np.int64], probabilities: NDArray[np.float32]) -> None:
        """Take in windows of rows, shape (windows, length), with (windows, length, classes)."""
        known = items != NONE
        rows = items[known] - self._first
        more = max(int(rows.max(initial=-1)) + 1 - len(self._count), 0)
        self._sum = np.pad(self._sum, ((0, more), (0, 0)))
        self._count = np.pad(self._count, (0, more))
        np.add.at(self._sum, rows, probabilities[known])
        np.add.at(self._count, rows, 1)

    def take(self, until: int) -> NDArray[np.floating]:
        """Mean probabilities of the rows not yet taken before row `until`, shape (rows, classes).

        Raises:
            ValueError: a row was in no window.
        """
        rows = until - self._first
        if len(self._count) < rows or not self._count[:rows].all():
            raise ValueError("a frame is in no window")
        mean = self._sum[:rows] / self._count[:rows, None]
        self._first = until
        self._sum, self._count = self._sum[rows:], self._count[rows:]
        return mean
