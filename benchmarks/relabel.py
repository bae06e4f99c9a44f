"""After an edit in a sheet: frame ranges, labels and Data/ anew, beside the original's label loop.

    python -m benchmarks relabel [--frames 20000] [--rounds 3]

The frames of two chapters lie in the store; a second of one annotation is taken away and given
back in turn. Both ways run in one warm process, since starting Python would hide Clapboard's.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import itertools
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks import clips, original, ours
from benchmarks.measure import called, emptied, publish, spread, table, times
from clapboard.artifacts import write_parquet
from clapboard.dataset.tree import write_dataset
from clapboard.labels.framecsv import write_framecsv
from clapboard.labels.labelling import write_labels
from clapboard.pictures.frame_names import file_name
from clapboard.pictures.store import FrameStore
from clapboard.settings.config import load
from clapboard.video.index import Chapter, RecordingIndex

RATE, CHAPTERS, LABELS = Fraction(30000, 1001), 2, 25  # labels: as in real sheets
SECONDS = 8  # of each annotation
BYTES, ORIGINAL_BYTES = 15_000, 2_500  # of a picture


class Project:
    """A recording all of whose frames are labelled and in the store."""

    def __init__(self, folder: Path, frames: int) -> None:
        emptied(folder)()
        self.folder, self.frames = folder, frames
        self.index = folder / "index.parquet"
        self._write_index()
        self.stores = [self._fill(number) for number in range(1, CHAPTERS + 1)]
        config = load({})
        self.settings = {name: config.section(name) for name in ("annotations", "frames")}

    def _write_index(self) -> None:
        each = self.frames // CHAPTERS
        ticks = np.arange(self.frames, dtype=np.int64) * 1001
        length = each / RATE
        chapters = tuple(
            Chapter(n, f"{n}.mp4", "video", Fraction(1, 30000), each, "h264", 1920, 1080, length)
            for n in range(1, CHAPTERS + 1)
        )
        number = np.repeat(np.arange(1, CHAPTERS + 1, dtype=np.int16), each)
        key = np.arange(self.frames) % 15 == 0
        own = ticks % (each * 1001)
        base = Fraction(1, 30000)
        made = RecordingIndex("S1C2", base, ticks, chapters, RATE, number, key, own)
        made.write(self.index)

    def _fill(self, number: int) -> str:
        index = RecordingIndex.read(self.index)
        folder = self.folder / f"resized/S1C2/{number:02d}"
        store, frames = FrameStore(folder, "S1C2", {}), index.chapter_frames(number)
        for frame in frames:
            store.add(frame, frame.to_bytes(8, "big") + bytes(BYTES))
        store.save()
        manifest = store.table(frames, [float(index.seconds(frame)) for frame in frames])
        write_parquet(folder / "manifest.parquet", manifest, {})
        return str(folder / "manifest.parquet")

    def sheet(self, shorter: bool) -> Path:
        """A sheet with an annotation every `SECONDS`; the third may be a second shorter."""
        file = self.folder / f"sheet{shorter:d}.csv"
        with file.open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(["TASK", "PROCEDURE", "Original_Start_Time", "Original_Stop_Time"])
            writer.writerow(["CLAP", "CLAP", _clock(0), _clock(1)])
            for place, start in enumerate(range(0, int(self.frames / RATE) + SECONDS, SECONDS)):
                stop = start + SECONDS - (shorter and place == 2)
                writer.writerow(["", f"LABEL{place % LABELS}", _clock(start), _clock(stop)])
        return file

    def relabel(self, sheet: Path) -> None:
        """What the workflow's jobs do when a sheet has changed."""
        ranges, labels = self.folder / "framecsv.csv", self.folder / "labels.parquet"
        annotations, procedures = self.settings["annotations"], self.folder / "procedures"
        write_framecsv(str(sheet), self.index, "0", annotations, ranges, procedures, "S1")
        write_labels(ranges, self.index, annotations, self.settings["frames"], labels)
        data = self.folder / "Data"
        manifests = {"S1C2": self.stores}
        write_dataset([ours.RECORDING], {"S1C2": str(labels)}, manifests, "refuse", data)

    def extracted(self, size: int) -> Path:
        """The frames in one folder, as the original has them."""
        folder = self.folder / f"frames{size}"
        folder.mkdir()
        for frame in range(1, self.frames + 1):
            (folder / file_name("S1C2", frame)).write_bytes(bytes(size))
        return folder

    def ranges(self) -> Path:
        """First and last frames by procedure, as the original has them."""
        folder = self.folder / "ranges"
        folder.mkdir()
        index = RecordingIndex.read(self.index)
        for place, start in enumerate(range(0, int(self.frames / RATE), SECONDS)):
            inside = index.frames_between(Fraction(start), Fraction(start + SECONDS))
            with (folder / f"LABEL{place % LABELS}.csv").open("a", newline="") as stream:
                csv.writer(stream).writerow([inside[0], inside[-1]])
        return folder


def _clock(seconds: int) -> str:
    return f"2019-04-04 09:{seconds // 60:02d}:{seconds % 60:02d}:000000"


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks relabel", description=__doc__)
    parser.add_argument("--frames", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    project = Project(clips.HOME / "work/relabel", options.frames)
    sheets = itertools.cycle([project.sheet(shorter) for shorter in (False, True)])
    ranges, data = project.ranges(), project.folder / "original"
    small, large = (project.extracted(size) for size in (ORIGINAL_BYTES, BYTES))
    ways: dict[str, Callable[[], None]] = {
        "original": lambda: original.label(small, ranges, data),
        "original, pictures as large as Clapboard's": lambda: original.label(large, ranges, data),
        "Clapboard": lambda: project.relabel(next(sheets)),
    }
    with contextlib.redirect_stderr(io.StringIO()):
        project.relabel(next(sheets))
        costs = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, way in ways.items():
                emptied(data)()
                costs[name].append(called(way))
    base = costs["original"]
    rows = [
        [name, spread(c, "cpu"), spread(c, "wall"), times(base, c), times(base, c, "wall")]
        for name, c in costs.items()
    ]
    columns = ["way", "CPU s", "wall s", "x original, CPU", "x original, wall"]
    title = f"{options.frames:,} frames, {options.rounds} rounds.\n\n"
    publish("relabel", title + table(columns, rows))


if __name__ == "__main__":
    main()
