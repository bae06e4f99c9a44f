"""What a model said of a recording's frames, read from its file part by part. No TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clapboard import arrow, artifacts, parts
from clapboard.artifacts import ROWS
from clapboard.parts import Rows


class Said(Protocol):
    """Probabilities of frames that can be asked for as often as wanted."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Labels by index."""

    def part(self, start: int, stop: int) -> NDArray[np.floating]:
        """Probabilities of the frames in rows start <= i < stop, shape (stop - start, classes)."""


class Stored:
    """The probabilities of a file of `clapboard.learning.prediction.predict`.

    Attributes:
        seconds: time of every frame.
        predicted: class index of the label that the file gives to every frame.
    """

    def __init__(self, path: str | Path) -> None:
        """Read what is small."""
        _, known = artifacts.read_parquet(path, [])
        self.classes: tuple[str, ...] = tuple(known["classes"])
        names = arrow.texts(self.classes)
        self.seconds = parts.numbers([path], "seconds")
        self.predicted = parts.blocks(
            [path],
            ["predicted"],
            lambda table, _: arrow.numbers(pc.index_in(table["predicted"], names)),
        )
        self._shares = parts.blocks([path], ["probabilities"], _shares)

    def part(self, start: int, stop: int) -> NDArray[np.floating]:
        """See `Said.part`."""
        return self._shares[start:stop]


def _shares(table: pa.Table, _: int) -> NDArray[np.floating]:
    """The lists of a table as rows of an array."""
    return arrow.rows(table["probabilities"])


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
    """How sure a model is of some frames of a timeline.

    Attributes:
        share: mean probability of the timeline's class.
        entropy: of the probabilities, nats; the mean.
        changed: share of the frames of which another class is the most probable one.
        frames: how many have each class in the timeline, shape (classes,).
    """

    share: float
    entropy: float
    changed: float
    frames: NDArray[np.int64]


def certainty(said: Said, timeline: Rows, rows: range) -> Certainty:
    """How sure a model is of some frames of a timeline.

    Args:
        said: of its frames.
        timeline: class index of every frame, shape (frames,).
        rows: the frames asked about, at least one.
    """
    means, lengths, counts = [], [], np.zeros(len(said.classes), np.int64)
    start = rows.start
    for part in Part(said, rows):
        labels = timeline[start : start + len(part)]
        start += len(part)
        entropy = -(part * np.log(np.maximum(part, 1e-12))).sum(axis=1)
        different = part.argmax(axis=1) != labels
        share = part[np.arange(len(part)), labels]
        means.append([float(values.mean()) for values in (share, entropy, different)])
        lengths.append(len(part))
        counts += np.bincount(labels, minlength=len(counts))
    share, entropy, changed = np.average(means, axis=0, weights=lengths).tolist()
    return Certainty(share, entropy, changed, counts)
