"""Models side by side on the same frames, from their predictions alone. No TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from clapboard import artifacts
from clapboard.evaluation import plots
from clapboard.learning import protocol, reporting
from clapboard.learning.answers import Judged, read_answers
from clapboard.learning.folds import natural_order
from clapboard.learning.protocol import MEASURES, Tally

Models = Mapping[str, Mapping[str, dict[str, Tally]]]
"""Tallies by unit, of each model and of the baselines beside it."""

COMPARED = ("accuracy", "f1@50")

COLUMNS = (
    *("background", "model", "against", "measure", "over"),
    *("difference", "low", "high", "p_value"),
)


def compare_models(
    predictions: Mapping[str, Sequence[str | Path]],
    comparison: str | Path,
    boxes: str | Path,
    seed: int,
    background: str = "",
) -> None:
    """Compare models on the same frames, pair by pair, and each with its baselines.

    Frames that one of them could not have learnt count for none.

    Args:
        predictions: the ``predictions.parquet`` of every model (several where subjects are left
            out), by the model's name.
        comparison: written; CSV, one row per pair and measure: mean over subjects (recordings,
            where there is one subject; `over` says which) of the difference in accuracy and in
            F1@50, with 95 % interval and p value (see `protocol.compared`).
        boxes: written; frame accuracy of each of these subjects or recordings as a picture, one
            box per model and baseline.
        seed: of intervals and tests.
        background: label of the class for unlabelled frames; with it, every row stands a second
            time without that class. The picture leaves it out, unless there is nothing else.

    Raises:
        ValueError: two models were not measured on the same frames.
    """
    judged = {
        name: read_answers(files, background, with_probabilities=False)
        for name, files in predictions.items()
    }
    _same_frames(judged)
    # With leave one subject out, who validates may have taught some of the models and not others.
    learnable = np.logical_and.reduce([one.trainable for one in judged.values()])
    judged = {name: one.chosen(learnable) for name, one in judged.items()}
    first = next(iter(judged.values()))
    classes, unit = first.classes, reporting.resampled(first)
    found = {
        name: {model: reporting.tallies(one, side, unit) for model, one in judged.items()}
        for name, side in reporting.sides(classes, background).items()
    }
    rows = [
        [name, one, other, measure, unit, *protocol.compared(mine, theirs, seed, measure).values()]
        for name, models in found.items()
        for one, other, mine, theirs in _pairs(models)
        for measure in COMPARED
    ]
    artifacts.write_csv(comparison, COLUMNS, rows)
    without = found.get("without")
    _draw_boxes(without if without and _measured(without) else found["with"], boxes)


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
        for name, baseline in reporting.baselines_of(parts).items():
            yield model, _called(name), parts["model"], baseline


def _measured(models: Models) -> list[str]:
    """The units that have frames to be measured on, in order."""
    everybody = next(iter(models.values()))["model"]
    accuracy = MEASURES["accuracy"]
    return [name for name in natural_order(everybody) if np.isfinite(accuracy(everybody[name]))]


def _draw_boxes(models: Models, picture: str | Path) -> None:
    """A box per model and per baseline of the first model, over the units that have frames."""
    shown = {model: parts["model"] for model, parts in models.items()}
    baselines = reporting.baselines_of(next(iter(models.values())))
    shown |= {_called(name): parts for name, parts in baselines.items()}
    subjects = _measured(models)
    accuracy = MEASURES["accuracy"]
    values = {
        name: [accuracy(parts[subject]) for subject in subjects] for name, parts in shown.items()
    }
    plots.subject_boxes(values, subjects, "frame accuracy", picture)


def _called(baseline: str) -> str:
    """A baseline beside models, one of which may be called the same."""
    return f"{baseline} (baseline)"
