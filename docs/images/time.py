"""Draw the figure of docs/time.md: `python docs/images/time.py` writes time.svg beside it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

SHEET, FILM, SOUND, LABEL, CLAP = "#E69F00", "#0072B2", "#999999", "#009E73", "#D55E00"

RATE = Fraction(8)
CLAP_AT = Fraction(5, 8) + Fraction(1, 20)
START, STOP = Fraction(9, 8), Fraction(19, 8) - Fraction(1, 25)

# Frames by their place on the camera's grid: two were dropped, then the file was cut.
CHAPTERS = [[0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 12], [13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]]


def main() -> None:
    """Write the figure."""
    matplotlib.rcParams["svg.fonttype"] = "none"
    matplotlib.rcParams["svg.hashsalt"] = "clapboard"
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    axes = figure.subplots()
    draw_sheet(axes)
    draw_recording(axes)
    draw_placement(axes)
    axes.set_xlim(-0.45, 3.12)
    axes.set_ylim(-0.72, 3.3)
    axes.axis("off")
    figure.savefig(Path(__file__).with_suffix(".svg"), metadata={"Date": None})


def draw_sheet(axes: Axes) -> None:
    """What the annotator wrote, on the wall clock."""
    axes.text(-0.42, 2.85, "sheet\n(wall clock)", va="center", fontsize=9)
    axes.plot([0.3, 3.05], [2.73, 2.73], color="black", linewidth=0.8)
    axes.plot([float(CLAP_AT)] * 2, [2.72, 2.98], color=CLAP, linewidth=2)
    axes.text(float(CLAP_AT), 3.05, "CLAP 09:21:58.740", ha="center", fontsize=8, color=CLAP)
    begin, end = float(CLAP_AT + START - Fraction(5, 8)), float(STOP)
    axes.add_patch(Rectangle((begin, 2.73), end - begin, 0.24, color=SHEET, alpha=0.6))
    axes.text((begin + end) / 2, 2.85, "SWAB", ha="center", va="center", fontsize=9)
    axes.text(begin, 3.05, "start", ha="center", fontsize=8)
    axes.text(end, 3.05, "stop", ha="center", fontsize=8)


def draw_recording(axes: Axes) -> None:
    """Frames at their times, chapter by chapter, and the sound that outlasts the first file."""
    axes.text(-0.42, 1.2, "recording\n(index)", va="center", fontsize=9)
    begin, end = CLAP_AT + START - Fraction(5, 8), STOP
    number = 0
    for chapter, places in enumerate(CHAPTERS, start=1):
        left, right = places[0] / float(RATE), (places[-1] + 1) / float(RATE)
        axes.add_patch(
            Rectangle((left, 0.82), right - left, 0.9, fill=False, color=FILM, linewidth=1.2)
        )
        name = f"chapter {chapter}: GH0{chapter}0123.MP4"
        axes.text(left + 0.01, 0.6, name, fontsize=8, color=FILM)
        longer = 0.09 if chapter == 1 else 0
        axes.add_patch(
            Rectangle(
                (left, 0.3), right - left + longer, 0.14, color=SOUND, alpha=0.55 - longer * 2
            )
        )
        for place in places:
            number += 1
            time = place / RATE
            inside = begin <= time < end
            colour = LABEL if inside else FILM
            axes.plot([float(time)] * 2, [0.82, 1.72], color=colour, linewidth=2.4)
            axes.text(float(time) + 0.012, 1.27, str(number), fontsize=7, color=colour, rotation=90)
    axes.add_patch(
        Rectangle((7 / 8, 0.82), 2 / 8, 0.9, fill=False, hatch="///", edgecolor="#BBBBBB")
    )
    axes.plot([13 / 8, 13 / 8], [0.7, 1.84], color="black", linewidth=1.4)
    axes.text(-0.42, 0.37, "sound", va="center", fontsize=9)
    note(axes, "a hole: two frames were never\nrecorded, time goes on", (1.0, 0.8), (0.92, -0.45))
    note(
        axes,
        "the next chapter begins one frame after\nthe last, however long the sound is",
        (13 / float(RATE), 0.36),
        (2.0, -0.45),
    )


def draw_placement(axes: Axes) -> None:
    """How a time in the sheet finds its frames."""
    axes.plot([float(CLAP_AT)] * 2, [1.78, 2.68], color=CLAP, linewidth=1, linestyle=":")
    axes.text(float(CLAP_AT) - 0.03, 2.2, "heard here", ha="right", fontsize=8, color=CLAP)
    for time in (CLAP_AT + START - Fraction(5, 8), STOP):
        axes.plot([float(time)] * 2, [0.75, 2.7], color="black", linewidth=0.8, linestyle="--")
    axes.text(
        float(STOP) + 0.04,
        2.2,
        "start <= t < stop:\nthese frames are SWAB",
        fontsize=8,
        color=LABEL,
        va="center",
    )


def note(axes: Axes, text: str, target: tuple[float, float], place: tuple[float, float]) -> None:
    """A remark with an arrow."""
    axes.text(*place, text, ha="center", va="center", fontsize=8)
    head = (place[0], place[1] + 0.22)
    arrow = FancyArrowPatch(head, target, arrowstyle="->", mutation_scale=8, linewidth=0.7)
    axes.add_patch(arrow)


if __name__ == "__main__":
    main()
