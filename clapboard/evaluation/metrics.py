"""How good a recognition is: one function per measure, without TensorFlow.

Measures of single frames are computed from a confusion matrix: ``confusion[t, p]`` counts the
frames of class t that were taken for class p. It may hold expected (fractional) counts, so that
baselines go through the same functions as models.

A class that the true labels never show is left out of every average over classes; frames wrongly
given to it still lower the recall of the class they belong to.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Confusion = NDArray[np.float64]
Labels = NDArray[np.int64]

CALIBRATION_BINS = 15


def confusion_matrix(true: Labels, predicted: Labels, classes: int) -> Confusion:
    """Counts of (true, predicted) pairs, shape (classes, classes).

    Raises:
        ValueError: the two differ in length, or hold an index outside 0..classes-1.
    """
    if len(true) != len(predicted):
        raise ValueError(f"{len(true)} true labels but {len(predicted)} predicted ones")
    for values in (true, predicted):
        if len(values) and not 0 <= values.min() <= values.max() < classes:
            raise ValueError(f"class indices {values.min()}..{values.max()} of {classes} classes")
    pairs = np.bincount(true * classes + predicted, minlength=classes * classes)
    return pairs.reshape(classes, classes).astype(np.float64)


def support(confusion: Confusion) -> NDArray[np.float64]:
    """True frames per class, shape (classes,)."""
    return confusion.sum(axis=1)


def present(confusion: Confusion) -> NDArray[np.bool_]:
    """Which classes the true labels show, shape (classes,): those that averages count."""
    return support(confusion) > 0


def accuracy(confusion: Confusion) -> float:
    """Share of frames given their true class; nan without frames."""
    return float(_share(np.trace(confusion), confusion.sum(), np.nan))


def recall(confusion: Confusion) -> NDArray[np.float64]:
    """Share of each class' true frames that were found, shape (classes,); nan for absent ones."""
    return _share(np.diag(confusion), confusion.sum(axis=1), np.nan)


def precision(confusion: Confusion) -> NDArray[np.float64]:
    """Share of each class' predicted frames that are right; 0 for a class never predicted."""
    return _share(np.diag(confusion), confusion.sum(axis=0), 0.0)


def f1(confusion: Confusion) -> NDArray[np.float64]:
    """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN); nan if true nor predicted."""
    return _share(2 * np.diag(confusion), confusion.sum(axis=0) + confusion.sum(axis=1), np.nan)


def jaccard(confusion: Confusion) -> NDArray[np.float64]:
    """Intersection over union of true and predicted frames, TP / (TP + FP + FN)."""
    hits = np.diag(confusion)
    return _share(hits, confusion.sum(axis=0) + confusion.sum(axis=1) - hits, np.nan)


def balanced_accuracy(confusion: Confusion) -> float:
    """Mean recall of the classes present; nan without frames."""
    return _mean(recall(confusion), present(confusion))


def macro_f1(confusion: Confusion) -> float:
    """Mean F1 of the classes present; nan without frames."""
    return _mean(f1(confusion), present(confusion))


def weighted_f1(confusion: Confusion) -> float:
    """Mean F1 weighted by true frames; nan without frames."""
    seen = present(confusion)
    if not seen.any():
        return float("nan")
    return float(np.average(f1(confusion)[seen], weights=support(confusion)[seen]))


def constant_confusion(counts: NDArray[np.float64], shares: NDArray[np.float64]) -> Confusion:
    """Expected confusion of guessing blindly, class p with probability ``shares[p]``.

    Args:
        counts: true frames per class, shape (classes,).
        shares: probability of guessing each class, shape (classes,). One-hot for the majority
            baseline, uniform for chance.
    """
    return np.outer(counts, shares).astype(np.float64)


def average_precision(true: Labels, probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Area under each class' precision-recall steps, shape (classes,); nan for absent classes.

    Sum over thresholds of (recall step) x (precision), without interpolation, equal scores taken
    together. Its mean over the classes present is the mean average precision.

    Args:
        true: class indices, shape (frames,).
        probabilities: shape (frames, classes).
    """
    classes = probabilities.shape[1]
    values = np.full(classes, np.nan)
    for index in range(classes):
        wanted = true == index
        if wanted.any():
            values[index] = _area(wanted, probabilities[:, index])
    return values


def _area(wanted: NDArray[np.bool_], scores: NDArray[np.floating]) -> float:
    """Average precision of one class."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(wanted[order])
    last_of_equals = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = hits[last_of_equals]
    steps = np.diff(hits, prepend=0) / hits[-1]
    return float(np.sum(steps * hits / (last_of_equals + 1)))


def calibration(
    true: Labels, probabilities: NDArray[np.floating], bins: int = CALIBRATION_BINS
) -> NDArray[np.float64]:
    """How often the model is right when it is so and so sure.

    Returns:
        Frames, sum of confidence and right answers, shape (3, bins), of intervals of equal width
        (k / bins, (k + 1) / bins] of the highest probability. Those of two sets add up.
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == true
    which = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    weights = (None, confidence, right)
    return np.array([np.bincount(which, weights=values, minlength=bins) for values in weights])


def expected_calibration_error(sums: NDArray[np.float64]) -> float:
    """Mean distance of confidence and accuracy over the bins, weighted by frames; nan if none.

    Naeini, Cooper, Hauskrecht (2015), with the bins of Guo, Pleiss, Sun, Weinberger (2017).

    Args:
        sums: see `calibration`.
    """
    frames, confidence, right = sums
    return float(_share(np.abs(confidence - right).sum(), frames.sum(), np.nan))


def _share(part: NDArray, whole: NDArray, otherwise: float) -> NDArray[np.float64]:
    """``part / whole``, and `otherwise` where `whole` is zero."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    return np.divide(part, whole, out=np.full_like(whole, otherwise), where=whole != 0)


def _mean(values: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float:
    """Mean of the chosen values; nan if none is."""
    return float(values[chosen].mean()) if chosen.any() else float("nan")
