"""Which measures are reported, how sure they are, and what stands beside them. No TensorFlow.

Everything is computed from tallies, counts per subject that add up, so that an interval over
subjects costs sums and no second look at the frames.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clapboard.evaluation import metrics
from clapboard.evaluation.intervals import bootstrap, paired_p_value
from clapboard.evaluation.timelines import OVERLAPS, Matches, edit_score, match_segments, segments
from clapboard.learning.windows import stretches
from clapboard.timing.gaps import GAP

Figures = dict[str, float | None]


@dataclass(frozen=True)
class Tally:
    """Counts of a set of frames and their timelines; those of two sets add up.

    Attributes:
        confusion: shape (classes, classes), see `clapboard.evaluation.metrics`.
        calibration: shape (3, bins); zeros where there are no probabilities.
        edits: sum of the edit scores of the timelines that have one.
        timelines: number of these, all but those without a true or a predicted segment.
        matches: segments found at each of `OVERLAPS`.
    """

    confusion: metrics.Confusion
    calibration: NDArray[np.float64]
    edits: float
    timelines: int
    matches: tuple[Matches, ...]

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.confusion + other.confusion,
            self.calibration + other.calibration,
            self.edits + other.edits,
            self.timelines + other.timelines,
            tuple(one + two for one, two in zip(self.matches, other.matches, strict=True)),
        )


def _f1_at(place: int, tally: Tally) -> float:
    """F1 of segments at one of `OVERLAPS`."""
    return tally.matches[place].f1


MEASURES: dict[str, Callable[[Tally], float]] = {
    "accuracy": lambda tally: metrics.accuracy(tally.confusion),
    "balanced_accuracy": lambda tally: metrics.balanced_accuracy(tally.confusion),
    "macro_f1": lambda tally: metrics.macro_f1(tally.confusion),
    "weighted_f1": lambda tally: metrics.weighted_f1(tally.confusion),
    "calibration_error": lambda tally: metrics.expected_calibration_error(tally.calibration),
    "edit": lambda tally: tally.edits / tally.timelines if tally.timelines else float("nan"),
    **{f"f1@{overlap * 100:.0f}": partial(_f1_at, place) for place, overlap in enumerate(OVERLAPS)},
}


@dataclass(frozen=True)
class Answers:
    """What was true and what was recognised.

    Attributes:
        frames: columns `recording`, `split`, `subject`, `seconds`, ordered by recording and time.
        true: class indices, shape (frames,).
        predicted: class indices, shape (frames,).
        probabilities: shape (frames, classes); of no columns for answers without any.
        classes: number of classes.
    """

    frames: pd.DataFrame
    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.floating]
    classes: int

    def chosen(self, mask: NDArray[np.bool_]) -> Answers:
        """The answers of some of the frames."""
        return Answers(
            self.frames[mask].reset_index(drop=True),
            self.true[mask],
            self.predicted[mask],
            self.probabilities[mask],
            self.classes,
        )


def tally(answers: Answers, background: int | None = None) -> Tally:
    """Count.

    Args:
        answers: of any number of recordings.
        background: leave out frames that truly are of this class, and its segments.
    """
    matches = [Matches(0, 0, 0)] * len(OVERLAPS)
    edits, timelines = 0.0, 0
    for rows in stretches(answers.frames, GAP):
        part = slice(rows.start, rows.stop)
        true = segments(answers.true[part], background)
        found = segments(answers.predicted[part], background)
        if true or found:
            edits, timelines = edits + edit_score(true, found), timelines + 1
        matches = [
            before + match_segments(true, found, overlap)
            for before, overlap in zip(matches, OVERLAPS, strict=True)
        ]
    counted = answers
    if background is not None:
        counted = answers.chosen(answers.true != background)
    calibration = np.zeros((3, metrics.CALIBRATION_BINS))
    if counted.probabilities.size:
        calibration = metrics.calibration(counted.true, counted.probabilities)
    confusion = metrics.confusion_matrix(counted.true, counted.predicted, answers.classes)
    return Tally(confusion, calibration, edits, timelines, tuple(matches))


def tallies(
    answers: Answers, background: int | None = None, unit: str = "subject"
) -> dict[str, Tally]:
    """A tally for every subject, or other `unit` (a column of the frames)."""
    names = answers.frames[unit]
    return {
        str(name): tally(answers.chosen((names == name).to_numpy()), background)
        for name in sorted(names.unique())
    }


def measures(total: Tally) -> Figures:
    """Every measure by name; None where it is not defined."""
    return {name: number(measure(total)) for name, measure in MEASURES.items()}


def intervals(parts: Sequence[Tally], seed: int, classes: int) -> dict[str, list[float | None]]:
    """95 % interval of every measure under resampling of the parts (subjects or recordings)."""

    def figures(chosen: NDArray[np.int64]) -> list[float]:
        total = summed((parts[index] for index in chosen), classes)
        return [measure(total) for measure in MEASURES.values()]

    ends = bootstrap(figures, len(parts), seed)
    return {name: [number(end) for end in ends[:, place]] for place, name in enumerate(MEASURES)}


def per_class(total: Tally, labels: Sequence[str]) -> dict[str, Figures]:
    """Support, precision, recall, F1 and Jaccard of every class, by label."""
    columns = {
        "support": metrics.support(total.confusion),
        "precision": metrics.precision(total.confusion),
        "recall": metrics.recall(total.confusion),
        "f1": metrics.f1(total.confusion),
        "jaccard": metrics.jaccard(total.confusion),
    }
    return {
        label: {name: number(values[index]) for name, values in columns.items()}
        for index, label in enumerate(labels)
    }


def chance(parts: Mapping[str, Tally], left_out: int | None = None) -> dict[str, Tally]:
    """Expected frames of drawing every class with the same probability; no timelines.

    Args:
        parts: tallies of any answers for the same frames.
        left_out: a class that is never drawn, the background where the tallies are without it.
    """
    return {
        unit: _chance(metrics.support(part.confusion), left_out) for unit, part in parts.items()
    }


def _chance(counts: NDArray[np.float64], left_out: int | None) -> Tally:
    drawn = np.ones(len(counts))
    if left_out is not None:
        drawn[left_out] = 0
    guesses = metrics.constant_confusion(counts, drawn / drawn.sum())
    return replace(_nothing(len(counts)), confusion=guesses)


def _nothing(classes: int) -> Tally:
    """The tally of no frames."""
    matches = (Matches(0, 0, 0),) * len(OVERLAPS)
    bins = np.zeros((3, metrics.CALIBRATION_BINS))
    return Tally(np.zeros((classes, classes)), bins, 0.0, 0, matches)


def compared(
    one: Mapping[str, Tally], other: Mapping[str, Tally], seed: int, name: str = "accuracy"
) -> Figures:
    """Two models on the same frames, subject by subject.

    Returns:
        Mean over subjects of the difference one - other of a measure, its 95 % interval, and the
        two-sided p value of a sign-flip permutation test; subjects for whom the measure is not
        defined do not count, None where it is for nobody.

    Raises:
        ValueError: the two were not measured on the same frames.
    """
    counts = [
        {unit: metrics.support(tally.confusion).round(6).tolist() for unit, tally in parts.items()}
        for parts in (one, other)
    ]
    if counts[0] != counts[1]:
        raise ValueError("the models were not measured on the same frames")
    measure = MEASURES[name]
    differences = np.array([measure(one[unit]) - measure(other[unit]) for unit in one])
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        return dict.fromkeys(("difference", "low", "high", "p_value"))
    low, high = bootstrap(lambda chosen: differences[chosen].mean(), len(differences), seed)
    return {
        "difference": number(differences.mean()),
        "low": number(low),
        "high": number(high),
        "p_value": number(paired_p_value(differences, seed)),
    }


def summed(parts: Iterable[Tally], classes: int) -> Tally:
    """All parts together, of which there may be none."""
    return reduce(add, parts, _nothing(classes))


def number(value: float) -> float | None:
    """A finite number for JSON, else None."""
    return float(value) if np.isfinite(value) else None
