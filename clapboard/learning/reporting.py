"""The content of ``metrics.json``: a model's figures, their intervals, and the baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clapboard.evaluation import metrics
from clapboard.evaluation.intervals import bootstrap
from clapboard.learning import baselines, protocol
from clapboard.learning.manifest import class_counts
from clapboard.learning.protocol import Answers


def report(
    test: pd.DataFrame,
    training: pd.DataFrame,
    probabilities: NDArray[np.floating],
    classes: tuple[str, ...],
    seed: int,
    background: str = "",
) -> tuple[dict[str, Any], metrics.Confusion]:
    """The figures of a model, and its confusion matrix.

    Test frames of a class that no Training frame shows cannot be recognised by anything; they are
    left out of every figure, and ``untrainable`` says how many they are.

    Args:
        test: the frames that were recognised, see `clapboard.learning.manifest.read_examples`.
        training: the frames that were learnt from.
        probabilities: of the test frames, shape (frames, classes).
        classes: labels by index.
        seed: of intervals and of the frames drawn for the nearest neighbour.
        background: label of the class for unlabelled frames; with it, the figures stand a second
            time without that class under ``without_background``.

    Returns:
        A mapping for JSON, and counts of shape (classes, classes).
    """
    trained = class_counts(training, len(classes)) > 0
    learnable = trained[test["class_index"]]
    untrainable = test["label"][~learnable].value_counts().to_dict()
    test, probabilities = test[learnable].reset_index(drop=True), probabilities[learnable]

    true = test["class_index"].to_numpy()
    model = Answers(test, true, probabilities.argmax(axis=1), probabilities, len(classes))
    rivals = {
        "majority": baselines.majority(training, test, len(classes)),
        "time_prior": baselines.time_prior(training, test, len(classes)),
        "nearest_neighbour": baselines.nearest_neighbour(training, test, seed),
    }
    answers = {"model": model} | {
        name: Answers(test, true, predicted, np.empty((len(test), 0)), len(classes))
        for name, predicted in rivals.items()
    }
    unit = "subject" if test["subject"].nunique() > 1 else "recording"
    total = protocol.tally(model)
    content = {
        "split": "Test",
        "frames": len(test),
        "subjects": sorted(test["subject"].unique()),
        "recordings": sorted(test["recording"].unique()),
        "classes": len(classes),
        "untrainable": untrainable,
        "interval_over": unit,
        **_figures(answers, unit, seed, None),
        "per_class": _per_class(total, model, classes, unit, seed),
        "per_subject": _each(protocol.tallies(model)),
        "per_recording": _each(protocol.tallies(model, unit="recording")),
    }
    if background in classes:
        left_out = classes.index(background)
        content["without_background"] = _figures(answers, unit, seed, left_out)
    return content, total.confusion


def _figures(
    answers: dict[str, Answers], unit: str, seed: int, background: int | None
) -> dict[str, Any]:
    """Measures of the model with intervals, of the baselines, and the paired differences."""
    parts = {name: protocol.tallies(one, background, unit) for name, one in answers.items()}
    model = protocol.summed(parts["model"].values())
    average_precision = metrics.average_precision(
        answers["model"].true, answers["model"].probabilities
    )
    precise = protocol.measures(model) | {
        "mean_average_precision": protocol.number(_mean(average_precision, background))
    }
    rivals = {
        name: protocol.measures(protocol.summed(part.values()))
        for name, part in parts.items()
        if name != "model"
    }
    rivals["chance"] = protocol.chance(metrics.support(model.confusion))
    return {
        "model": precise,
        "intervals": protocol.intervals(list(parts["model"].values()), seed),
        "baselines": rivals,
        "accuracy_above": {
            name: protocol.compared(parts["model"], part, seed)
            for name, part in parts.items()
            if name != "model"
        },
    }


def _per_class(
    total: protocol.Tally, model: Answers, classes: tuple[str, ...], unit: str, seed: int
) -> dict[str, protocol.Figures]:
    """Figures of every class, with the interval of its F1 and its average precision."""
    parts = [part.confusion for part in protocol.tallies(model, unit=unit).values()]
    stacked = np.array(parts)
    ends = bootstrap(lambda chosen: metrics.f1(stacked[chosen].sum(axis=0)), len(parts), seed)
    values = metrics.average_precision(model.true, model.probabilities)
    figures = protocol.per_class(total, classes)
    for label, value, low, high in zip(classes, values, *ends, strict=True):
        figures[label]["average_precision"] = protocol.number(value)
        figures[label]["f1_low"] = protocol.number(low)
        figures[label]["f1_high"] = protocol.number(high)
    return figures


def _each(tallies: dict[str, protocol.Tally]) -> dict[str, protocol.Figures]:
    return {
        name: {"frames": float(tally.confusion.sum()), **protocol.measures(tally)}
        for name, tally in tallies.items()
    }


def _mean(values: NDArray[np.float64], background: int | None) -> float:
    """Mean of the defined values of all classes but the background."""
    kept = np.delete(values, background) if background is not None else values
    return float(np.nanmean(kept)) if not np.isnan(kept).all() else float("nan")
