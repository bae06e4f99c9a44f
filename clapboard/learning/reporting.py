"""Figures of answers: measures, their intervals, and the baselines beside them. No TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from clapboard.evaluation import metrics
from clapboard.evaluation.intervals import bootstrap
from clapboard.learning import precision, protocol
from clapboard.learning.answers import Judged
from clapboard.learning.precision import Precision
from clapboard.learning.protocol import Tally

Side = int | None
"""The class that a set of figures leaves out, the background; None: none."""

Part = TypeVar("Part")


def report(judged: Judged, seed: int, background: str = "") -> dict[str, Any]:
    """The content of ``metrics.json``.

    Test frames of a class that no Training frame shows cannot be recognised by anything; they are
    left out of every figure, and ``untrainable`` says how many they are.

    Args:
        judged: answers of the model and of the baselines.
        seed: of intervals.
        background: label of the class for unlabelled frames; with it, the figures stand a second
            time without that class under ``without_background``.
    """
    counted = judged.learnable()
    test, unit = counted.model.frames, resampled(counted)
    return {
        "split": "Test",
        "frames": len(test),
        "subjects": sorted(test["subject"].unique()),
        "recordings": sorted(test["recording"].unique()),
        "classes": len(judged.classes),
        "untrainable": judged.untrainable(),
        "interval_over": unit,
        **both_sides(
            lambda side: {
                **figures(counted, unit, seed, side),
                "per_recording": each(tallies(counted, side, "recording")),
            },
            judged.classes,
            background,
        ),
    }


def resampled(judged: Judged) -> str:
    """What intervals over these frames resample: ``subject``, or ``recording`` of a single one."""
    return "subject" if judged.model.frames["subject"].nunique() > 1 else "recording"


def sides(classes: Sequence[str], background: str) -> dict[str, Side]:
    """What figures leave out: nothing, and where there is a background, that too."""
    left_out = {"without": list(classes).index(background)} if background in classes else {}
    return {"with": None, **left_out}


def both_sides(
    make: Callable[[Side], Mapping[str, Any]], classes: Sequence[str], background: str
) -> dict[str, Any]:
    """The figures with the background, and under ``without_background`` those without it."""
    made = {name: dict(make(side)) for name, side in sides(classes, background).items()}
    without = {"without_background": made["without"]} if "without" in made else {}
    return {**made["with"], **without}


def figures(judged: Judged, unit: str, seed: int, side: Side) -> dict[str, Any]:
    """Measures of a model with intervals, of the baselines, the paired differences, and parts.

    Args:
        judged: frames to count.
        unit: what intervals resample, ``subject`` or ``recording``.
        seed: of the intervals.
        side: the class to leave out.
    """
    parts = tallies(judged, side, unit)
    model, rivals = parts["model"], baselines_of(parts)
    classes = len(judged.classes)
    total = protocol.summed(model.values(), classes)
    precise = precision.precision(judged.model, side, unit, seed)
    return {
        "model": protocol.measures(total) | {precision.NAME: protocol.number(precise.mean)},
        "intervals": {
            **protocol.intervals(list(model.values()), seed, classes),
            precision.NAME: [protocol.number(end) for end in precise.mean_ends],
        },
        "baselines": {
            name: protocol.measures(protocol.summed(part.values(), classes))
            for name, part in rivals.items()
        },
        "accuracy_above": {
            name: protocol.compared(model, part, seed) for name, part in rivals.items()
        },
        "confusion": confusion(total, judged.classes),
        "per_class": per_class(parts, precise, judged.classes, seed, side),
        "per_subject": each(tallies(judged, side)),
    }


def tallies(judged: Judged, side: Side, unit: str = "subject") -> dict[str, dict[str, Tally]]:
    """A tally per subject (or other `unit`) of ``model`` and of every baseline, chance included.

    Where a class is left out, no baseline has learnt it or draws it.
    """
    found = {
        name: protocol.tallies(answers, side, unit)
        for name, answers in judged.everybody(side).items()
    }
    return found | {"chance": protocol.chance(found["model"], side)}


def baselines_of(parts: Mapping[str, Part]) -> dict[str, Part]:
    """What `tallies` gives, but for the model."""
    return {name: part for name, part in parts.items() if name != "model"}


def confusion(total: Tally, classes: Sequence[str]) -> dict[str, Any]:
    """Frames of each true class (rows) that were taken for each class (columns), by index.

    A class that is left out has no true frames, but others may have been taken for it.
    """
    return {"labels": list(classes), "counts": total.confusion.astype(np.int64).tolist()}


def per_class(
    parts: Mapping[str, Mapping[str, Tally]],
    precise: Precision,
    classes: Sequence[str],
    seed: int,
    side: Side,
) -> dict[str, dict[str, Any]]:
    """Figures of every class, F1 and average precision with their intervals, and baselines.

    Args:
        parts: what `tallies` gives, by the unit that is resampled.
        precise: average precision of the same frames.
        classes: labels by index.
        seed: of the intervals.
        side: the class that is left out.
    """
    model = parts["model"]
    stacked = np.array([part.confusion for part in model.values()])
    stacked = stacked.reshape(-1, len(classes), len(classes))  # also where there is no unit

    def drawn_f1(chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """F1 of a draw; of a class that it does not show there is none, not one of 0."""
        counts = stacked[chosen].sum(axis=0)
        return np.where(metrics.present(counts), metrics.f1(counts), np.nan)

    ends = bootstrap(drawn_f1, len(model), seed)
    counted = {
        name: protocol.per_class(protocol.summed(part.values(), len(classes)), classes)
        for name, part in parts.items()
    }
    rivals = baselines_of(counted)
    found: dict[str, dict[str, Any]] = {**counted["model"]}
    figures = {
        "average_precision": precise.values,
        "average_precision_low": precise.ends[0],
        "average_precision_high": precise.ends[1],
        "f1_low": ends[0],
        "f1_high": ends[1],
    }
    for index, label in enumerate(classes):
        found[label] |= {name: protocol.number(row[index]) for name, row in figures.items()}
        found[label]["baselines"] = {name: rival[label] for name, rival in rivals.items()}
    if side is not None:
        del found[classes[side]]
    return found


def each(parts: Mapping[str, Mapping[str, Tally]]) -> dict[str, dict[str, Any]]:
    """Frames and measures of the model for every unit of `tallies`, with those of the baselines."""
    rivals = baselines_of(parts)
    return {
        unit: {
            "frames": float(tally.confusion.sum()),
            **protocol.measures(tally),
            "baselines": {name: protocol.measures(part[unit]) for name, part in rivals.items()},
        }
        for unit, tally in parts["model"].items()
    }
