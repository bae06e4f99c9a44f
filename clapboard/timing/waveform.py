"""A picture of the sound in which a clap was searched."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clapboard.artifacts import replacing
from clapboard.evaluation.plots import BLUE, DPI, GREY, ORANGE, VERMILLION
from clapboard.timing.drift import Check
from clapboard.timing.sound import Sound
from clapboard.timing.sync import Clap, Heard

# More columns than a picture has pixels.
COLUMNS = 2000

CLOSE_SECONDS = Fraction(1, 10)
SHOWN_CHECKS = 6


def draw_claps(
    recording: str, clap: Clap, checks: Sequence[Check], path: str | os.PathLike[str]
) -> None:
    """Draw the sound around the clap, the clap close up, and around each later clap.

    Args:
        recording: its id, for the title.
        clap: the first clap.
        checks: all claps of the sheet; of the later ones the first few are drawn.
        path: the PNG to write.
    """
    later = [check for check in checks if check.sheet][:SHOWN_CHECKS]
    figure = Figure(figsize=(8, 1.7 * (2 + len(later))), layout="constrained")
    rows = np.atleast_1d(figure.subplots(2 + len(later)))
    _draw(rows[0], clap.heard, clap.time, None)
    rows[0].set_title(f"{recording}: clap at {float(clap.time):.3f} s ({clap.method})", fontsize=9)
    near = (clap.time - CLOSE_SECONDS, clap.time + CLOSE_SECONDS)
    _draw(rows[1], Heard(_part(clap.heard.sound, *near), ()), clap.time, None)
    rows[1].set_title("close up", fontsize=9)
    for axes, check in zip(rows[2:], later, strict=True):
        _draw(axes, check.heard, check.found, check.expected)
        heard = "not heard" if check.residual is None else f"{float(check.residual) * 1000:+.0f} ms"
        axes.set_title(f"clap of row {check.row}: {heard}", fontsize=9)
    rows[-1].set_xlabel(
        "seconds in the recording (red: clap, dashed: by the sheet, dotted: other sounds)",
        fontsize=8,
    )
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png")


def _draw(axes: Axes, heard: Heard, chosen: Fraction | None, expected: Fraction | None) -> None:
    axes.set_yticks([])
    axes.tick_params(labelsize=7)
    if heard.sound is None or not len(heard.sound.samples):
        axes.text(0.5, 0.5, "no sound", ha="center", va="center", transform=axes.transAxes)
        return
    time, low, high = _envelope(heard.sound)
    axes.fill_between(time, low, high, color=GREY, linewidth=0)
    axes.set_xlim(float(heard.sound.start), float(heard.sound.stop))
    for candidate in heard.candidates:
        axes.axvline(float(candidate.time), color=ORANGE, linewidth=1, linestyle=":")
    if expected is not None:
        axes.axvline(float(expected), color=BLUE, linewidth=1, linestyle="--")
    if chosen is not None:
        axes.axvline(float(chosen), color=VERMILLION, linewidth=1.2)


def _envelope(sound: Sound) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Times, least and greatest samples of as many stretches as the picture can show."""
    size = -(-len(sound.samples) // COLUMNS)
    padded = np.pad(sound.samples, (0, -len(sound.samples) % size)).reshape(-1, size)
    time = float(sound.start) + (np.arange(len(padded)) + 0.5) * size / sound.rate
    return time, padded.min(axis=1), padded.max(axis=1)


def _part(sound: Sound | None, start: Fraction, stop: Fraction) -> Sound | None:
    if sound is None:
        return None
    first, last = (
        min(max(round((time - sound.start) * sound.rate), 0), len(sound.samples))
        for time in (start, stop)
    )
    return Sound(sound.samples[first:last], sound.rate, sound.start + Fraction(first, sound.rate))
