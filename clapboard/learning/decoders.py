"""Probabilities of single frames to a steady timeline. No TensorFlow.

A decoder never looks over a gap: it gets one stretch of consecutive frames at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Reversible
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clapboard.parts import Runs, joined, runs_of

FLOOR = 1e-6
"""Lowest probability, so that one frame cannot forbid a class."""


@dataclass(frozen=True)
class Durations:
    """What Training shows of the order and length of procedures.

    Attributes:
        shares: of the time per class, shape (classes,).
        seconds: mean length of a segment per class, shape (classes,).
        follows: ``follows[a, b]``: share of class b among the segments that follow one of class
            a, zero for b = a, shape (classes, classes).
    """

    shares: NDArray[np.float64]
    seconds: NDArray[np.float64]
    follows: NDArray[np.float64]


def median(parts: Iterable[NDArray[np.floating]], width: int) -> Runs:
    """The class with the most votes among the `width` frames around each.

    Votes are hard; equal numbers go to the higher mean probability. At the ends the window is
    what there is of it. Of the probabilities no more is held than a window and a part.

    Args:
        parts: probabilities in order, each of shape (frames, classes); gone through twice.
        width: frames.
    """
    frames = sum(map(len, parts))
    width = min(width, 2 * frames - 1)
    sums = _running_sums(map(_with_votes, parts), width)
    halves = (np.hsplit(both, 2) for both in sums)
    return joined(runs_of((votes + shares / width / 2).argmax(axis=1)) for votes, shares in halves)


def _with_votes(part: NDArray[np.floating]) -> NDArray[np.float64]:
    """A one for the most probable class of each frame, then the probabilities."""
    return np.hstack([np.eye(part.shape[1])[part.argmax(axis=1)], part])


def _running_sums(
    parts: Iterable[NDArray[np.float64]], width: int
) -> Iterator[NDArray[np.float64]]:
    """Sums of `width` rows around each, with zeros beyond the ends, in some parts.

    Row by row what comes in is added and what goes out taken off, from the first row to the last,
    so that the sums are the same wherever a part ends.
    """
    before = width // 2
    held: NDArray[np.float64] | None = None
    reached: NDArray[np.float64] | None = None
    for part in parts:
        held = np.pad(part, ((before, 0), (0, 0))) if held is None else np.concatenate([held, part])
        held, reached, found = _advanced(held, reached, width)
        yield found
    if held is not None:
        yield _advanced(np.pad(held, ((0, width - before - 1), (0, 0))), reached, width)[2]


def _advanced(
    held: NDArray[np.float64], reached: NDArray[np.float64] | None, width: int
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.float64]]:
    """What is still needed of the rows, the last sum, and the sums that the rows allow.

    Args:
        held: rows from the first one of the window of `reached`.
        reached: the last sum found, None before the first.
        width: rows of a window.
    """
    if len(held) < width:
        return held, reached, held[:0]
    first = np.cumsum(held[:width], axis=0)[-1] if reached is None else reached
    steps = held[width:] - held[: len(held) - width]
    sums = np.cumsum(np.concatenate([first[None], steps]), axis=0)
    return held[len(steps) :], sums[-1], sums if reached is None else sums[1:]


def viterbi(
    parts: Reversible[NDArray[np.floating]],
    step: float,
    durations: Durations,
    taught: NDArray[np.float64],
) -> Runs:
    """The most probable sequence of classes.

    A hidden Markov model with one state per class. A segment of class c ends at each step with
    probability step / mean length of c, and the next class is drawn by what follows c in Training.
    A frame's evidence is its probability over the share of the class that the model was taught as
    (Bourlard and Morgan, 1994): how frequent classes are is in lengths, order and the first frame.
    A class with probability 0 in all frames is one that the model does not know, as a background
    that it ignores, and is never the answer: what follows it in Training counts as following what
    was before it.
    Nothing is held of a frame, only where the class changes: going back, how probable the paths to
    each class were is computed once more for a part from what it was where the part begins.

    Args:
        parts: probabilities in order, each of shape (frames, classes); gone through twice, then
            from the last to the first.
        step: seconds from frame to frame.
        durations: from `clapboard.learning.durations.read_durations`.
        taught: from `clapboard.learning.lessons.taught_shares`, shape (classes,).
    """
    highest = np.array([part.max(axis=0) for part in parts]).max(axis=0)
    leave = np.clip(step / np.maximum(durations.seconds, FLOOR), FLOOR, 0.5)
    follows = _skipping(durations.follows, highest == 0)
    moves = np.log(np.maximum(follows * leave[:, None], FLOOR * FLOOR))
    np.fill_diagonal(moves, np.log1p(-leave))
    prior = np.log(taught)

    def seen(part: NDArray[np.floating]) -> NDArray[np.float64]:
        evidence = np.log(np.maximum(part, FLOOR)) - prior
        evidence[:, highest == 0] = -np.inf
        return evidence

    expected = [np.log(durations.shares)]
    for part in parts:
        expected.append(_followed(seen(part), expected[-1], moves)[1])
    found, onward = list[Runs](), np.zeros(len(highest))
    for part, before in zip(reversed(parts), expected[-2::-1], strict=True):
        path = np.empty(len(part), np.int64)
        for frame, best in reversed(list(enumerate(_followed(seen(part), before, moves)[0]))):
            path[frame] = label = (best + onward).argmax()
            onward = moves[:, label]
        found.append(runs_of(path))
    return joined(reversed(found))


def _skipping(follows: NDArray[np.float64], unknown: NDArray[np.bool_]) -> NDArray[np.float64]:
    """`follows` of `Durations` among known classes, with what lies between them left out.

    The way from a to b through any number of unknown classes is that of a Markov chain seen only
    in its other states (Kemeny and Snell, "Finite Markov Chains", 1960, section 6.1). Who comes
    back to a has not left it.
    """
    known = ~unknown
    if known.all() or not known.any():
        return follows
    inside = np.eye(unknown.sum()) - follows[np.ix_(unknown, unknown)]
    through = np.linalg.solve(inside, follows[np.ix_(unknown, known)])
    among = follows[np.ix_(known, known)] + follows[np.ix_(known, unknown)] @ through
    np.fill_diagonal(among, 0)
    found = np.zeros_like(follows)
    found[np.ix_(known, known)] = among / np.maximum(among.sum(axis=1, keepdims=True), FLOOR)
    return found


def _followed(
    evidence: NDArray[np.float64], expected: NDArray[np.float64], moves: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of the most probable paths to each class the logarithm of their probability.

    Args:
        evidence: of consecutive frames, shape (frames, classes).
        expected: of the paths to the first frame, before it is seen, shape (classes,).
        moves: of going from a to b at a step, ``moves[a, b]``, shape (classes, classes).

    Returns:
        For every frame, shape (frames, classes); and `expected` for the frame after the last one.
    """
    best = np.empty_like(evidence)
    for frame, seen in enumerate(evidence):
        best[frame] = expected + seen
        expected = (best[frame][:, None] + moves).max(axis=0)
    return best, expected
