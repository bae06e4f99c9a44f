"""One FFmpeg call per annotated interval, seeking by seconds, as clip cutters do it."""

from __future__ import annotations

import csv
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av

RATE = Fraction(30000, 1001)


def extract(ffmpeg: str, ranges: Path, folder: Path, chapters: list[str]) -> None:
    """The frames of every interval, scaled by area, as JPEGs of good quality."""
    first = 1
    for number, chapter in enumerate(chapters):
        with av.open(chapter) as container:
            last = first + container.streams.video[0].frames - 1
        for sheet in sorted(ranges.iterdir()):
            with sheet.open(newline="") as file:
                intervals = [(int(row[0]), int(row[1])) for row in csv.reader(file)]
            for place, (start, stop) in enumerate(intervals):
                start, stop = max(start, first), min(stop, last)
                if start <= stop:
                    pattern = folder / f"{sheet.stem}-{number}-{place}-%06d.jpg"
                    seek = ["-ss", f"{float((start - first) / RATE):.6f}", "-i", chapter]
                    count = ["-frames:v", str(stop - start + 1)]
                    scale = ["-vf", "scale=224:224:flags=area", "-q:v", "2", str(pattern)]
                    command = [ffmpeg, "-v", "error", "-y", *seek, *count, *scale]
                    subprocess.run(command, check=True)
        first = last + 1


if __name__ == "__main__":
    program, sheets, output, *files = sys.argv[1:]
    extract(program, Path(sheets), Path(output), files)
