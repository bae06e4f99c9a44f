"""What is too long to be held: columns of files read part by part, and values held as runs.

A recording of three hours has a third of a million frames. Jobs that go through all of them hold no
more than a part at a time, and remember changes, not frames.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clapboard import arrow
from clapboard.artifacts import ROWS

KEPT = 2
"""Blocks that are kept, so that a question across a border reads nothing twice."""


class Rows(Protocol):
    """An array, or what gives arrays like one: `rows[5]`, `rows[3:9]`."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, rows: Any, /) -> Any:
        """A row; or an array of those of a slice."""


class Blocks:
    """Rows that are had block by block as they are asked for; those asked for last are kept.

    Safe to ask from several threads.
    """

    def __init__(self, borders: Sequence[int], read: Callable[[int], NDArray[Any]]) -> None:
        """Take the borders of the blocks, from 0 to the number of rows, and what gives a block."""
        self._borders = np.array(borders)
        self._block = lru_cache(KEPT)(read)

    def __len__(self) -> int:
        return int(self._borders[-1])

    def __getitem__(self, rows: int | slice) -> Any:
        """A row; or an array of those of a slice without steps, maybe one not to be changed."""
        if not isinstance(rows, slice):
            return self[rows : rows + 1][0]
        start, stop, _ = rows.indices(len(self))
        last = len(self._borders) - 2
        first, end = np.searchsorted(self._borders, (start, max(stop - 1, start)), "right") - 1
        parts = [
            self._block(block)[max(start - self._borders[block], 0) : stop - self._borders[block]]
            for block in range(min(first, last), min(end, last) + 1)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def blocks(
    paths: Sequence[str | os.PathLike[str]],
    columns: Sequence[str],
    made: Callable[[pa.Table, int], NDArray[Any]],
) -> Blocks:
    """The rows of Parquet files one after the other, a block for each of their row groups.

    Groups are read by one thread: of others Arrow keeps what memory each has once had.

    Args:
        paths: of the files.
        columns: those that are read.
        made: an array with as many rows, made of such a table and the place of its file in `paths`.
    """
    groups, sizes = [], [0]
    for place, path in enumerate(paths):
        with pq.ParquetFile(path) as file:
            known = file.metadata
            groups += [(place, group) for group in range(known.num_row_groups)]
            sizes += [known.row_group(group).num_rows for group in range(known.num_row_groups)]

    def read(block: int) -> NDArray[Any]:
        place, group = groups[block]
        with pq.ParquetFile(paths[place]) as file:
            table = file.read_row_group(group, list(columns), use_threads=False)
        return made(table, place)

    return Blocks(np.cumsum(sizes).tolist(), read)


def numbers(paths: Sequence[str | os.PathLike[str]], name: str) -> Blocks:
    """A column of numbers; see `blocks`."""
    return blocks(paths, [name], lambda table, _: arrow.numbers(table[name]))


def in_parts(rows: Rows, within: range | None = None) -> Iterator[NDArray[Any]]:
    """All rows, or those `within`, in order, some thousands at a time."""
    within = within or range(len(rows))
    for start in range(within.start, within.stop, ROWS):
        yield rows[start : min(start + ROWS, within.stop)]


def steps(rows: Rows, within: range | None = None) -> Iterator[NDArray[Any]]:
    """By how much each row is more than the one before it, part by part; see `in_parts`."""
    within = within or range(len(rows))
    for start in range(within.start, within.stop - 1, ROWS):
        yield np.diff(rows[start : min(start + ROWS + 1, within.stop)])


def counted(parts: Iterable[NDArray[Any]]) -> Counter[Any]:
    """How often each value occurs.

    It holds a number for each different value, however many rows there are.
    """
    counts: Counter[Any] = Counter()
    for part in parts:
        values, times = np.unique(part, return_counts=True)
        counts.update(dict(zip(values.tolist(), times.tolist(), strict=True)))
    return counts


@dataclass(frozen=True)
class Runs:
    """A value for every row, held as runs of equal ones.

    Attributes:
        starts: first row of each run, ascending from 0. Shape (runs,).
        values: of each run, other than that of the one before. Shape (runs,).
        rows: how many there are.
    """

    starts: NDArray[np.int64]
    values: NDArray[Any]
    rows: int

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        """The value of every row of a slice."""
        return self._of(np.arange(*rows.indices(self.rows)))

    def _of(self, rows: NDArray[np.integer]) -> NDArray[Any]:
        return self.values[np.searchsorted(self.starts, rows, "right") - 1]

    def cut(self, breaks: Iterable[int] = ()) -> Iterator[tuple[Any, int, int]]:
        """Value, first row and row after the last one of each run, ended also before `breaks`."""
        starts = np.union1d(self.starts, np.fromiter(breaks, np.int64))
        borders = pairwise([*starts.tolist(), self.rows])
        for value, (start, stop) in zip(self._of(starts).tolist(), borders, strict=True):
            yield value, start, stop


def runs_of(rows: NDArray[Any]) -> Runs:
    """The runs of an array of values."""
    changed = np.flatnonzero(rows[1:] != rows[:-1]) + 1
    starts = np.concatenate([np.zeros(min(len(rows), 1), np.int64), changed])
    return Runs(starts, rows[starts], len(rows))


def joined(several: Iterable[Runs]) -> Runs:
    """The rows of all one after the other; there is at least one."""
    starts, values, rows = [], [], 0
    for runs in several:
        starts.append(runs.starts + rows)
        values.append(runs.values)
        rows += runs.rows
    found = np.concatenate(values)
    new = np.concatenate([np.ones(min(len(found), 1), bool), found[1:] != found[:-1]])
    return Runs(np.concatenate(starts)[new], found[new], rows)
