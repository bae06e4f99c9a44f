"""The picture on top of README.md, from a finished demo.

usage: python examples/demo/poster.py FOLDER PICTURE
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from clapboard.artifacts import read_parquet, replacing
from clapboard.video.decoding import decode_frames
from clapboard.video.index import RecordingIndex

COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"]
RECORDING = "S5C1"


def frames(folder: Path, numbers: list[int]) -> list[Image.Image]:
    """Frames of `RECORDING` at full size, from the video itself."""
    index = RecordingIndex.read(folder / "results" / "index" / f"{RECORDING}.parquet")
    pictures = {}
    for chapter in index.chapters:
        inside = index.chapter_frames(chapter.number)
        wanted = np.array(sorted(n for n in numbers if n in inside), np.int64)
        if len(wanted):
            file = str(folder / chapter.file)
            for number, frame in decode_frames(file, index, chapter.number, wanted):
                pictures[number] = frame.to_image()
    return [pictures[number] for number in numbers]


def ribbon(axes: Axes, seconds: np.ndarray, codes: np.ndarray, title: str) -> None:
    """A strip of colours over time, one per class."""
    for code, colour in enumerate(COLOURS):
        axes.fill_between(
            seconds, 0, 1, where=codes == code, color=colour, step="post", linewidth=0
        )
    axes.set(ylim=(0, 1), yticks=[], xlim=(0, seconds[-1] + 1))
    axes.set_ylabel(title, rotation=0, ha="right", va="center")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def main(folder: Path, picture: Path) -> None:
    """Compose the picture."""
    table, metadata = read_parquet(folder / "results" / "models" / "cnn" / "predictions.parquet")
    classes = metadata["classes"]
    one = table.filter(pc.equal(table["recording"], RECORDING))
    true, predicted = (
        np.array([classes.index(label) for label in one[name].to_pylist()])
        for name in ("true", "predicted")
    )
    numbers, seconds = one["frame"].to_numpy(), one["seconds"].to_numpy()
    figure = Figure(figsize=(12, 3.7), layout="constrained", dpi=100)
    grid = figure.add_gridspec(3, len(classes), height_ratios=[4, 1, 1])
    middles = [int(np.median(numbers[true == code][:40])) for code in range(len(classes))]
    for code, image in enumerate(frames(folder, middles)):
        axes = figure.add_subplot(grid[0, code])
        axes.imshow(image)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_xlabel(classes[code], color=COLOURS[code], fontweight="bold", fontsize=11)
    # A gap between procedures has no label: break the strips there.
    gaps = np.flatnonzero(np.diff(numbers) > 1)
    at = np.insert(seconds, gaps + 1, seconds[gaps] + 0.034)
    for row, (title, codes) in enumerate([("annotated", true), ("predicted", predicted)], 1):
        axes = figure.add_subplot(grid[row, :])
        ribbon(axes, at, np.insert(codes, gaps + 1, -1), title)
        if row == 1:
            axes.set_xticks([])
    axes.set_xlabel(f"seconds of recording {RECORDING}, a subject that was not trained on")
    with replacing(picture) as temporary:
        figure.savefig(temporary)
        Image.open(temporary).convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(
            temporary, optimize=True
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
