"""The plan as a picture: how many frames each subject gives to each class."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from clapboard.artifacts import replacing
from clapboard.sessions.recordings import SPLITS

PER_ROW, PER_COLUMN = 0.26, 0.62
"""Inches of a class and of a subject."""

LABEL_LENGTH = 28
EMPTY = "#F2D5D0"


def draw_counts(table: pd.DataFrame, path: str | os.PathLike[str]) -> None:
    """Draw frames by class and subject as a heat map (colour on a log scale), splits apart.

    A class that Training lacks can be seen at once: empty cells are tinted.

    Args:
        table: columns ``label, split, subject, frames``.
        path: the PNG to write.
    """
    counts = table.pivot_table(
        index="label", columns=["split", "subject"], values="frames", aggfunc="sum", fill_value=0
    )
    order = sorted(map(tuple, counts.columns), key=lambda column: SPLITS.index(column[0]))
    counts = counts[order]
    values = counts.to_numpy(dtype=float)
    height, width = values.shape
    figure = Figure(
        figsize=(3.6 + PER_COLUMN * width, 1.6 + PER_ROW * height), layout="constrained"
    )
    axes = figure.subplots()
    axes.set_facecolor(EMPTY)
    norm = LogNorm(1, max(values.max(), 10))
    picture = axes.imshow(
        np.ma.masked_less(values, 1), cmap="Blues", norm=norm, aspect="auto", interpolation="none"
    )
    for row, column in zip(*np.nonzero(values), strict=True):
        count = values[row, column]
        axes.text(
            column,
            row,
            _short(count),
            ha="center",
            va="center",
            fontsize=7,
            color="white" if norm(count) > 0.6 else "black",
        )
    axes.set_xticks(range(width), [str(subject) for _, subject in order], fontsize=8)
    axes.set_yticks(range(height), [_label(label) for label in counts.index], fontsize=8)
    axes.xaxis.tick_top()
    splits = [split for split, _ in order]
    for split in dict.fromkeys(splits):
        first, count = splits.index(split), splits.count(split)
        axes.text(first + (count - 1) / 2, height - 0.35, split, ha="center", va="top", fontsize=9)
        if first:
            axes.axvline(first - 0.5, color="black", linewidth=1.5)
    figure.colorbar(picture, ax=axes, label="frames", shrink=0.6)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")


def _short(count: float) -> str:
    """A number that fits into a cell: 950, 9.5k, 95k, 1.2M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.1f}{unit}" if count < 10 * size else f"{count / size:.0f}{unit}"
    return f"{count:.0f}"


def _label(label: str) -> str:
    """A label that fits beside the axis, without matplotlib's formula signs."""
    short = label if len(label) <= LABEL_LENGTH else label[: LABEL_LENGTH - 1] + "…"
    return short.replace("$", r"\$")
