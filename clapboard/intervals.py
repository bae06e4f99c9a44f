"""How sure a figure is: resampling of subjects, the unit that the next study will draw anew.

Frames of one subject are not independent, so intervals over frames would be far too narrow.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
DRAWS = 2000
EXACT_UP_TO = 16
"""Number of subjects up to which all sign patterns are counted instead of drawn."""


def bootstrap(
    measure: Callable[[NDArray[np.int64]], float],
    units: int,
    seed: int,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> tuple[float, float] | None:
    """Percentile interval of a measure under resampling of its units with replacement.

    Efron and Tibshirani, "An introduction to the bootstrap" (1993), section 13.

    Args:
        measure: from the indices of the drawn units, shape (units,), to the figure; draws for
            which it is nan are left out.
        units: number of subjects (or recordings).
        seed: of the draws.
        draws: how many.
        level: share of the draws inside the interval.

    Returns:
        Lower and upper end; None if there are fewer than two units or no draw is defined.
    """
    if units < 2:
        return None
    chosen = np.random.default_rng(seed).integers(0, units, (draws, units))
    values = np.array([measure(row) for row in chosen])
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


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
