"""Average precision under resampling: of all draws at once, for to rank again takes too long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from clapboard.evaluation.metrics import Labels

BLOCK = 128
"""Thresholds looked at together: memory is this times the draws, however many frames there are."""

Scores = NDArray[np.floating]


def resampled_average_precision(
    true: Labels,
    probabilities: Scores,
    unit: NDArray[np.int64],
    times: NDArray[np.int64],
) -> NDArray[np.float64]:
    """`metrics.average_precision` of frames that count as often as their unit was drawn.

    What a draw has at least as sure as a threshold is the sum over units of what each has there,
    times how often it was drawn. So every unit is ranked once, and a draw costs sums of the counts
    at those thresholds that a frame of the class has.

    Args:
        true: class indices, shape (frames,).
        probabilities: shape (frames, classes).
        unit: index of every frame's subject (or recording), shape (frames,).
        times: how often each unit was drawn, shape (draws, units).

    Returns:
        Shape (draws, classes); nan where a draw does not show a class.
    """
    # Of a few units the same draw comes again and again.
    distinct, which = np.unique(times, axis=0, return_inverse=True)
    rows = [np.flatnonzero(unit == number) for number in range(times.shape[1])]
    columns = []
    for index in range(probabilities.shape[1]):
        scores = [probabilities[mine, index] for mine in rows]
        hits = [one[true[mine] == index] for one, mine in zip(scores, rows, strict=True)]
        columns.append(_areas(_sorted(scores), _sorted(hits), distinct.T.astype(np.float64)))
    return np.column_stack(columns)[which.ravel()]


def _areas(
    scores: Sequence[Scores], hits: Sequence[Scores], times: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Average precision of one class in every draw, shape (draws,).

    Args:
        scores: of all frames of each unit, ascending.
        hits: of its frames of the class, ascending.
        times: shape (units, draws).
    """
    areas = np.zeros(times.shape[1])
    thresholds = np.unique(np.concatenate(hits))
    for start in range(0, len(thresholds), BLOCK):
        part = thresholds[start : start + BLOCK]
        found, above = _counts(hits, part, "left"), _counts(hits, part, "right")
        taken = _drawn(_counts(scores, part, "left"), times)
        share = _drawn(found, times)
        np.divide(share, taken, out=share, where=taken > 0)
        areas += np.einsum("td,td->d", _drawn(found - above, times), share)
    wanted = np.array([len(one) for one in hits]) @ times
    return np.divide(areas, wanted, out=np.full_like(areas, np.nan), where=wanted > 0)


def _counts(
    scores: Sequence[Scores], thresholds: Scores, side: Literal["left", "right"]
) -> NDArray[np.float64]:
    """How many each unit has from the thresholds on (left) or above them (right).

    Returns:
        Shape (thresholds, units).
    """
    below = [np.searchsorted(one, thresholds, side) for one in scores]
    return np.array([len(one) for one in scores], np.float64) - np.column_stack(below)


def _drawn(counts: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts of units, shape (thresholds, units), in every draw, shape (thresholds, draws).

    Not a matrix product: for tables as small as these the threads of BLAS cost ten times what they
    save, many times more where other jobs have the cores.
    """
    return np.einsum("tu,ud->td", counts, times)


def _sorted(parts: Sequence[Scores]) -> list[Scores]:
    return [np.sort(one) for one in parts]
