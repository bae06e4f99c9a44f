"""Figures of a model over the subjects left out one at a time. No TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from clapboard import artifacts
from clapboard.evaluation.intervals import bootstrap
from clapboard.learning import precision, protocol, reporting
from clapboard.learning.answers import Judged, read_answers
from clapboard.learning.folds import natural_order
from clapboard.learning.pictures import draw_bars, draw_confusion
from clapboard.learning.protocol import MEASURES, Tally

COLUMNS = (*MEASURES, precision.NAME)


def summarise_folds(
    predictions: Mapping[str, str | Path],
    summary: str | Path,
    table: str | Path,
    seed: int,
    background: str = "",
    confusion: str | Path | None = None,
    bars: str | Path | None = None,
    confusion_without: str | Path | None = None,
) -> None:
    """Sum up a model over the subjects left out.

    Args:
        predictions: ``predictions.parquet`` of every fold by the subject left out.
        summary: written; JSON with every subject's figures, their mean, spread (standard
            deviation), 95 % interval of the mean over subjects, the baselines' means, the paired
            differences, and the confusion matrix and every class over all subjects.
        table: written; the same as CSV: for the model and every baseline one row per subject and
            one for their mean, for the model its spread and interval, too. Who shows nothing that
            could have been learnt without them, or has no frame, has a row of no frames.
        seed: of the intervals.
        background: label of the class for unlabelled frames; with it, all figures stand a second
            time without that class.
        confusion: written; confusion matrix over all subjects as a picture.
        bars: written; F1 of every class over all subjects, with intervals, as a picture.
        confusion_without: written; confusion matrix without that class as a picture, the same as
            with it where nobody shows it.

    Raises:
        InputError: nobody shows anything that could have been learnt from the others.
    """
    subjects = natural_order(predictions)
    whole = read_answers([predictions[subject] for subject in subjects], background)
    judged, classes = whole.learnable(), whole.classes
    tested = set(judged.model.frames["subject"])
    untested = [subject for subject in subjects if subject not in tested]
    if untested:
        print(  # noqa: T201 - the job's log
            f"Left out of the figures, for they show nothing that the others could have taught: "
            f"{', '.join(untested)}",
            flush=True,
        )
    rows = [
        [name, *row]
        for name, side in reporting.sides(classes, background).items()
        for row in _rows(_over_folds(judged, seed, side), untested)
    ]
    figures = reporting.both_sides(
        lambda side: _over_folds(judged, seed, side), classes, background
    )
    artifacts.write_json(
        summary,
        {
            "left_out": "one subject at a time",
            "untrainable": _untrainable(whole),
            "untested": untested,
            **figures,
        },
    )
    artifacts.write_csv(table, ["background", "answers", "subject", "frames", *COLUMNS], rows)
    if confusion is not None:
        draw_confusion(figures, confusion)
    if confusion_without is not None:
        draw_confusion(figures.get("without_background", figures), confusion_without)
    if bars is not None:
        draw_bars(figures["per_class"], classes, bars)


def _over_folds(judged: Judged, seed: int, side: reporting.Side) -> dict[str, Any]:
    """Figures of every subject and over all, one class left out or none."""
    parts = reporting.tallies(judged, side)
    model = parts["model"]
    subjects = natural_order(model)
    means = _precision(judged, subjects, side)
    pooled = precision.precision(judged.model, side, "subject", seed)
    values = np.column_stack([_values(model, subjects), means])
    low, high = bootstrap(lambda chosen: _mean(values[chosen]), len(subjects), seed)
    rows = {"mean": _mean(values), "spread": _spread(values), "low": low, "high": high}
    rivals = reporting.baselines_of(parts)
    total = protocol.summed(model.values(), len(judged.classes))
    each = reporting.each(parts)
    for subject, value in zip(subjects, means, strict=True):
        each[subject][precision.NAME] = protocol.number(value)
    return {
        "frames": int(sum(part.confusion.sum() for part in model.values())),
        **{name: _named(row) for name, row in rows.items()},
        "pooled": {
            **protocol.measures(total),
            precision.NAME: protocol.number(pooled.mean),
        },
        "baselines": {
            name: _named(_mean(_values(part, subjects))) for name, part in rivals.items()
        },
        "accuracy_above": {
            name: protocol.compared(model, part, seed) for name, part in rivals.items()
        },
        "confusion": reporting.confusion(total, judged.classes),
        "per_class": reporting.per_class(parts, pooled, judged.classes, seed, side),
        "subjects": {subject: each[subject] for subject in subjects},
    }


def _precision(judged: Judged, subjects: Sequence[str], side: reporting.Side) -> np.ndarray:
    """Mean average precision of every subject, shape (subjects,)."""
    owner = judged.model.frames["subject"]
    return np.array(
        [
            precision.mean_average_precision(
                judged.model.chosen((owner == subject).to_numpy()), side
            )
            for subject in subjects
        ]
    )


def _rows(figures: Mapping[str, Any], untested: Sequence[str]) -> list[list[Any]]:
    """Rows of the table: whose answers, subject, frames, `COLUMNS`; no figures of the untested."""
    subjects = figures["subjects"]
    rows = [["model", name, int(each["frames"]), each] for name, each in subjects.items()]
    rows += [["model", name, 0, {}] for name in untested]
    rows += [["model", name, "", figures[name]] for name in ("mean", "spread", "low", "high")]
    for rival, mean in figures["baselines"].items():
        rows += [
            [rival, name, int(each["frames"]), each["baselines"][rival]]
            for name, each in subjects.items()
        ]
        rows.append([rival, "mean", "", mean])
    return [[*names, *map(each.get, COLUMNS)] for *names, each in rows]


def _untrainable(whole: Judged) -> dict[str, dict[str, int]]:
    """Frames of classes that nothing could have learnt, by subject and label."""
    owner = whole.model.frames["subject"]
    return {
        subject: whole.chosen((owner == subject).to_numpy()).untrainable()
        for subject in natural_order(owner)
    }


def _values(parts: Mapping[str, Tally], subjects: Sequence[str]) -> np.ndarray:
    """All `MEASURES` of every subject, shape (subjects, measures); nan for undefined ones."""
    return np.array([[measure(parts[name]) for measure in MEASURES.values()] for name in subjects])


def _named(values: np.ndarray) -> dict[str, float | None]:
    return {name: protocol.number(value) for name, value in zip(COLUMNS, values, strict=False)}


def _mean(values: ArrayLike) -> np.ndarray[Any, Any]:
    """Mean over subjects of what is defined; nan where nothing is."""
    rows = np.ma.masked_invalid(np.asarray(values, np.float64))
    return rows.mean(axis=0).filled(np.nan)


def _spread(values: np.ndarray) -> np.ndarray[Any, Any]:
    """Standard deviation over subjects; nan with fewer than two."""
    rows = np.ma.masked_invalid(values)
    return rows.std(axis=0, ddof=1).filled(np.nan)
