"""Which frames follow each other, and where the step to the next one is too long for that."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from clapboard.parts import Rows, counted, steps

GAP = 2.5
"""A timeline ends where the step to the next frame is more than so many times the usual one.

Twice as long are steps of a grid that takes the frame nearest to a key frame (`frames.every: 2/s`).
"""


def unbroken(seconds: Rows, gap: float) -> list[range]:
    """Row ranges of frames that follow each other without a gap.

    Args:
        seconds: time of every frame, ascending, shape (frames,).
        gap: a stretch ends where the step to the next frame is longer than `gap` times the
            median step.
    """
    longest = longest_step(usual_step(steps(seconds)), gap)
    first, borders = 1, [0]
    for part in steps(seconds):
        borders += (np.flatnonzero(part > longest) + first).tolist()
        first += len(part)
    return [range(*ends) for ends in pairwise([*borders, len(seconds)])] if len(seconds) else []


def longest_step(usual: float, gap: float) -> float:
    """The longest step to the next frame that is no gap; see `unbroken`."""
    return gap * usual + 1e-9


def usual_step(parts: Iterable[NDArray[np.floating]]) -> float:
    """The median of all steps from frame to frame, 0 if there are none.

    Args:
        parts: the steps, see `clapboard.parts.steps`.
    """
    counts = counted(parts)
    values = sorted(counts)
    reached = np.cumsum([counts[value] for value in values])
    if not values:
        return 0.0
    middle = ((reached[-1] - 1) // 2, reached[-1] // 2)
    below, above = np.searchsorted(reached, middle, "right")
    return (values[below] + values[above]) / 2
