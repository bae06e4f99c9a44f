"""Several cameras of one session as one: the mean of their probabilities at the same time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from clapboard.learning.protocol import Answers

NEAREST_STEPS = 1.5
"""Frames of two cameras are the same moment when no further apart than so many usual steps."""


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


def _nearest(
    mine: NDArray[np.float64], theirs: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions in `mine` that have a frame of `theirs` near enough, and that frame's position."""
    after = np.clip(np.searchsorted(theirs, mine), 1, max(len(theirs) - 1, 1))
    after = np.minimum(after, len(theirs) - 1)
    before = np.maximum(after - 1, 0)
    near = np.where(mine - theirs[before] <= theirs[after] - mine, before, after)
    steps = np.concatenate([np.diff(mine), np.diff(theirs)])
    usual = float(np.median(steps)) if len(steps) else 0.0
    rows = np.flatnonzero(np.abs(theirs[near] - mine) <= NEAREST_STEPS * usual + 1e-9)
    return rows, near[rows]
