"""Pictures of results, readable for some thirty classes and for colour-blind readers.

Colours: Okabe and Ito (2008) for few things side by side, one hue from light to dark for amounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from clapboard.artifacts import replacing

BLUE, ORANGE, GREEN, VERMILLION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#666666"

DPI = 150
LABEL_LENGTH = 24
PER_CELL = 0.36
"""Inches of a confusion matrix per class."""


def confusion_matrix(
    confusion: NDArray[np.float64], labels: Sequence[str], path: str | Path
) -> None:
    """Draw a confusion matrix: colour and number are the share of the true class in percent.

    Args:
        confusion: counts, shape (classes, classes), row = true class.
        labels: class names in index order.
        path: the PNG to write.
    """
    counts = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, counts, out=np.zeros_like(confusion), where=counts > 0) * 100
    names = [shortened(label) for label in labels]
    side = max(3.2, PER_CELL * len(names))
    figure = Figure(figsize=(side + 3.4, side + 2.4), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    for row, column in zip(*np.nonzero(shares >= 0.5), strict=True):
        axes.text(
            column,
            row,
            f"{shares[row, column]:.0f}",
            ha="center",
            va="center",
            fontsize=7,
            color="white" if shares[row, column] > 55 else "black",
        )
    rows = [f"{name}  ({count:,.0f})" for name, count in zip(names, counts[:, 0], strict=True)]
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), rows, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (frames)")
    axes.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.85", linewidth=0.4)
    axes.tick_params(which="minor", length=0)
    figure.colorbar(picture, ax=axes, label="% of the true class", shrink=0.6)
    _save(figure, path)


def learning_curves(
    history: Sequence[Mapping[str, float]], best_epoch: int, path: str | Path
) -> None:
    """Draw loss and accuracy over the epochs, the kept epoch marked.

    Args:
        history: one mapping per epoch with loss, accuracy, and, where frames were held out,
            val_loss and val_accuracy.
        best_epoch: index from 0 of the epoch whose weights were kept.
        path: the PNG to write.
    """
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    epochs = range(1, len(history) + 1)
    for axes, measure in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for key, name, colour, style in (
            (measure, "Training", BLUE, "-"),
            (f"val_{measure}", "Validation", VERMILLION, "--"),
        ):
            if key in history[0]:
                values = [row[key] for row in history]
                axes.plot(epochs, values, style, color=colour, label=name, marker=".", markersize=4)
        axes.axvline(best_epoch + 1, color=GREY, linewidth=1, linestyle=":", label="kept")
        axes.set_xlabel("epoch")
        axes.set_ylabel(measure)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    _save(figure, path)


def class_bars(
    values: Sequence[float | None],
    intervals: Sequence[Sequence[float | None]],
    labels: Sequence[str],
    frames: Sequence[float],
    path: str | Path,
    measure: str = "F1",
) -> None:
    """Draw a measure of every class as a bar with its interval.

    Args:
        values: one per class; None for a class that was never shown.
        intervals: lower and upper end per class; None where there is none.
        labels: class names.
        frames: true frames per class, written beside the name.
        path: the PNG to write.
        measure: its name for the axis.
    """
    figure = Figure(figsize=(7.5, max(2.2, 0.28 * len(labels) + 1)), layout="constrained")
    axes = figure.subplots()
    for row, (value, (low, high)) in enumerate(zip(values, intervals, strict=True)):
        if value is None:
            axes.text(0.01, row, "not shown", va="center", fontsize=8, color=GREY)
            continue
        axes.barh(row, value, height=0.7, color=BLUE)
        if low is not None and high is not None:
            axes.plot([low, high], [row, row], color=ORANGE, linewidth=2.5, marker="|")
    names = [
        f"{shortened(name)}  ({count:,.0f})" for name, count in zip(labels, frames, strict=True)
    ]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"{measure} (bar), 95 % interval (line)")
    axes.grid(axis="x", alpha=0.3)
    _save(figure, path)


def calibration_curve(sums: NDArray[np.float64], error: float | None, path: str | Path) -> None:
    """Draw how often the model is right against how sure it is.

    Args:
        sums: frames, sum of confidence, right answers per bin, shape (3, bins); see
            `clapboard.evaluation.metrics.calibration`.
        error: expected calibration error, for the title.
        path: the PNG to write.
    """
    frames, confidence, right = sums
    used = frames > 0
    figure = Figure(figsize=(4.6, 5.2), layout="constrained")
    curve, amounts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    curve.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="as sure as right")
    curve.plot(
        confidence[used] / frames[used], right[used] / frames[used], "o-", color=BLUE, label="model"
    )
    curve.set_ylabel("share of right answers")
    curve.set_title("" if error is None else f"calibration error {error:.3f}", fontsize=10)
    curve.legend(frameon=False)
    curve.grid(alpha=0.3)
    bins = len(frames)
    amounts.bar((np.arange(bins) + 0.5) / bins, frames, width=0.9 / bins, color=BLUE)
    amounts.set_ylabel("frames")
    amounts.set_xlabel("confidence")
    amounts.set_xlim(0, 1)
    _save(figure, path)


def subject_boxes(
    figures: Mapping[str, Sequence[float]], subjects: Sequence[str], measure: str, path: str | Path
) -> None:
    """Draw a measure of every left-out subject, one box per model.

    Args:
        figures: values per model, in the order of `subjects`.
        subjects: who was left out.
        measure: its name for the axis.
        path: the PNG to write.
    """
    figure = Figure(figsize=(6.4, max(2.4, 0.9 * len(figures) + 1.2)), layout="constrained")
    axes = figure.subplots()
    axes.boxplot(
        list(figures.values()) or [[]],
        orientation="horizontal",
        tick_labels=[shortened(fill(name, LABEL_LENGTH), 2 * LABEL_LENGTH) for name in figures]
        or [""],
        showfliers=False,
        widths=0.5,
        medianprops={"color": VERMILLION, "linewidth": 2},
    )
    for row, values in enumerate(figures.values(), start=1):
        spread = np.linspace(-0.16, 0.16, len(values))
        axes.plot(values, row + spread, "o", color=BLUE, markersize=4)
        if len(values):
            worst = int(np.argmin(values))
            axes.annotate(
                f" {shortened(subjects[worst])}", (values[worst], row + spread[worst]), fontsize=8
            )
    axes.invert_yaxis()
    axes.set_xlabel(measure)
    axes.grid(axis="x", alpha=0.3)
    _save(figure, path)


def shortened(label: str, length: int = LABEL_LENGTH) -> str:
    """A label that fits where it is drawn, without matplotlib's formula signs."""
    text = label if len(label) <= length else label[: max(length - 1, 0)] + "…"
    return text.replace("$", r"\$")


def _save(figure: Figure, path: str | Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png")
