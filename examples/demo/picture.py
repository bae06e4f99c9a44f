"""Draw the picture of the README: a frame of every procedure, and the ribbons of the test subject.

usage: python examples/demo/picture.py FOLDER PICTURE
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.compute as pc
from matplotlib.figure import Figure
from PIL import Image

from clapboard.artifacts import read_parquet, replacing


def frames(results: Path) -> dict[str, Path]:
    """A frame of every procedure of the test subject's first camera."""
    manifest, _ = read_parquet(results / "Data" / "manifest.parquet")
    tested = manifest.filter(pc.equal(manifest["split"], "Test"))
    tested = tested.filter(pc.equal(tested["recording"], min(tested["recording"].to_pylist())))
    chosen = {}
    for label in sorted(set(tested["label"].to_pylist())):
        paths = tested.filter(pc.equal(tested["label"], label))["path"].to_pylist()
        chosen[label] = results / "Data" / paths[len(paths) // 3]
    return chosen


def main(folder: Path, picture: Path) -> None:
    """Put frames above ribbons."""
    chosen = frames(folder / "results")
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[2.0, 2.6])
    for axes, (label, path) in zip(above.subplots(1, len(chosen)), chosen.items(), strict=True):
        with Image.open(path) as frame:
            axes.imshow(frame, interpolation="bicubic")
        axes.set_title(f"{label}\n{path.name}", fontsize=8)
        axes.set_axis_off()
    with Image.open(folder / "results" / "models" / "cnn" / "ribbons.png") as ribbons:
        axes = below.subplots()
        axes.imshow(ribbons)
        axes.set_axis_off()
    with replacing(picture) as temporary:
        figure.savefig(temporary, dpi=120)
        with Image.open(temporary) as drawn:
            few = drawn.convert("RGB").quantize(128)
        few.save(temporary, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
