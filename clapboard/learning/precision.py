"""Average precision of a model's answers, of every class and on average, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clapboard.evaluation import metrics
from clapboard.evaluation.intervals import drawn, percentiles
from clapboard.evaluation.ranking import resampled_average_precision
from clapboard.learning.protocol import Answers

NAME = "mean_average_precision"


@dataclass(frozen=True)
class Precision:
    """Average precision; nan where a class is not shown, and for ends of fewer than two units.

    Attributes:
        values: of every class, shape (classes,).
        ends: of its 95 % interval, shape (2, classes).
        mean_ends: of the interval of the mean over the classes that a draw shows, shape (2,).
    """

    values: NDArray[np.float64]
    ends: NDArray[np.float64]
    mean_ends: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Mean over the classes shown; nan if none is."""
        return float(_means(self.values[None])[0])


def precision(answers: Answers, left_out: int | None, unit: str, seed: int) -> Precision:
    """Average precision with intervals under resampling.

    Args:
        answers: with probabilities.
        left_out: class whose frames do not count, if any.
        unit: column of the frames whose values are resampled.
        seed: of the draws, which are those of all other intervals.
    """
    counted = _counted(answers, left_out)
    true, probabilities = answers.true[counted], answers.probabilities[counted]
    values = metrics.average_precision(true, probabilities)
    # Units without a frame that counts are drawn too, as they are for all other intervals.
    names, number = np.unique(answers.frames[unit].astype(str), return_inverse=True)
    if len(names) < 2:
        return Precision(values, np.full((2, len(values)), np.nan), np.full(2, np.nan))
    times = np.array([np.bincount(row, minlength=len(names)) for row in drawn(len(names), seed)])
    each = resampled_average_precision(true, probabilities, number[counted], times)
    return Precision(values, percentiles(each), percentiles(_means(each)))


def mean_average_precision(answers: Answers, left_out: int | None) -> float:
    """Mean over the classes shown, without intervals; nan if none is."""
    counted = _counted(answers, left_out)
    values = metrics.average_precision(answers.true[counted], answers.probabilities[counted])
    return float(_means(values[None])[0])


def _counted(answers: Answers, left_out: int | None) -> NDArray[np.bool_]:
    return answers.true != left_out if left_out is not None else np.ones(len(answers.true), bool)


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of what is defined in each row; nan where nothing is."""
    return np.ma.masked_invalid(values).mean(axis=1).filled(np.nan)
