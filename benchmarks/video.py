"""From video to the labelled set: Clapboard, the original's ways, and other tools.

    python -m benchmarks video [--chapters 2] [--rounds 3]

`CLAPBOARD_OLD_FFMPEG`: another FFmpeg for the original's way, as old as its scripts.
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
from clapboard.settings.config import load
from clapboard.video.groups import Wanted
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index

WORK = clips.HOME / "work"
# Seconds with a label, then as many without: half of the annotations of the lab are longer than 15.
STRETCH = 15
SHORT_STRETCH = 5  # for clips that last no longer than that
LABELS = ("BAGGING", "CUFF", "IV", "SWAB")
PEERS = Path(__file__).with_name("peers.py")


class Recording:
    """Chapters with a sheet that labels every other stretch of some seconds.

    Attributes:
        chapters: the files.
        sheet: the sheet.
        ranges: folder of CSV files by procedure, first and last frame a row.
        labelled: numbers of the labelled frames.
    """

    def __init__(self, name: str, chapters: list[str], stretch: int) -> None:
        self.name, self.chapters, self.stretch = name, chapters, stretch
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
            for place, start in enumerate(range(1, length, 2 * self.stretch)):
                label, stop = LABELS[place % len(LABELS)], min(start + self.stretch, length)
                sheet.writerow([label, label, _clock(start), _clock(stop)])
                inside = self.index.frames_between(Fraction(start), Fraction(stop))
                frames += inside
                with (self.ranges / f"{label}.csv").open("a", newline="") as procedure:
                    csv.writer(procedure).writerow([inside[0], inside[-1]])
        return np.array(frames)

    def groups_only(self) -> list[str]:
        """The chapters cut down to exactly the groups of pictures that hold labelled frames."""
        folder, chapter = WORK / self.name, self.index.chapter[self.labelled - 1]
        return [
            _cut(source, self.index, number, self.labelled, folder / f"cut{number}.mkv")
            for number, source in enumerate(self.chapters, start=1)
            if number in chapter
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


class Ways:
    """The ways to the labelled set of a recording."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.own = {
            "original": self._original("direct", clips.FFMPEG),
            "decoding those groups only": self._decode_only(),
            "decoding their key frames only": self._decode_only("-skip_frame", "nokey"),
            "Clapboard": self._clapboard("all"),
            "Clapboard, 2 a second": self._clapboard("2/s"),
            "Clapboard, 1 a second": self._clapboard("1/s"),
        }
        old = os.environ.get("CLAPBOARD_OLD_FFMPEG")
        if old:
            self.own["original, old FFmpeg"] = self._original("direct", old)

    def others(self) -> dict[str, Case]:
        """The ways of others, with the original's and Clapboard's to compare."""
        arguments = (clips.FFMPEG, str(self.recording.ranges), self._work("calls"))
        found = {
            "original": self.own["original"],
            "original, two steps": self._original("two_steps", clips.FFMPEG),
            "Clapboard": self.own["Clapboard"],
            "an FFmpeg call per interval": self._case(python("intervals"), *arguments),
        }
        interpreter = os.environ.get("CLAPBOARD_PEERS")
        if interpreter:
            program = [interpreter, str(PEERS)]
            sample = (*clips.clip(), *self.recording.chapters)[0]
            listing = [*program, "list", sample]
            known = subprocess.run(listing, check=True, stdout=subprocess.PIPE)
            for way in known.stdout.decode().split():
                arguments = (way, str(self.recording.ranges), self._work(way))
                found[way] = self._case(program, *arguments)
        return found

    def _work(self, name: str) -> str:
        return str(WORK / self.recording.name / name)

    def _case(self, program: list[str], *arguments: str) -> Case:
        """A program that gets some arguments, the last of which is its folder, and the chapters."""
        command = [*program, *arguments, *self.recording.chapters]
        return Case(command, emptied(Path(arguments[-1])))

    def _original(self, way: str, ffmpeg: str) -> Case:
        ranges = str(self.recording.ranges)
        return self._case(python("original"), way, ffmpeg, ranges, self._work("original"))

    def _clapboard(self, every: object) -> Case:
        config = load({"frames": {"every": every}})
        sections = {name: config.section(name) for name in ("annotations", "frames")}
        sheet = str(self.recording.sheet)
        return self._case(python("ours"), json.dumps(sections), sheet, self._work("ours"))

    def _decode_only(self, *options: str) -> Case:
        files = self.recording.groups_only()
        inputs = [part for file in files for part in (*options, "-i", file)]
        maps = [part for place in range(len(files)) for part in ("-map", f"{place}:v")]
        return Case([clips.FFMPEG, "-v", "error", *inputs, *maps, "-f", "null", "-"])


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
        ]
        for name, taken in costs.items()
    ]
    share = len(recording.labelled) / len(recording.index)
    chapter = recording.index.chapters[0]
    text = (
        f"{len(recording.index)} frames of {chapter.width}x{chapter.height} {chapter.codec}, "
        f"{share:.0%} labelled, {len(base)} rounds.\n\n"
    ) + table(["way", "CPU s", "wall s", "x original, CPU", "x original, wall"], rows)
    limit = costs.get("decoding those groups only")
    if limit:
        ratio = times(costs["Clapboard"], limit)
        text += f"\n\nClapboard takes {ratio:.2f} times the CPU of decoding the same groups."
    return text


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks video", description=__doc__)
    parser.add_argument("--chapters", type=int, default=2, help="of nine minutes, GoPro-like")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--recordings", nargs="*", help="gopro, others, uhd, webcam, clip, lossless"
    )
    options = parser.parse_args()
    recordings = {
        "gopro": clips.linked(WORK / "chapters", clips.long_chapter(), options.chapters),
        "others": clips.gopro(seconds=60),
        "uhd": [clips.uhd()],
        "webcam": clips.webcam(),
        "clip": clips.clip(),
        "lossless": clips.lossless(),
    }
    for name, files in recordings.items():
        if files and name in (options.recordings or recordings):
            stretch = STRETCH if name in ("gopro", "others") else SHORT_STRETCH
            ways = Ways(Recording(name, files, stretch))
            chosen = ways.others() if name == "others" else ways.own
            publish(f"video-{name}", report(ways.recording, in_turns(chosen, options.rounds)))


if __name__ == "__main__":
    main()
