"""Lay out two public sets of real video as recordings with sheets.

usage: python examples/real/lay_out.py DATA FOLDER

DATA holds the folders gmdcsa24 and weizmann4; nothing in it is copied or changed, the tables name
the videos where they are. FOLDER/{set} gets config/, sheets/ and, where the set's own annotations
are not usable as they stand, notes.csv with every row that was left out or cut.
"""

from __future__ import annotations

import csv
import re
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import av

from clapboard.artifacts import write_csv
from clapboard.problems import Problem

HERE = Path(__file__).parent
ZERO = datetime(2026, 1, 1)

# Nine people in alphabetical order: six to train on, one to validate, two to test.
WEIZMANN = ["daria", "denis", "eli", "ido", "ira", "lena", "lyova", "moshe", "shahar"]
WEIZMANN_SPLITS = ["Training"] * 6 + ["Validation"] + ["Test"] * 2
ACTIONS = ["bend", "jack", "wave1", "wave2"]

# Subjects 1 and 3 have 15 of the 23 clips; 2 and 4 have four each.
GMDCSA_SPLITS = {1: "Training", 2: "Validation", 3: "Training", 4: "Test"}

# `Falling (BW)[6.9 to 12]` or, with several stretches, `Standing[0 to 0.5; 4.2 to 6.5]`.
ACTIVITY = re.compile(r"\s*([^\[\];]+?)\s*\[([^\[\]]+)\]\s*")
STRETCH = re.compile(r"\s*([\d.]+)\s+to\s+([\d.]+)\s*")
BETWEEN_ACTIVITIES = re.compile(r";(?![^\[]*\])")


@dataclass(frozen=True)
class Stretch:
    """A labelled stretch of a clip, in seconds of the clip."""

    label: str
    start: Fraction
    stop: Fraction


@dataclass(frozen=True)
class Clip:
    """One file: a recording of its own, told from others of its subject by the session."""

    subject: str
    session: str
    split: str
    file: Path
    stretches: tuple[Stretch, ...]


@dataclass
class Notes:
    """What was found in a set's own annotations that cannot be used as it stands."""

    found: list[Problem] = field(default_factory=list)

    def add(self, check: str, message: str, done: str, place: Path, row: int, value: str) -> None:
        """Note one finding and what was done about it."""
        file = f"{place.parent.name}/{place.name}"
        self.found.append(
            Problem(check, message, done, file, row, "Classes", value.strip(), "warning")
        )


def duration(file: Path) -> Fraction:
    """Seconds from the first frame to the end of the last, from the packets."""
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.pts is not None]
        first = min(packet.pts for packet in packets)
        last = max(packet.pts + packet.duration for packet in packets)
        return (last - first) * stream.time_base


def weizmann(data: Path) -> Iterator[Clip]:
    """The 36 clips of weizmann4; each shows one action from its first frame to its last."""
    for number, (name, split) in enumerate(zip(WEIZMANN, WEIZMANN_SPLITS, strict=True), 1):
        for session, action in enumerate(ACTIONS, 1):
            file = data / action / f"{name}_{action}.avi"
            whole = Stretch(action, Fraction(0), duration(file))
            yield Clip(f"S{number}", f"R{session}", split, file, (whole,))


def gmdcsa(data: Path, notes: Notes) -> Iterator[Clip]:
    """The clips of gmdcsa24 that are there, with the usable part of their annotations."""
    for number, split in GMDCSA_SPLITS.items():
        for kind in ("ADL", "Fall"):
            sheet = data / f"Subject {number}" / f"{kind}.csv"
            for row, name, classes in _rows(sheet):
                stretches = list(_stretches(classes, sheet, row, notes))
                file = sheet.with_suffix("") / name
                if file.is_file():
                    inside = tuple(_inside(stretches, duration(file), sheet, row, notes))
                    yield Clip(f"S{number}", f"{kind[0]}{file.stem}", split, file, inside)


def _rows(sheet: Path) -> Iterator[tuple[int, str, str]]:
    with sheet.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        next(reader)
        for row in reader:
            yield reader.line_num, row[0].strip(), ",".join(row[5:])


def _stretches(classes: str, sheet: Path, row: int, notes: Notes) -> Iterator[Stretch]:
    """The stretches that a cell holds; what cannot be read is noted and left out."""
    for text in filter(str.strip, BETWEEN_ACTIVITIES.split(classes)):
        activity = ACTIVITY.fullmatch(text)
        for part in activity[2].split(";") if activity else [None]:
            times = part and STRETCH.fullmatch(part)
            if not times or activity[1].count("(") != activity[1].count(")"):
                notes.add("malformed", "not `Label[start to stop]`", "Left out.", sheet, row, text)
            elif Fraction(times[2]) <= Fraction(times[1]):
                notes.add(
                    "stop-before-start", "ends before it starts", "Left out.", sheet, row, text
                )
            else:
                yield Stretch(activity[1], Fraction(times[1]), Fraction(times[2]))


def _inside(
    stretches: Iterable[Stretch], length: Fraction, sheet: Path, row: int, notes: Notes
) -> Iterator[Stretch]:
    """The stretches cut at the end of the clip; cuts are noted."""
    for stretch in stretches:
        text = f"{stretch.label}[{float(stretch.start):g} to {float(stretch.stop):g}]"
        if stretch.start >= length:
            notes.add("after-the-end", "begins after the clip", "Left out.", sheet, row, text)
        elif stretch.stop > length:
            message = f"the clip ends at {float(length):.3f} s"
            notes.add("beyond-the-end", message, "Cut there.", sheet, row, text)
            yield Stretch(stretch.label, stretch.start, length)
        else:
            yield stretch


def write_set(name: str, clips: list[Clip], notes: Notes, folder: Path) -> None:
    """Write FOLDER/{config,sheets} and notes.csv."""
    (folder / "sheets").mkdir(parents=True, exist_ok=True)
    (folder / "config").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / f"{name}.yaml", folder / "config" / "config.yaml")
    rows = ["subject\tsession\tcamera\tsplit\tannotations\tvideos\tclap"]
    for clip in clips:
        sheet = f"sheets/{clip.subject}{clip.session}.csv"
        _write_sheet(clip, folder / sheet)
        cells = [clip.subject, clip.session, "C1", clip.split, sheet, str(clip.file.resolve()), "0"]
        rows.append("\t".join(cells))
    (folder / "config" / "recordings.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    columns = ["file", "row", "check", "message", "value", "remedy"]
    lines = [[getattr(note, column) for column in columns] for note in notes.found]
    write_csv(folder / "notes.csv", [*columns[:-1], "done"], lines)
    print(f"{name}: {len(clips)} clips in {folder}; {len(notes.found)} notes in notes.csv")


def _write_sheet(clip: Clip, path: Path) -> None:
    """A sheet in the lab's format whose CLAP is the clip's first frame."""

    def moment(seconds: Fraction) -> str:
        # Rounded down, so that nothing ends after the clip; far less than a frame.
        microseconds = int(seconds * 1_000_000)
        return (ZERO + timedelta(microseconds=microseconds)).strftime("%Y-%m-%d %H:%M:%S:%f")

    rows = [["clap", "CLAP", moment(Fraction(0)), moment(Fraction(0))]]
    for stretch in sorted(clip.stretches, key=lambda stretch: stretch.start):
        times = [moment(stretch.start), moment(stretch.stop)]
        rows.append([stretch.label, stretch.label, *times])
    write_csv(path, ["ignore", "PROCEDURE", "Original_Start_Time", "Original_Stop_Time"], rows)


def main(data: Path, folder: Path) -> None:
    """Lay out both sets."""
    missing = [str(data / name) for name in ("weizmann4", "gmdcsa24") if not (data / name).is_dir()]
    if missing:
        sys.exit(f"there is no {' and no '.join(missing)}; say where: make real DATA=...")
    notes = Notes()
    write_set("weizmann4", list(weizmann(data / "weizmann4")), notes, folder / "weizmann4")
    write_set("gmdcsa24", list(gmdcsa(data / "gmdcsa24", notes)), notes, folder / "gmdcsa24")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
