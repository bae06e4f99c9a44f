"""The index of a recording of 2.5 hours, beside demuxing alone.

    python -m benchmarks index [--chapters 17] [--rounds 3]

Each chapter is one file of nine minutes, a clip joined to itself by stream copy.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import clips
from benchmarks.measure import Case, in_turns, publish, python, spread, table, times
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index

WORK = clips.HOME / "work/index"


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks index", description=__doc__)
    parser.add_argument("--chapters", type=int, default=17)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    chapter = clips.long_chapter()
    files = clips.linked(WORK, chapter, options.chapters)
    inputs = [part for file in files for part in ("-i", file)]
    maps = [part for place in range(len(files)) for part in ("-map", f"{place}:v")]
    demux = [clips.FFMPEG, "-v", "error", *inputs, *maps, "-c", "copy", "-f", "null", "-"]
    costs = in_turns(
        {"demuxing alone": Case(demux), "Clapboard": Case(python("index", "run", *files))},
        options.rounds,
    )
    index = RecordingIndex.read(WORK / "index.parquet")
    size = len(files) * Path(chapter).stat().st_size / 1e9
    base = costs["Clapboard"]
    rows = [
        [name, spread(c, "cpu"), spread(c, "wall"), times(base, c), times(base, c, "wall")]
        for name, c in costs.items()
    ]
    columns = ["way", "CPU s", "wall s", "Clapboard takes x, CPU", "Clapboard takes x, wall"]
    hours = float(index.duration) / 3600
    title = f"{len(index):,} frames, {hours:.1f} h, {len(files)} chapters, {size:.0f} GB.\n\n"
    publish("index", title + table(columns, rows))


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        write_index("S1C2", sys.argv[2:], "video", "", WORK / "index.parquet", WORK / "audit.json")
    else:
        main()
