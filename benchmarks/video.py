"""From video to the labelled set: Clapboard, the original's ways, and other tools.

    python -m benchmarks video [--seconds 30] [--rounds 3]

`CLAPBOARD_OLD_FFMPEG`: another FFmpeg for the original's ways (Debian 12 has 5.1).
`CLAPBOARD_PEERS`: a Python with other tools, see benchmarks/peers.py.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from benchmarks import clips
from benchmarks.measure import Case, Cost, emptied, in_turns, publish, python, spread, table, times
from clapboard.groups import Wanted
from clapboard.index import RecordingIndex
from clapboard.indexing import write_index

WORK = clips.HOME / "work"
STRETCH = 5  # seconds with a label, then as many without
LABELS = ("BAGGING", "CUFF", "IV", "SWAB")
PEERS = Path(__file__).with_name("peers.py")


class Recording:
    """Chapters with a sheet that labels every other stretch of `STRETCH` seconds.

    Attributes:
        chapters: the files.
        sheet: the sheet.
        ranges: folder of CSV files by procedure, first and last frame a row.
        labelled: numbers of the labelled frames.
    """

    def __init__(self, name: str, chapters: list[str]) -> None:
        self.name, self.chapters = name, chapters
        folder = WORK / name
        emptied(folder)()
        write_index("S1C2", chapters, "video", "", folder / "index.parquet", folder / "audit.json")
        self.index = RecordingIndex.read(folder / "index.parquet")
        self.sheet, self.ranges = folder / "sheet.csv", folder / "ranges"
        self.ranges.mkdir()
        self.labelled = self._annotate()

    def _annotate(self) -> np.ndarray:
        frames = list[int]()
        with self.sheet.open("w", newline="") as file:
            sheet = csv.writer(file)
            sheet.writerow(["TASK", "PROCEDURE", "Original_Start_Time", "Original_Stop_Time"])
            sheet.writerow(["CLAP", "CLAP", *map(_clock, (0, Fraction(1, 10)))])
            length = int(self.index.duration)
            for place, start in enumerate(range(1, length, 2 * STRETCH)):
                label, stop = LABELS[place % len(LABELS)], min(start + STRETCH, length)
                sheet.writerow([label, label, _clock(start), _clock(stop)])
                inside = self.index.frames_between(Fraction(start), Fraction(stop))
                frames += inside
                with (self.ranges / f"{label}.csv").open("a", newline="") as procedure:
                    csv.writer(procedure).writerow([inside[0], inside[-1]])
        return np.array(frames)

    def groups_only(self) -> list[str]:
        """The chapters cut down to exactly the groups of pictures that hold labelled frames."""
        return [
            _cut(source, self.index, number, self.labelled, WORK / self.name / f"cut{number}.mp4")
            for number, source in enumerate(self.chapters, start=1)
        ]


def _clock(seconds: int | Fraction) -> str:
    whole, rest = divmod(seconds, 1)
    minutes, second = divmod(int(whole), 60)
    return f"2019-04-04 09:{minutes:02d}:{second:02d}:{int(rest * 1_000_000):06d}"


def _cut(source: str, index: RecordingIndex, number: int, frames: np.ndarray, cut: Path) -> str:
    members = index.chapter_frames(number)
    inside = frames[(frames >= members.start) & (frames < members.stop)]
    keys = {group.key for group in Wanted.of(index, number, inside).groups}
    with av.open(source) as video, av.open(str(cut), "w") as output:
        stream = video.streams.video[0]
        copy = output.add_stream_from_template(stream)
        wanted = False
        for packet in video.demux(stream):
            if packet.is_keyframe:
                wanted = packet.pts in keys
            if wanted and packet.size:
                packet.stream = copy
                output.mux(packet)
    return str(cut)


def cases(recording: Recording) -> dict[str, Case]:
    """Every way to the labelled set of a recording."""
    chapters, ranges = recording.chapters, str(recording.ranges)

    def work(name: str) -> Path:
        return WORK / recording.name / name

    def original(way: str, ffmpeg: str) -> Case:
        arguments = (way, ffmpeg, ranges, str(work("original")), *chapters)
        return Case(python("original", *arguments), emptied(work("original")))

    def ours(every: object) -> Case:
        arguments = (json.dumps(every), str(recording.sheet), str(work("ours")), *chapters)
        return Case(python("ours", *arguments), emptied(work("ours")))

    def decode_only(files: list[str]) -> Case:
        inputs = [part for file in files for part in ("-i", file)]
        maps = [part for place in range(len(files)) for part in ("-map", f"{place}:v")]
        return Case([clips.FFMPEG, "-v", "error", *inputs, *maps, "-f", "null", "-"])

    found = {
        "original": original("direct", clips.FFMPEG),
        "original, two steps": original("two_steps", clips.FFMPEG),
        "decoding those groups only": decode_only(recording.groups_only()),
        "Clapboard": ours("all"),
        "Clapboard, 2 a second": ours("2/s"),
        "Clapboard, 1 a second": ours("1/s"),
        "an FFmpeg call per interval": Case(
            python("intervals", clips.FFMPEG, ranges, str(work("calls")), *chapters),
            emptied(work("calls")),
        ),
    }
    old = os.environ.get("CLAPBOARD_OLD_FFMPEG")
    if old:
        found["original (old FFmpeg)"] = original("direct", old)
        found["original, two steps (old FFmpeg)"] = original("two_steps", old)
    interpreter = os.environ.get("CLAPBOARD_PEERS")
    if interpreter:
        known = subprocess.run([interpreter, PEERS, "list"], check=True, capture_output=True)
        for way in known.stdout.decode().split():
            output = work(way)
            command = [interpreter, str(PEERS), way, ranges, str(output), *chapters]
            found[f"other tools: {way}"] = Case(command, emptied(output))
    return found


def report(recording: Recording, costs: dict[str, list[Cost]]) -> str:
    """The table of one recording."""
    base = costs["original"]
    rows = [
        [
            name,
            spread(taken, "cpu"),
            spread(taken, "wall"),
            times(base, taken),
            times(base, taken, "wall"),
            f"{max(cost.memory for cost in taken):.0f}",
        ]
        for name, taken in costs.items()
    ]
    groups = times(costs["Clapboard"], costs["decoding those groups only"])
    share = len(recording.labelled) / len(recording.index)
    chapter = recording.index.chapters[0]
    return (
        f"{len(recording.index)} frames of {chapter.width}x{chapter.height} {chapter.codec}, "
        f"{share:.0%} labelled, {len(base)} rounds.\n\n"
        + table(
            ["way", "CPU s", "wall s", "x original, CPU", "x original, wall", "MB"],
            rows,
        )
        + f"\n\nClapboard takes {groups:.2f} times the CPU of decoding the same groups."
    )


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks video", description=__doc__)
    parser.add_argument("--seconds", type=int, default=30, help="length of a GoPro chapter")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="ways, by the beginning of their names")
    options = parser.parse_args()
    others = {"uhd": [clips.uhd()], "webcam": [clips.webcam()], "lossless": [clips.lossless()]}
    recordings = {"gopro": clips.gopro(seconds=options.seconds)}
    recordings |= {name: files for name, files in others.items() if all(files)}
    for name, files in recordings.items():
        recording = Recording(name, files)
        chosen = cases(recording)
        if options.only:
            chosen = {n: c for n, c in chosen.items() if n.startswith(tuple(options.only))}
        publish(f"video-{name}", report(recording, in_turns(chosen, options.rounds)))


if __name__ == "__main__":
    main()
