"""Figures over folds and over models, from their predictions alone. No TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clapboard import artifacts
from clapboard.evaluation import plots
from clapboard.evaluation.intervals import bootstrap
from clapboard.learning import protocol, reporting
from clapboard.learning.answers import Judged, read_answers
from clapboard.learning.folds import natural_order
from clapboard.learning.pictures import draw_bars
from clapboard.learning.protocol import MEASURES, Tally
from clapboard.learning.reporting import MEAN_PRECISION

COMPARED = ("accuracy", "f1@50")
COLUMNS = (*MEASURES, MEAN_PRECISION)


def summarise_folds(
    predictions: Mapping[str, str | Path],
    summary: str | Path,
    table: str | Path,
    seed: int,
    background: str = "",
    confusion: str | Path | None = None,
    bars: str | Path | None = None,
) -> None:
    """Sum up a model over the subjects left out.

    Args:
        predictions: ``predictions.parquet`` of every fold by the subject left out.
        summary: written; JSON with every subject's figures, their mean, spread (standard
            deviation), 95 % interval of the mean over subjects, the baselines' means, the paired
            differences, and every class over all subjects.
        table: written; the same as CSV: for the model and every baseline one row per subject and
            one for their mean, for the model its spread and interval, too.
        seed: of the intervals.
        background: label of the class for unlabelled frames; with it, all figures stand a second
            time without that class.
        confusion: written; confusion matrix over all subjects as a picture.
        bars: written; F1 of every class over all subjects, with intervals, as a picture.
    """
    subjects = natural_order(predictions)
    whole = read_answers([predictions[subject] for subject in subjects])
    judged, classes = whole.learnable(), whole.classes
    rows = [
        [name, *row]
        for name, side in reporting.sides(classes, background).items()
        for row in _rows(_over_folds(judged, seed, side))
    ]
    figures = reporting.both_sides(
        lambda side: _over_folds(judged, seed, side), classes, background
    )
    artifacts.write_json(
        summary,
        {
            "left_out": "one subject at a time",
            "untrainable": _untrainable(whole),
            **figures,
        },
    )
    artifacts.write_csv(table, ["background", "answers", "subject", "frames", *COLUMNS], rows)
    if confusion is not None:
        plots.confusion_matrix(protocol.tally(judged.model).confusion, classes, confusion)
    if bars is not None:
        draw_bars(figures["per_class"], classes, bars)


def _over_folds(judged: Judged, seed: int, side: reporting.Side) -> dict[str, Any]:
    """Figures of every subject and over all, one class left out or none."""
    parts = reporting.tallies(judged, side)
    model = parts["model"]
    subjects = natural_order(model)
    precise = _precision(judged, subjects, side)
    values = np.column_stack([_values(model, subjects), precise])
    low, high = bootstrap(lambda chosen: _mean(values[chosen]), len(subjects), seed)
    rows = {"mean": _mean(values), "spread": _spread(values), "low": low, "high": high}
    rivals = {name: part for name, part in parts.items() if name != "model"}
    each = reporting.each(parts)
    for subject, value in zip(subjects, precise, strict=True):
        each[subject][MEAN_PRECISION] = protocol.number(value)
    return {
        "frames": int(sum(part.confusion.sum() for part in model.values())),
        **{name: _named(row) for name, row in rows.items()},
        "pooled": protocol.measures(protocol.summed(model.values())),
        "baselines": {
            name: _named(_mean(_values(part, subjects))) for name, part in rivals.items()
        },
        "accuracy_above": {
            name: protocol.compared(model, part, seed) for name, part in rivals.items()
        },
        "per_class": reporting.per_class(parts, judged, seed, side),
        "subjects": {subject: each[subject] for subject in subjects},
    }


def _precision(judged: Judged, subjects: Sequence[str], side: reporting.Side) -> np.ndarray:
    """Mean average precision of every subject, shape (subjects,)."""
    owner = judged.model.frames["subject"]
    return np.array(
        [
            reporting.mean_average_precision(
                judged.model.chosen((owner == subject).to_numpy()), side
            )
            for subject in subjects
        ]
    )


def _rows(figures: Mapping[str, Any]) -> list[list[Any]]:
    """Rows of the table: whose answers, subject, frames, `COLUMNS`."""
    subjects = figures["subjects"]
    rows = [["model", name, each["frames"], each] for name, each in subjects.items()]
    rows += [["model", name, "", figures[name]] for name in ("mean", "spread", "low", "high")]
    for rival, mean in figures["baselines"].items():
        rows += [
            [rival, name, each["frames"], each["baselines"][rival]]
            for name, each in subjects.items()
        ]
        rows.append([rival, "mean", "", mean])
    return [
        [whose, name, int(frames) if frames != "" else "", *map(each.get, COLUMNS)]
        for whose, name, frames, each in rows
    ]


def _untrainable(whole: Judged) -> dict[str, dict[str, int]]:
    """Frames of classes that nothing could have learnt, by subject and label."""
    owner = whole.model.frames["subject"]
    return {
        subject: whole.chosen((owner == subject).to_numpy()).untrainable()
        for subject in natural_order(owner)
    }


def compare_models(
    predictions: Mapping[str, Sequence[str | Path]],
    comparison: str | Path,
    boxes: str | Path,
    seed: int,
    background: str = "",
) -> None:
    """Compare models on the same frames, pair by pair, and each with its baselines.

    Args:
        predictions: the ``predictions.parquet`` of every model (several where subjects are left
            out), by the model's name.
        comparison: written; CSV, one row per pair: mean over subjects (recordings, where there is
            one subject) of the difference in accuracy and in F1@50, with 95 % interval and p value
            (see `protocol.compared`).
        boxes: written; frame accuracy of each of these as a picture, one box per model and
            baseline.
        seed: of intervals and tests.
        background: label of the class for unlabelled frames; with it, every row stands a second
            time without that class. The picture leaves it out.

    Raises:
        ValueError: two models were not measured on the same frames.
    """
    judged = {name: read_answers(files).learnable() for name, files in predictions.items()}
    _same_frames(judged)
    first = next(iter(judged.values()))
    classes, unit = first.classes, reporting.resampled(first)
    found = {
        name: {model: reporting.tallies(one, side, unit) for model, one in judged.items()}
        for name, side in reporting.sides(classes, background).items()
    }
    rows = [
        [name, one, other, measure, *protocol.compared(mine, theirs, seed, measure).values()]
        for name, models in found.items()
        for one, other, mine, theirs in _pairs(models)
        for measure in COMPARED
    ]
    columns = ["background", "model", "against", "measure", "difference", "low", "high", "p_value"]
    artifacts.write_csv(comparison, columns, rows)
    _draw_boxes(found.get("without", found["with"]), boxes)


def _same_frames(judged: Mapping[str, Judged]) -> None:
    """Refuse models that were asked about other frames, or told other labels."""
    asked = {
        name: one.model.frames[["recording", "frame"]].assign(true=one.model.true)
        for name, one in judged.items()
    }
    (name, first), *others = asked.items()
    for other, frames in others:
        differing = pd.concat([first, frames]).drop_duplicates(keep=False)
        if len(differing):
            recording, frame, _ = differing.iloc[0]
            raise ValueError(
                f"{name} and {other} were not measured on the same frames, for example "
                f"{recording} frame {frame}"
            )


def _pairs(
    models: Mapping[str, Mapping[str, dict[str, Tally]]],
) -> Iterator[tuple[str, str, dict[str, Tally], dict[str, Tally]]]:
    """Every two models, then every model and each of its baselines, by name and tallies."""
    for one, other in combinations(models, 2):
        yield one, other, models[one]["model"], models[other]["model"]
    for model, parts in models.items():
        for name, baseline in parts.items():
            if name != "model":
                yield model, _called(name), parts["model"], baseline


def _draw_boxes(models: Mapping[str, Mapping[str, dict[str, Tally]]], picture: str | Path) -> None:
    """A box per model and per baseline of the first model, over the units that have frames."""
    shown = {model: parts["model"] for model, parts in models.items()}
    first = next(iter(models.values()))
    shown |= {_called(name): parts for name, parts in first.items() if name != "model"}
    accuracy = MEASURES["accuracy"]
    everybody = first["model"]
    subjects = [name for name in natural_order(everybody) if np.isfinite(accuracy(everybody[name]))]
    values = {
        name: [accuracy(parts[subject]) for subject in subjects] for name, parts in shown.items()
    }
    plots.subject_boxes(values, subjects, "frame accuracy", picture)


def _called(baseline: str) -> str:
    """A baseline beside models, one of which may be called the same."""
    return f"{baseline} (baseline)"


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
