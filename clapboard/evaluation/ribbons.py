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
from clapboard.evaluation.class_colours import colour, hatching, ink
from clapboard.evaluation.plots import DPI, VERMILLION, shortened
from clapboard.evaluation.timelines import Segment, segments

CHARACTERS = 150
"""Characters of a label that the whole width has room for."""

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

    A segment carries its label or, where that is too long, the number of its class, which the
    legend explains, or nothing.

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
    figure.legend(
        handles=[_sample(index, labels[index]) for index in shown],
        loc="outside lower center",
        ncols=columns,
        fontsize=8,
        frameon=False,
        handlelength=2.6,
        handleheight=1.2,
    )
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png")


def written(index: int, label: str, room: int) -> str:
    """What a segment with room for so many characters carries: never a part of a label.

    Args:
        index: of the class.
        label: its name.
        room: characters.
    """
    text = next((text for text in (label, str(index)) if len(text) <= room), "")
    return shortened(text, room)


def _sample(index: int, label: str) -> Patch:
    """What the legend shows of a class."""
    return Patch(
        facecolor=colour(index),
        hatch=hatching(index),
        edgecolor=(ink(index), 0.6),
        linewidth=0,
        label=f"{index} {shortened(label)}",
    )


def _draw(axes: Axes, ribbon: Ribbon, labels: Sequence[str]) -> None:
    """The three strips of one recording."""
    unit, divisor = ("min", MINUTE) if _length(ribbon) > 2 * MINUTE else ("s", 1.0)
    times = ribbon.seconds / divisor
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    _strip(axes, 2, times, step, ribbon.true, ribbon.breaks, labels)
    _strip(axes, 1, times, step, ribbon.predicted, ribbon.breaks, labels)
    wrong = (ribbon.true != ribbon.predicted).astype(np.int64)
    spans = [_span(part, times, step) for part in segments(wrong, 0, ribbon.breaks)]
    # Not moved to whole pixels: where one holds many frames, its shade is about the share of wrong.
    axes.broken_barh(spans, (-0.4, 0.8), facecolors=VERMILLION, linewidth=0, snap=False)
    share = 1 - wrong.mean() if len(wrong) else float("nan")
    axes.set_title(f"{ribbon.recording}   {share:.1%} of frames right", loc="left", fontsize=9)
    axes.set_yticks([2, 1, 0], ["true", "predicted", "wrong"], fontsize=8)
    axes.set_ylim(-0.5, 2.5)
    axes.xaxis.set_major_formatter(f"{{x:g}} {unit}")
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
    """One strip of coloured segments, named or numbered where there is room."""
    parts = segments(classes, breaks=breaks)
    spans = [_span(part, times, step) for part in parts]
    shades = [colour(part.label) for part in parts]
    # One artist for all: an artist for each takes half a minute where a model flickers.
    axes.broken_barh(spans, (height - 0.4, 0.8), facecolors=shades, linewidth=0)
    whole = times[-1] - times[0] + step if len(times) else 1.0
    for part, (start, width) in zip(parts, spans, strict=True):
        room = int(width / whole * CHARACTERS)
        if room:
            _explain(axes, part.label, labels[part.label], (start, height), width, room)


def _explain(
    axes: Axes, index: int, label: str, at: tuple[float, int], width: float, room: int
) -> None:
    """Hatch a segment and write on it what there is room for."""
    start, height = at
    axes.broken_barh(
        [(start, width)],
        (height - 0.4, 0.8),
        facecolors="none",
        edgecolors=(ink(index), 0.6),
        hatch=hatching(index),
        linewidth=0,
    )
    axes.text(
        start + width / 2,
        height,
        written(index, label, room),
        ha="center",
        va="center",
        fontsize=7,
        color=ink(index),
        clip_on=True,
        bbox={"facecolor": colour(index), "linewidth": 0, "pad": 1},
    )


def _span(part: Segment, times: NDArray[np.float64], step: float) -> tuple[float, float]:
    """Where a segment begins and how long it is, in the unit of the times."""
    start = float(times[part.start])
    return start, float(times[part.stop - 1]) - start + step


def _length(ribbon: Ribbon) -> float:
    return float(ribbon.seconds[-1] - ribbon.seconds[0]) if len(ribbon.seconds) else 0.0
