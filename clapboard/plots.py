"""Pictures of results, readable for some thirty classes and for colour-blind readers.

Colours: Okabe and Ito (2008) for few things side by side, one hue from light to dark for amounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

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
    names = [_shortened(label) for label in labels]
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
        history: one mapping per epoch with loss, accuracy, val_loss and val_accuracy.
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
            values = [row[key] for row in history]
            axes.plot(epochs, values, style, color=colour, label=name, marker=".", markersize=4)
        axes.axvline(best_epoch + 1, color=GREY, linewidth=1, linestyle=":", label="kept")
        axes.set_xlabel("epoch")
        axes.set_ylabel(measure)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    _save(figure, path)


def _shortened(label: str) -> str:
    """A label that fits beside an axis, without matplotlib's formula signs."""
    text = label if len(label) <= LABEL_LENGTH else label[: LABEL_LENGTH - 1] + "…"
    return text.replace("$", r"\$")


def _save(figure: Figure, path: str | Path) -> None:
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png")
