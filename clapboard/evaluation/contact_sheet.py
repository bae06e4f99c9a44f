"""The most confident mistakes of a model as one picture, for a human to judge."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill

from matplotlib.figure import Figure
from PIL import Image

from clapboard.artifacts import replacing
from clapboard.evaluation.plots import DPI, LABEL_LENGTH, shortened
from clapboard.pictures.addresses import read_picture

COLUMNS = 6


@dataclass(frozen=True)
class Mistake:
    """A frame that was taken for something else.

    Attributes:
        file: address of its picture.
        frame: "S1C2 frame 123".
        true: label.
        predicted: label.
        confidence: probability of the predicted label.
    """

    file: str
    frame: str
    true: str
    predicted: str
    confidence: float


def draw_contact_sheet(mistakes: Sequence[Mistake], path: str | Path) -> None:
    """Draw pictures with their true and predicted label; says so when there is no mistake."""
    rows = max(-(-len(mistakes) // COLUMNS), 1)
    figure = Figure(figsize=(2.1 * COLUMNS, 2.75 * rows), layout="constrained")
    if not mistakes:
        figure.text(0.5, 0.5, "no mistake", ha="center", va="center")
    for place, mistake in enumerate(mistakes, start=1):
        axes = figure.add_subplot(rows, COLUMNS, place)
        with Image.open(io.BytesIO(read_picture(mistake.file))) as picture:
            axes.imshow(picture.convert("RGB"))
        axes.set_title(
            # Whole, on more lines if need be: somebody has to find the frame.
            f"{fill(mistake.frame, LABEL_LENGTH)}\ntrue: {shortened(mistake.true)}\n"
            f"{mistake.confidence:.0%} {shortened(mistake.predicted)}",
            fontsize=8,
            loc="left",
        )
        axes.set_axis_off()
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=DPI, format="png")
