"""Probabilities of single frames to a steady timeline. No TensorFlow.

A decoder never looks over a gap: it gets one stretch of consecutive frames at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from clapboard.evaluation.timelines import segments
from clapboard.learning.windows import stretches

GAP = 2.5
BLOCK = 16_384
"""Frames whose copies in double precision are in memory at the same time."""
FLOOR = 1e-6
"""Lowest probability, so that one frame cannot forbid a class."""


@dataclass(frozen=True)
class Durations:
    """What Training shows of the order and length of procedures.

    Attributes:
        prior: share of frames per class, shape (classes,).
        seconds: mean length of a segment per class, shape (classes,).
        follows: ``follows[a, b]``: share of class b among the segments that follow one of class
            a, zero for b = a, shape (classes, classes).
    """

    prior: NDArray[np.float64]
    seconds: NDArray[np.float64]
    follows: NDArray[np.float64]


def learn_durations(training: pd.DataFrame, classes: int) -> Durations:
    """Count segments of the Training split; every follower is seen once more than it was.

    A class without a segment gets the mean length of all.

    Args:
        training: columns `recording`, `split`, `seconds`, `class_index`, ordered.
        classes: number of classes.
    """
    seconds, index = training["seconds"].to_numpy(), training["class_index"].to_numpy()
    lengths, counts = np.zeros(classes), np.zeros(classes)
    follows = np.ones((classes, classes))
    for stretch in stretches(training, GAP):
        part = slice(stretch.start, stretch.stop)
        found = segments(index[part])
        times = seconds[part]
        step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        for place, segment in enumerate(found):
            lengths[segment.label] += times[segment.stop - 1] - times[segment.start] + step
            counts[segment.label] += 1
            if place:
                follows[found[place - 1].label, segment.label] += 1
    np.fill_diagonal(follows, 0)
    usual = lengths.sum() / max(counts.sum(), 1)
    mean = np.where(counts > 0, lengths / np.maximum(counts, 1), usual)
    shares = np.bincount(index, minlength=classes) + 1.0
    rows = follows.sum(axis=1, keepdims=True)
    return Durations(shares / shares.sum(), mean, follows / np.maximum(rows, 1))


def median(probabilities: NDArray[np.floating], width: int) -> NDArray[np.int64]:
    """The class with the most votes among the `width` frames around each, shape (frames,).

    Votes are hard; equal numbers go to the higher mean probability. At the ends the window is
    what there is of it.
    """
    frames, classes = probabilities.shape
    width = min(width, 2 * frames - 1)
    timeline = np.empty(frames, np.int64)
    for start in range(0, frames, BLOCK):
        first, stop = max(start - width, 0), min(start + BLOCK, frames)
        near = probabilities[first : stop + width].astype(np.float64)
        votes = np.eye(classes)[near.argmax(axis=1)]
        around = uniform_filter1d(votes, width, axis=0, mode="constant")
        mean = uniform_filter1d(near, width, axis=0, mode="constant")
        scores = np.round(around * width) + mean / 2
        timeline[start:stop] = scores[start - first : stop - first].argmax(axis=1)
    return timeline


def viterbi(
    probabilities: NDArray[np.floating], step: float, durations: Durations
) -> NDArray[np.int64]:
    """The most probable sequence of classes, shape (frames,).

    A hidden Markov model with one state per class. A segment of class c ends at each step with
    probability step / mean length of c, and the next class is drawn by what follows c in Training.
    A frame's evidence is its probability over the class' prior (Bourlard and Morgan, 1994). A class
    with probability 0 in all frames is one that the model does not know, and is never the answer.

    Args:
        probabilities: shape (frames, classes).
        step: seconds from frame to frame.
        durations: from `learn_durations`.
    """
    prior = np.log(durations.prior)
    unknown = probabilities.max(axis=0) == 0
    leave = np.clip(step / np.maximum(durations.seconds, FLOOR), FLOOR, 0.5)
    moves = np.log(np.maximum(durations.follows * leave[:, None], FLOOR * FLOOR))
    np.fill_diagonal(moves, np.log1p(-leave))
    best = prior
    came_from = np.empty(probabilities.shape, np.int16)
    for start in range(0, len(probabilities), BLOCK):
        evidence = np.log(np.maximum(probabilities[start : start + BLOCK], FLOOR)) - prior
        evidence[:, unknown] = -np.inf
        for frame, seen in enumerate(evidence, start):
            if frame:
                scores = best[:, None] + moves
                came_from[frame] = scores.argmax(axis=0)
                best = scores.max(axis=0)
            best = best + seen
    path = np.empty(len(probabilities), np.int64)
    path[-1] = best.argmax()
    for frame in range(len(path) - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path
