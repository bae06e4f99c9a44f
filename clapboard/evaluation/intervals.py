"""How sure a figure is: resampling of subjects, the unit that the next study will draw anew.

Frames of one subject are not independent, so intervals over frames would be far too narrow.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEVEL = 0.95
DRAWS = 2000
EXACT_UP_TO = 16
"""Number of subjects up to which all sign patterns are counted instead of drawn."""


def bootstrap(
    measure: Callable[[NDArray[np.int64]], ArrayLike],
    units: int,
    seed: int,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> NDArray[np.float64]:
    """Percentile intervals of measures under resampling of their units with replacement.

    Efron and Tibshirani, "An introduction to the bootstrap" (1993), section 13.

    Args:
        measure: from the indices of the drawn units, shape (units,), to one figure or several;
            draws for which a figure is nan are left out for it.
        units: number of subjects (or recordings).
        seed: of the draws.
        draws: how many.
        level: share of the draws inside the interval.

    Returns:
        Lower and upper ends, shape (2, ...) with the figures' shape behind; nan if there are
        fewer than two units or a figure is never defined.
    """
    if units < 2:
        return np.full((2, *np.shape(measure(np.arange(units)))), np.nan)
    values = np.array([measure(row) for row in drawn(units, seed, draws)], np.float64)
    return percentiles(values, level)


def drawn(units: int, seed: int, draws: int = DRAWS) -> NDArray[np.int64]:
    """Indices of the units of every draw of `bootstrap`, shape (draws, units)."""
    return np.random.default_rng(seed).integers(0, units, (draws, units))


def percentiles(values: NDArray[np.float64], level: float = LEVEL) -> NDArray[np.float64]:
    """Lower and upper ends of what the draws gave, shape (2, ...); nan where none gave anything.

    Args:
        values: of every draw, shape (draws, ...).
        level: share of the draws inside the interval.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "All-NaN")
        return np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)


def paired_p_value(differences: NDArray[np.float64], seed: int, draws: int = DRAWS) -> float:
    """Chance that subjects' differences of two equal models lie as far from 0 as these, two-sided.

    Sign-flip permutation test on the mean: under the null hypothesis the sign of each subject's
    difference is a coin toss. Exact up to `EXACT_UP_TO` subjects.

    Args:
        differences: one per subject, shape (subjects,).
        seed: of the draws, where they are needed.
        draws: how many sign patterns.
    """
    subjects = len(differences)
    if subjects <= EXACT_UP_TO:
        signs = np.array(list(product((1, -1), repeat=subjects)))
    else:
        signs = np.random.default_rng(seed).choice([1, -1], (draws, subjects))
        signs[0] = 1
    means = np.abs(signs @ differences)
    return float(np.mean(means >= means[0] - 1e-12))
