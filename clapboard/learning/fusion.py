"""Several cameras of one session as one: the mean of their probabilities at the same time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from clapboard.artifacts import ROWS
from clapboard.learning.probabilities import Said
from clapboard.learning.protocol import Answers
from clapboard.parts import Blocks, Rows
from clapboard.timing.gaps import usual_step

NEAREST_STEPS = 1.5
"""Frames of two cameras are the same moment when no further apart than so many usual steps."""


@dataclass(frozen=True)
class Camera:
    """What was said of a recording of one camera.

    Attributes:
        recording: its id.
        seconds: time of every frame, ascending, shape (frames,).
        clap: when it is.
        said: of the frames.
    """

    recording: str
    seconds: Rows
    clap: float
    said: Said

    def clock(self, start: int, stop: int) -> NDArray[np.float64]:
        """Seconds after the clap of the frames in rows start <= i < stop."""
        return self.seconds[start:stop] - self.clap

    def rows_before(self, clock: float) -> int:
        """How many frames there are before a time, seconds after the clap."""
        return bisect_left(
            range(len(self.seconds)), clock, key=lambda row: self.seconds[row] - self.clap
        )


def fused(answers: Answers, claps: Mapping[str, float], scales: Mapping[str, float]) -> Answers:
    """The answers with every frame's probabilities averaged over the cameras of its session.

    Late fusion (Snoek, Worring, Smeulders, 2005) on the common clock: each camera adds the frame
    nearest in time, if it has one near enough. Frames, and what is true of them, stay as they are,
    so that figures compare with those of the cameras alone.

    The common clock is that of the sheet, (seconds - clap) / scale: the inverse of how labels are
    placed on a recording (`clapboard.annotations.placing.in_recording`).

    Args:
        answers: frames with `recording`, `subject`, `session`, `seconds`.
        claps: where each recording's clap is, seconds of the recording.
        scales: seconds of each recording in a second of the common clock.
    """
    frames = answers.frames
    clock = frames["seconds"].to_numpy() - frames["recording"].map(claps).to_numpy(np.float64)
    clock /= frames["recording"].map(scales).to_numpy(np.float64)
    total = answers.probabilities.astype(np.float64).copy()
    count = np.ones(len(frames))
    for _, session in frames.groupby(["subject", "session"], sort=False):
        parts = {name: rows.index.to_numpy() for name, rows in session.groupby("recording")}
        for one, mine in parts.items():
            for other, theirs in parts.items():
                if one != other:
                    apart = _apart(np.diff(clock[part]) for part in (mine, theirs))
                    rows, near = _nearest(clock[mine], clock[theirs], apart)
                    total[mine[rows]] += answers.probabilities[theirs[near]]
                    count[mine[rows]] += 1
    mean = total / count[:, None]
    return Answers(frames, answers.true, mean.argmax(axis=1), mean, answers.classes)


class Together:
    """Probabilities of a recording's frames averaged as by `fused`, found when asked for."""

    def __init__(self, own: Camera, others: Sequence[Camera]) -> None:
        """Average over frames of `own`."""
        self.classes = own.said.classes
        self._own = own
        self._others = [
            (other, _apart(chain(_steps(own), _steps(other))))
            for other in sorted(others, key=lambda one: one.recording)
        ]
        self._means = Blocks([*range(0, len(own.seconds), ROWS), len(own.seconds)], self._mean)

    def part(self, start: int, stop: int) -> NDArray[np.floating]:
        """See `clapboard.learning.probabilities.Said.part`."""
        return self._means[start:stop]

    def _mean(self, block: int) -> NDArray[np.floating]:
        """The probabilities of some frames."""
        start, stop = block * ROWS, min((block + 1) * ROWS, len(self._own.seconds))
        clock = self._own.clock(start, stop)
        total = self._own.said.part(start, stop).astype(np.float64)
        count = np.ones(len(total))
        for other, apart in self._others:
            # With the frames before and after these: one of the two is the nearest.
            first = max(other.rows_before(clock[0]) - 1, 0)
            last = min(other.rows_before(clock[-1]) + 1, len(other.seconds))
            rows, near = _nearest(clock, other.clock(first, last), apart)
            if len(rows):
                known = other.said.part(first + near[0], first + near[-1] + 1)
                total[rows] += known[near - near[0]]
                count[rows] += 1
        return total / count[:, None]


def _steps(camera: Camera) -> Iterator[NDArray[np.float64]]:
    """From frame to frame on the clock of the session."""
    for start in range(0, len(camera.seconds) - 1, ROWS):
        yield np.diff(camera.clock(start, start + ROWS + 1))


def _apart(parts: Iterable[NDArray[np.float64]]) -> float:
    """How far apart frames of two cameras are the same moment, by the steps of both."""
    return NEAREST_STEPS * usual_step(parts)


def _nearest(
    mine: NDArray[np.float64], theirs: NDArray[np.float64], apart: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions in `mine` that have a frame of `theirs` near enough, and that frame's position."""
    after = np.clip(np.searchsorted(theirs, mine), 1, max(len(theirs) - 1, 1))
    after = np.minimum(after, len(theirs) - 1)
    before = np.maximum(after - 1, 0)
    near = np.where(mine - theirs[before] <= theirs[after] - mine, before, after)
    rows = np.flatnonzero(np.abs(theirs[near] - mine) <= apart + 1e-9)
    return rows, near[rows]
