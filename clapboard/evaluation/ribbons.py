"""Timelines as ribbons: what was true, what was recognised, and where the two differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from clapboard.artifacts import replacing
from clapboard.evaluation.plots import DPI, VERMILLION, shortened
from clapboard.evaluation.timelines import segments

# Okabe and Ito (2008), then the same in lighter and darker: neighbours differ in light as well.
HUES = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
LIGHTS = (0.0, 0.45, -0.45, 0.7)

NAMED_FROM = 0.035
"""Share of the width from which a segment carries its label."""

MINUTE = 60.0


@dataclass(frozen=True)
class Ribbon:
    """What happened in one recording.

    Attributes:
        recording: its id.
        seconds: time of every frame, ascending, shape (frames,).
        true: class indices, shape (frames,).
        predicted: class indices, shape (frames,).
        breaks: positions where a gap in time precedes the frame.
    """

    recording: str
    seconds: NDArray[np.float64]
    true: NDArray[np.int64]
    predicted: NDArray[np.int64]
    breaks: tuple[int, ...] = ()


def draw_ribbons(ribbons: Sequence[Ribbon], labels: Sequence[str], path: str | Path) -> None:
    """Draw three strips per recording (true, predicted, wrong) on its own time axis.

    Args:
        ribbons: one per recording.
        labels: class names in index order.
        path: the PNG to write.
    """
    shown = sorted({int(c) for one in ribbons for c in np.union1d(one.true, one.predicted)})
    columns = 5
    lines = -(-len(shown) // columns)
    figure = Figure(
        figsize=(12, 1.25 * max(len(ribbons), 1) + 0.25 * lines + 0.6), layout="constrained"
    )
    rows = figure.subplots(max(len(ribbons), 1), 1, squeeze=False)[:, 0]
    for axes, ribbon in zip(rows, ribbons, strict=False):
        _draw(axes, ribbon, labels)
    handles = [Patch(color=colour(index), label=shortened(labels[index])) for index in shown]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=columns, fontsize=8, frameon=False
    )
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png")


def colour(index: int) -> tuple[float, float, float]:
    """Colour of a class, the same in every picture."""
    hue = HUES[index % len(HUES)]
    light = LIGHTS[index // len(HUES) % len(LIGHTS)]
    channels = [int(hue[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        channel + (1 - channel) * light if light > 0 else channel * (1 + light)
        for channel in channels
    )
    return red, green, blue


def _draw(axes: Axes, ribbon: Ribbon, labels: Sequence[str]) -> None:
    """The three strips of one recording."""
    unit, divisor = ("min", MINUTE) if _length(ribbon) > 2 * MINUTE else ("s", 1.0)
    times = ribbon.seconds / divisor
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    _strip(axes, 2, times, step, ribbon.true, ribbon.breaks, labels)
    _strip(axes, 1, times, step, ribbon.predicted, ribbon.breaks, labels)
    wrong = (ribbon.true != ribbon.predicted).astype(np.int64)
    for part in segments(wrong, background=0, breaks=ribbon.breaks):
        axes.barh(0, times[part.stop - 1] - times[part.start] + step, left=times[part.start],
                  height=0.8, color=VERMILLION)  # fmt: skip
    share = 1 - wrong.mean() if len(wrong) else float("nan")
    axes.set_title(f"{ribbon.recording}   {share:.1%} of frames right", loc="left", fontsize=9)
    axes.set_yticks([2, 1, 0], ["true", "predicted", "wrong"], fontsize=8)
    axes.set_ylim(-0.5, 2.5)
    axes.set_xlabel(unit, fontsize=8, loc="right", labelpad=-10)
    axes.tick_params(axis="x", labelsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.margins(x=0.002)


def _strip(
    axes: Axes,
    height: int,
    times: NDArray[np.float64],
    step: float,
    classes: NDArray[np.int64],
    breaks: tuple[int, ...],
    labels: Sequence[str],
) -> None:
    """One strip of coloured segments, named where there is room."""
    whole = times[-1] - times[0] + step if len(times) else 1.0
    for part in segments(classes, breaks=breaks):
        start = times[part.start]
        width = times[part.stop - 1] - start + step
        shade = colour(part.label)
        axes.barh(height, width, left=start, height=0.8, color=shade)
        if width / whole >= NAMED_FROM:
            room = int(width / whole * 130)
            ink = "black" if 0.3 * shade[0] + 0.59 * shade[1] + 0.11 * shade[2] > 0.5 else "white"
            axes.text(start + width / 2, height, shortened(labels[part.label], room), ha="center",
                      va="center", fontsize=7, color=ink, clip_on=True)  # fmt: skip


def _length(ribbon: Ribbon) -> float:
    return float(ribbon.seconds[-1] - ribbon.seconds[0]) if len(ribbon.seconds) else 0.0
