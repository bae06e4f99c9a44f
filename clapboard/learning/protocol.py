"""Which measures are reported and what stands beside them. No TensorFlow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from clapboard import metrics


def measures(confusion: metrics.Confusion) -> dict[str, float | None]:
    """The measures of single frames, by name; None where undefined."""
    values = {
        "accuracy": metrics.accuracy(confusion),
        "balanced_accuracy": metrics.balanced_accuracy(confusion),
        "macro_f1": metrics.macro_f1(confusion),
        "weighted_f1": metrics.weighted_f1(confusion),
    }
    return {name: _number(value) for name, value in values.items()}


def baselines(
    confusion: metrics.Confusion, trained: NDArray[np.int64]
) -> dict[str, dict[str, float | None]]:
    """What blind guessing would reach on the same frames.

    ``majority`` always answers the most frequent class of Training; ``chance`` draws every class
    with the same probability (its values are expectations).
    """
    classes = len(trained)
    shares = {
        "majority": np.eye(classes)[int(trained.argmax())],
        "chance": np.full(classes, 1 / classes),
    }
    counts = metrics.support(confusion)
    return {
        name: measures(metrics.constant_confusion(counts, share)) for name, share in shares.items()
    }


def per_class(
    confusion: metrics.Confusion, classes: tuple[str, ...]
) -> dict[str, dict[str, float | None]]:
    """Support, precision, recall, F1 and Jaccard of every class, by label."""
    columns = {
        "support": metrics.support(confusion),
        "precision": metrics.precision(confusion),
        "recall": metrics.recall(confusion),
        "f1": metrics.f1(confusion),
        "jaccard": metrics.jaccard(confusion),
    }
    return {
        label: {name: _number(values[index]) for name, values in columns.items()}
        for index, label in enumerate(classes)
    }


def _number(value: float) -> float | None:
    """A finite number for JSON, else None."""
    return float(value) if np.isfinite(value) else None
