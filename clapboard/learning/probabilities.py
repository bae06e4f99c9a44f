"""What a model said of a recording's frames, read from its file part by part. No TensorFlow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clapboard import arrow, artifacts

ROWS = 16_384
"""Frames whose probabilities are in memory at once, unless the file's row groups are larger."""


class Said(Protocol):
    """Probabilities of frames that can be asked for as often as wanted."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels by index."""

    def part(self, start: int, stop: int) -> NDArray[np.floating]:
        """Probabilities of the frames in rows start <= i < stop, shape (stop - start, classes)."""


class Stored:
    """The probabilities of a file of `clapboard.learning.prediction.predict`."""

    def __init__(self, path: str | Path) -> None:
        """Read what is small."""
        self.path = path
        with pq.ParquetFile(path) as file:
            metadata = file.metadata
            known = json.loads(file.schema_arrow.metadata[artifacts.METADATA_KEY])
        self.classes: tuple[str, ...] = tuple(known["classes"])
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._borders = np.cumsum([0, *sizes])
        self._group, self._held = -1, np.empty((0, len(self.classes)), np.float32)

    def part(self, start: int, stop: int) -> NDArray[np.floating]:
        """See `Said.part`; the row group read last is kept for the next question.

        Groups are read by one thread: of others Arrow keeps what memory each has once had.
        """
        parts = [np.empty((0, len(self.classes)), np.float32)]
        for group in range(len(self._borders) - 1):
            first, last = self._borders[group : group + 2]
            if first < stop and start < last:
                parts.append(self._rows(group)[max(start - first, 0) : stop - first])
        return np.concatenate(parts)

    def _rows(self, group: int) -> NDArray[np.floating]:
        if group != self._group:
            with pq.ParquetFile(self.path) as file:
                table = file.read_row_group(group, ["probabilities"], use_threads=False)
            lists = table["probabilities"]
            shares = arrow.numbers(pa.chunked_array([lists.combine_chunks().flatten()]))
            self._group, self._held = group, shares.reshape(-1, len(self.classes))
        return self._held


def read_seconds(answers: str | Path) -> NDArray[np.float64]:
    """The time of every frame in a Parquet file of answers, shape (frames,)."""
    return arrow.numbers(artifacts.read_parquet(answers, ["seconds"])[0]["seconds"])


@dataclass(frozen=True)
class Part:
    """Consecutive frames, gone through as often as wanted, also from the last part to the first.

    Attributes:
        said: of the whole recording.
        rows: of these frames.
        together: most frames to be had at once.
    """

    said: Said
    rows: range
    together: int = ROWS

    def __iter__(self) -> Iterator[NDArray[np.floating]]:
        """Probabilities, each of shape (frames, classes)."""
        return map(self._from, self._starts)

    def __reversed__(self) -> Iterator[NDArray[np.floating]]:
        """The same parts, the last one first."""
        return map(self._from, reversed(self._starts))

    @property
    def _starts(self) -> range:
        return range(self.rows.start, self.rows.stop, self.together)

    def _from(self, start: int) -> NDArray[np.floating]:
        return self.said.part(start, min(start + self.together, self.rows.stop))


@dataclass(frozen=True)
class Certainty:
    """How sure a model is of a timeline, arrays of shape (frames,).

    Attributes:
        share: the probability of the timeline's class.
        entropy: of the probabilities, as a share of the highest possible: 0 is sure, 1 is no idea.
        changed: whether another class is the most probable one.
    """

    share: NDArray[np.floating]
    entropy: NDArray[np.floating]
    changed: NDArray[np.bool_]


def certainty(said: Said, timeline: NDArray[np.integer], rows: range) -> Certainty:
    """How sure a model is of a timeline.

    Args:
        said: of its frames.
        timeline: class index of every frame, shape (frames,).
        rows: the frames asked about.
    """
    shares, entropies = [np.empty(0, np.float32)], [np.empty(0, np.float32)]
    changed = [np.empty(0, np.bool_)]
    start = rows.start
    for part in Part(said, rows):
        labels = timeline[start : start + len(part)]
        start += len(part)
        shares.append(part[np.arange(len(part)), labels])
        entropy = -(part * np.log(np.maximum(part, 1e-12))).sum(axis=1)
        entropies.append(entropy / np.log(part.shape[1]))
        changed.append(part.argmax(axis=1) != labels)
    return Certainty(np.concatenate(shares), np.concatenate(entropies), np.concatenate(changed))


def index_type(classes: int) -> np.dtype[np.integer]:
    """The smallest type of number that holds the index of a class."""
    return np.min_scalar_type(max(classes - 1, 0))
