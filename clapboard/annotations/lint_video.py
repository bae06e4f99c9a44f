"""Checks of a sheet against the length of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import PurePath

from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.clock import parse_duration, seconds_text
from clapboard.problems import Problem
from clapboard.recordings import Recording

ROUNDED_END = Fraction(1)
"""Seconds by which a stop may lie beyond the video: annotators round up to whole seconds."""

LONGER = Fraction(11, 10)
"""A session is far longer than its video beyond this multiple of it, rounded ends apart."""


def lint_video(
    sheet: Sheet, recording: Recording, durations: Mapping[str, Fraction]
) -> list[Problem]:
    """Annotations before the first or after the last frame of a recording.

    An annotation that starts in the video and stops at most `ROUNDED_END` beyond it gets a warning,
    since all its frames are right; any other that leaves the video is an error: the clap position
    or the sheet is wrong, or a chapter is missing.

    Args:
        sheet: the annotations of the recording (`of_recording`).
        recording: its chapters and clap position. A position that is not a time (found later, from
            the sound) counts as 0 and nothing is said about annotations before the video.
        durations: seconds in each chapter file.
    """
    if not recording.chapters or not all(file in durations for file in recording.chapters):
        return []
    offset = clap_offset(recording.clap) if sheet.origin == "clap" else Fraction(0)
    total = sum((durations[file] for file in recording.chapters), Fraction(0))
    problems = _too_long(sheet, total, recording.id)
    for entry in sheet.annotations:
        if entry.clip and not entry.whole:
            length, moved = durations[entry.clip], Fraction(0)
            problems += _outside(entry, moved, length, sheet.file, PurePath(entry.clip).name)
        elif not entry.whole:
            problems += _outside(entry, offset, total, sheet.file, recording.id)
    return problems


def clap_offset(clap: str) -> Fraction | None:
    """Seconds of a clap position, None when it is not given as a time."""
    try:
        return parse_duration(clap or "0")
    except ValueError:
        return None


def _too_long(sheet: Sheet, total: Fraction, recording: str) -> list[Problem]:
    """An error when no clap position whatever brings all annotations into the video."""
    times = [
        time for entry in sheet.annotations if not entry.clip for time in (entry.start, entry.stop)
    ]
    if not times or max(times) - min(times) <= LONGER * total + ROUNDED_END:
        return []
    length = max(times) - min(times)
    return [
        Problem(
            "longer-than-video",
            f"the annotations span {seconds_text(length)} s, the video of {recording} only "
            f"{seconds_text(total)} s",
            "Add the missing chapters, or correct the date or time of a row that stands out.",
            sheet.file,
        )
    ]


def _outside(
    entry: Annotation, offset: Fraction | None, length: Fraction, file: str, recording: str
) -> list[Problem]:
    """The problem of an annotation that is not all within 0 and `length`."""
    start, stop = entry.start + (offset or 0), entry.stop + (offset or 0)
    value = f"{seconds_text(start)} to {seconds_text(stop)}"
    if offset is not None and start < 0:
        message = f"{entry.written!r} starts {seconds_text(-start)} s before {recording} does"
        remedy = "Check the clap position of the recording and the time of the clap row."
        return [Problem("before-video", message, remedy, file, entry.row, value=value)]
    if stop <= length:
        return []
    return [
        Problem(
            "beyond-video",
            f"{entry.written!r} stops {seconds_text(stop - length)} s after the end of {recording}"
            f" ({seconds_text(length)} s)",
            "Check the times and the clap position, and that no chapter is missing.",
            file,
            entry.row,
            value=value,
            severity="warning" if start < length and stop - length <= ROUNDED_END else "error",
        )
    ]
