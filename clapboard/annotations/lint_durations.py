"""Checks of how long annotations last against others of their label."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from clapboard.annotations.lint_classes import Placed
from clapboard.clock import seconds_text
from clapboard.problems import Problem

ODD = 3.5
"""|z| beyond which a duration is odd, as Iglewicz and Hoaglin (1993) recommend."""

SWAPPED = 2.5
"""|z| beyond which two neighbours are odd enough to ask whether they are swapped."""

FEWEST = 5
"""A label with fewer annotations has no usual duration."""

LEAST_SPREAD = 0.3
"""Spread below which a label's durations are not taken to be regular: a third up or down."""

_NORMAL = 0.6745


@dataclass(frozen=True)
class Usual:
    """How long a label lasts: median of the durations, and of the logarithms with their spread."""

    seconds: float
    log: float
    spread: float

    def score(self, seconds: float) -> float:
        """Robust z of a duration: 0.6745 (log x - median) / median absolute deviation.

        After Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993), on the logarithm.
        """
        return _NORMAL * (math.log(seconds) - self.log) / self.spread


def lint_durations(placed: Sequence[Placed]) -> list[Problem]:
    """Annotations far longer or shorter than usual, and neighbours whose labels look swapped."""
    timed = [one for one in placed if one.entry.stop > one.entry.start]
    usual = usual_durations(timed)
    problems = [
        _odd(one, usual[one.entry.label])
        for one in timed
        if one.entry.label in usual and abs(usual[one.entry.label].score(_seconds(one))) > ODD
    ]
    by_clock: dict[tuple[str, str, str], list[Placed]] = defaultdict(list)
    for one in timed:
        by_clock[one.file, one.entry.clip, one.subject].append(one)
    for group in by_clock.values():
        ordered = sorted(group, key=lambda one: (one.entry.start, one.entry.row))
        problems += [
            _swapped(first, second)
            for first, second in pairwise(ordered)
            if _crossed(first, second, usual)
        ]
    return problems


def usual_durations(placed: Sequence[Placed]) -> dict[str, Usual]:
    """The usual duration of each label that has enough annotations."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for one in placed:
        seconds[one.entry.label].append(_seconds(one))
    usual = {}
    for label, values in seconds.items():
        if len(values) >= FEWEST:
            logs = [math.log(value) for value in values]
            middle = median(logs)
            spread = median(abs(log - middle) for log in logs)
            usual[label] = Usual(median(values), middle, max(spread, LEAST_SPREAD))
    return usual


def _crossed(first: Placed, second: Placed, usual: dict[str, Usual]) -> bool:
    """Whether two neighbours are odd as they stand and usual with each other's label."""
    if first.entry.label == second.entry.label:
        return False
    one, other = usual.get(first.entry.label), usual.get(second.entry.label)
    if one is None or other is None:
        return False
    stand = (one.score(_seconds(first)), other.score(_seconds(second)))
    cross = (one.score(_seconds(second)), other.score(_seconds(first)))
    return min(map(abs, stand)) > SWAPPED and max(map(abs, cross)) < SWAPPED


def _seconds(one: Placed) -> float:
    """How long an annotation lasts."""
    return float(one.entry.stop - one.entry.start)


def _odd(one: Placed, usual: Usual) -> Problem:
    """The warning for a duration that is unlike the label's others."""
    seconds = _seconds(one)
    return Problem(
        "odd-duration",
        f"{one.entry.label!r} lasts {seconds:.1f} s here and {usual.seconds:.1f} s as a rule "
        f"(z {usual.score(seconds):+.1f})",
        "Watch it in the video; start, stop or label may be wrong.",
        one.file,
        one.entry.row,
        value=seconds_text(one.entry.stop - one.entry.start),
        severity="warning",
    )


def _swapped(first: Placed, second: Placed) -> Problem:
    """The warning for two neighbours that would fit with exchanged labels."""
    return Problem(
        "swapped-neighbours",
        f"{first.entry.label!r} ({_seconds(first):.1f} s) and {second.entry.label!r} in row "
        f"{second.entry.row} ({_seconds(second):.1f} s) would both last as usual if their labels "
        "were exchanged",
        "Watch them in the video and exchange the labels if so.",
        first.file,
        first.entry.row,
        value=f"{first.entry.written}, {second.entry.written}",
        severity="warning",
    )
