"""Several cameras of one session as one: the mean of their probabilities at the same time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clapboard.learning.probabilities import Said
from clapboard.learning.protocol import Answers
from clapboard.learning.windows import NONE, usual_step

NEAREST_STEPS = 1.5
"""Frames of two cameras are the same moment when no further apart than so many usual steps."""


@dataclass(frozen=True)
class Camera:
    """What was said of a recording of one camera.

    Attributes:
        recording: its id.
        clock: time of every frame, seconds after the clap, ascending, shape (frames,).
        said: of the frames.
    """

    recording: str
    clock: NDArray[np.float64]
    said: Said


def fused(answers: Answers, claps: Mapping[str, float]) -> Answers:
    """The answers with every frame's probabilities averaged over the cameras of its session.

    Late fusion (Snoek, Worring, Smeulders, 2005) on the common clock, seconds after the clap: each
    camera adds the frame nearest in time, if it has one near enough. Frames, and what is true of
    them, stay as they are, so that figures compare with those of the cameras alone.

    Args:
        answers: frames with `recording`, `subject`, `session`, `seconds`.
        claps: where each recording's clap is, seconds of the recording.
    """
    frames = answers.frames
    clock = frames["seconds"].to_numpy() - frames["recording"].map(claps).to_numpy(np.float64)
    total = answers.probabilities.astype(np.float64).copy()
    count = np.ones(len(frames))
    for _, session in frames.groupby(["subject", "session"], sort=False):
        parts = {name: rows.index.to_numpy() for name, rows in session.groupby("recording")}
        for one, mine in parts.items():
            for other, theirs in parts.items():
                if one != other:
                    rows, near = _nearest(clock[mine], clock[theirs])
                    total[mine[rows]] += answers.probabilities[theirs[near]]
                    count[mine[rows]] += 1
    mean = total / count[:, None]
    return Answers(frames, answers.true, mean.argmax(axis=1), mean, answers.classes)


class Together:
    """Probabilities of a recording's frames averaged as by `fused`, found when asked for."""

    def __init__(self, own: Camera, others: Sequence[Camera]) -> None:
        """Find which frames of the others belong to each of `own`."""
        self.classes = own.said.classes
        self._own = own.said
        self._others = []
        for other in sorted(others, key=lambda one: one.recording):
            found = np.full(len(own.clock), NONE, np.int32)
            rows, near = _nearest(own.clock, other.clock)
            found[rows] = near
            self._others.append((other.said, found))

    def part(self, start: int, stop: int) -> NDArray[np.floating]:
        """See `clapboard.learning.probabilities.Said.part`."""
        total = self._own.part(start, stop).astype(np.float64)
        count = np.ones(len(total))
        for said, found in self._others:
            near = found[start:stop]
            rows = np.flatnonzero(near != NONE)
            if len(rows):
                near = near[rows]
                total[rows] += said.part(near.min(), near.max() + 1)[near - near.min()]
                count[rows] += 1
        return total / count[:, None]


def _nearest(
    mine: NDArray[np.float64], theirs: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions in `mine` that have a frame of `theirs` near enough, and that frame's position."""
    after = np.clip(np.searchsorted(theirs, mine), 1, max(len(theirs) - 1, 1))
    after = np.minimum(after, len(theirs) - 1)
    before = np.maximum(after - 1, 0)
    near = np.where(mine - theirs[before] <= theirs[after] - mine, before, after)
    apart = NEAREST_STEPS * usual_step(mine, theirs)
    rows = np.flatnonzero(np.abs(theirs[near] - mine) <= apart + 1e-9)
    return rows, near[rows]
