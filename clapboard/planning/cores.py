"""How many cores a job gets that shares the machine with others like it."""

from __future__ import annotations

from math import ceil

USED = 0.97
"""Of every core after the first, what extract_frames makes of it (measured on two cores)."""

SAME = 1.01
"""Ends so near each other are the same: fewer cores for each job are safer then."""


def cores_of_each(jobs: int, cores: int) -> int:
    """Cores for each of some jobs of about equal length, so that the last of them ends soonest.

    On a core each, the last of seven jobs on two cores leaves one of them idle; on both cores, one
    after the other, they waste a little of each.

    Args:
        jobs: how many there are.
        cores: of the machine, at least one.
    """

    def end(each: int) -> float:
        return ceil(jobs / (cores // each)) / (1 + USED * (each - 1))

    soonest = min(map(end, range(1, cores + 1)))
    return next(each for each in range(1, cores + 1) if end(each) <= SAME * soonest)
