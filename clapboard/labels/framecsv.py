"""Annotations and a recording's index -> which frames each procedure covers (`framecsv/`)."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from clapboard.annotations.labels import folder_name
from clapboard.annotations.lint_video import lint_video
from clapboard.annotations.placing import in_recording, of_recording
from clapboard.annotations.reading import read_sheet
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.artifacts import FLUSHED_TOGETHER, read_csv, read_json, write_csv
from clapboard.clock import parse_duration, seconds_text
from clapboard.problems import InputError, Problem, refuse, report
from clapboard.video.index import RecordingIndex, Times

COLUMNS = (
    "procedure",
    "start_frame",
    "stop_frame",
    "start_seconds",
    "stop_seconds",
    "first_frame",
    "last_frame",
    "row",
    "mark",
)


@dataclass(frozen=True)
class FrameRange:
    """What one row of a sheet covers in one recording.

    Attributes:
        procedure: the label.
        start_frame: fractional frames at the nominal rate, for comparison; nothing is cut by it.
        stop_frame: as `start_frame`.
        start: seconds in the recording; exact from `frame_ranges`, to a nanosecond from a file.
        stop: as `start`.
        first_frame: number of the first frame inside, asked of the index; None if there is none.
            Together with `last_frame` it says exactly which frames have the label.
        last_frame: number of the last frame inside.
        row: row of the sheet.
        mark: a clap, which is no procedure.
    """

    procedure: str
    start_frame: float
    stop_frame: float
    start: Fraction
    stop: Fraction
    first_frame: int | None
    last_frame: int | None
    row: int
    mark: bool = False


def frame_ranges(
    sheet: Sheet,
    clap: Fraction,
    rate: Fraction,
    index: RecordingIndex | None,
    scale: Fraction = Fraction(1),
) -> list[FrameRange]:
    """The ranges of all annotations and claps of a sheet, in sheet order.

    Args:
        sheet: annotations of one recording (`clapboard.annotations.placing.of_recording`).
        clap: seconds in the recording at which the first clap is seen; only sheets in wall-clock
            time are moved by it.
        rate: nominal frames per second, for the fractional frames `t * rate`.
        index: the recording; None leaves first and last frame out.
        scale: seconds of the recording in a second of the sheet's clock.
    """
    placed = in_recording(sheet, clap, index, scale)
    claps = set(placed.claps)
    return [_frame_range(entry, entry in claps, rate, index) for entry in placed.in_order()]


def placement(
    index: RecordingIndex, clap: str, sync: str | os.PathLike[str] | None = None
) -> tuple[Fraction, Fraction]:
    """Clap and scale that place a sheet on a recording.

    Args:
        index: the recording.
        clap: position of the clap as the table of recordings has it.
        sync: ``audit/sync/{recording}.json``, which knows better.

    Returns:
        Seconds of the recording at the sheet's zero; seconds of the recording per second of the
        sheet.

    Raises:
        InputError: the position is not a time and there is no `sync`.
    """
    if sync is None:
        return clap_seconds(clap, index), Fraction(1)
    facts = read_json(sync)
    return Fraction(facts["clap"]), Fraction(facts["scale"])


def clap_seconds(clap: str, index: Times) -> Fraction:
    """Where in a recording its clap is: `12.5`, `00:00:12.5`, `frame 375`; nothing is 0.

    Raises:
        InputError: it is none of these, or there is no such frame.
    """
    word, _, number = (clap or "0").partition(" ")
    try:
        return index.seconds(int(number)) if word == "frame" else parse_duration(clap or "0")
    except (ValueError, IndexError) as error:
        remedy = "Give the clap as seconds, HH:MM:SS.fff or `frame N`."
        problem = Problem("unreadable-clap", str(error), remedy, index.recording, value=clap)
        raise InputError([problem]) from error


def _frame_range(
    entry: Annotation, mark: bool, rate: Fraction, index: RecordingIndex | None
) -> FrameRange:
    """The range of one annotation in recording time."""
    inside = range(0) if index is None else index.frames_between(entry.start, entry.stop)
    return FrameRange(
        entry.label,
        float(entry.start * rate),
        float(entry.stop * rate),
        entry.start,
        entry.stop,
        inside[0] if inside else None,
        inside[-1] if inside else None,
        entry.row,
        mark,
    )


def read_framecsv(path: str | os.PathLike[str]) -> list[FrameRange]:
    """The ranges that `write_framecsv` wrote."""
    return [
        FrameRange(
            row["procedure"],
            float(row["start_frame"]),
            float(row["stop_frame"]),
            Fraction(row["start_seconds"]),
            Fraction(row["stop_seconds"]),
            int(row["first_frame"]) if row["first_frame"] else None,
            int(row["last_frame"]) if row["last_frame"] else None,
            int(row["row"]),
            row["mark"] == "1",
        )
        for row in read_csv(path)
    ]


def write_framecsv(
    sheet_file: str,
    index_file: str,
    clap: str,
    settings: Mapping[str, Any],
    framecsv: str,
    procedures: str,
    subject: str = "",
    sync: str | None = None,
    compare: bool = False,
) -> None:
    """Write the frame ranges of a recording, whole and split by procedure.

    Args:
        sheet_file: the annotation sheet.
        index_file: the recording's index.
        clap: position of the clap in the recording, as `clap_seconds` reads it.
        settings: section `annotations` of the config.
        framecsv: CSV file to write; claps stay in it as marks.
        procedures: folder for one CSV per procedure, named by `folder_name`; files of procedures
            that the sheet no longer has are removed.
        subject: whose rows to take from a sheet of several subjects.
        sync: the JSON of `find_clap`, whose `clap` and `scale` go before `clap`; needed where the
            position of the clap is `auto` or drift is corrected.
        compare: refuse annotations that are not in the recording. The check of all input does so,
            but for chapters that were still in S3 and claps that were still to be heard.

    Raises:
        InputError: the sheet or the position of the clap has errors, or an annotation is not in the
            recording.
    """
    index = RecordingIndex.read(index_file)
    chapters = [chapter.file for chapter in index.chapters]
    sheet, problems = read_sheet(sheet_file, settings, chapters)
    refuse(problems)
    sheet = of_recording(sheet, chapters, subject, clap)
    placed, scale = placement(index, clap, sync)
    if compare:
        _refuse_outside(sheet, index, placed)
    ranges = frame_ranges(sheet, placed, index.rate, index, scale)
    by_file: dict[str, list[FrameRange]] = defaultdict(list)
    for entry in ranges:
        if not entry.mark:
            by_file[f"{folder_name(entry.procedure)}.csv"].append(entry)
    folder = Path(procedures)
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.csv"):
        if stale.name not in by_file:
            stale.unlink()

    def write(name: str) -> None:
        write_csv(folder / name, COLUMNS, map(_cells, by_file[name]))

    # Side by side, since a disk flushes all that wait in the time that it takes for one.
    with ThreadPoolExecutor(FLUSHED_TOGETHER) as pool:
        list(pool.map(write, by_file))
    write_csv(framecsv, COLUMNS, map(_cells, ranges))


def _refuse_outside(sheet: Sheet, index: RecordingIndex, clap: Fraction) -> None:
    """End where the sheet leaves the recording.

    The clock's drift, some millionths, stays within what may be rounded.
    """
    durations = {chapter.file: chapter.duration for chapter in index.chapters}
    problems = lint_video(sheet, index.recording, durations, clap)
    if problems:
        print(report(problems), flush=True)  # noqa: T201 - the job's log
    refuse(problems)


def _cells(entry: FrameRange) -> Sequence[Any]:
    """A range as cells of its CSV row."""
    return (
        entry.procedure,
        entry.start_frame,
        entry.stop_frame,
        seconds_text(entry.start),
        seconds_text(entry.stop),
        entry.first_frame,
        entry.last_frame,
        entry.row,
        "1" if entry.mark else "",
    )
