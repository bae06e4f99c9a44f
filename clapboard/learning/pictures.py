"""The pictures that go with a model's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clapboard.evaluation import metrics, plots
from clapboard.evaluation.contact_sheet import Mistake, draw_contact_sheet
from clapboard.evaluation.ribbons import Ribbon, draw_ribbons
from clapboard.learning.windows import stretches
from clapboard.timing.gaps import GAP

WITHOUT = "confusion_without_background"
MISTAKES = 24
APART_SECONDS = 1.0
"""Two mistakes of a recording on the contact sheet are at least so far apart."""


def draw(
    pictures: Mapping[str, str | Path],
    test: pd.DataFrame,
    probabilities: NDArray[np.floating],
    classes: Sequence[str],
    figures: Mapping[str, Any],
) -> None:
    """Draw those pictures that have a file name.

    Args:
        pictures: files by kind: confusion, confusion_without_background (where the set shows no
            background the same), ribbons, bars, calibration, mistakes.
        test: the frames that were recognised.
        probabilities: shape (frames, classes).
        classes: labels by index.
        figures: what `clapboard.learning.reporting.report` gave.
    """
    true = test["class_index"].to_numpy()
    if "confusion" in pictures:
        draw_confusion(figures, pictures["confusion"])
    if WITHOUT in pictures:
        draw_confusion(figures.get("without_background", figures), pictures[WITHOUT])
    if "ribbons" in pictures:
        draw_ribbons(ribbons(test, probabilities.argmax(axis=1)), classes, pictures["ribbons"])
    if "bars" in pictures:
        draw_bars(figures["per_class"], classes, pictures["bars"])
    if "calibration" in pictures:
        sums = metrics.calibration(true, probabilities)
        error = metrics.expected_calibration_error(sums)
        plots.calibration_curve(sums, error, pictures["calibration"])
    if "mistakes" in pictures:
        draw_contact_sheet(mistakes(test, probabilities, classes), pictures["mistakes"])


def draw_confusion(figures: Mapping[str, Any], picture: str | Path) -> None:
    """Draw the confusion matrix of figures, see `clapboard.learning.reporting.confusion`."""
    found = figures["confusion"]
    plots.confusion_matrix(np.array(found["counts"], np.float64), found["labels"], picture)


def draw_bars(
    per_class: Mapping[str, Mapping[str, Any]], classes: Sequence[str], picture: str | Path
) -> None:
    """Draw the F1 of every class, see `clapboard.learning.reporting.per_class`."""
    rows = [per_class[label] for label in classes]
    plots.class_bars(
        [row["f1"] if row["support"] else None for row in rows],
        [(row["f1_low"], row["f1_high"]) for row in rows],
        classes,
        [row["support"] for row in rows],
        picture,
    )


def ribbons(test: pd.DataFrame, predicted: NDArray[np.int64]) -> list[Ribbon]:
    """A ribbon per recording."""
    starts = {stretch.start for stretch in stretches(test, GAP)}
    found = []
    for recording, rows in test.groupby("recording").indices.items():
        breaks = sorted(place for place, row in enumerate(rows) if place and row in starts)
        found.append(
            Ribbon(
                str(recording),
                test["seconds"].to_numpy()[rows],
                test["class_index"].to_numpy()[rows],
                predicted[rows],
                tuple(breaks),
            )
        )
    return found


def mistakes(
    test: pd.DataFrame, probabilities: NDArray[np.floating], classes: Sequence[str]
) -> list[Mistake]:
    """The wrong answers that the model was most sure of, the surest first, spread over time."""
    predicted, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != test["class_index"].to_numpy())
    chosen: list[Mistake] = []
    taken: dict[str, list[float]] = {}
    for row in wrong[np.argsort(-confidence[wrong], kind="stable")]:
        frame = test.iloc[row]
        near = taken.setdefault(frame["recording"], [])
        if all(abs(frame["seconds"] - seconds) >= APART_SECONDS for seconds in near):
            near.append(frame["seconds"])
            name = f"{frame['recording']} frame {frame['frame']}"
            guess = classes[predicted[row]]
            chosen.append(
                Mistake(frame["file"], name, frame["label"], guess, float(confidence[row]))
            )
        if len(chosen) == MISTAKES:
            break
    return chosen
