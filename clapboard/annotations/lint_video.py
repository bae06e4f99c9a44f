"""Checks of a sheet against the length of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import PurePath
from typing import TYPE_CHECKING

from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.clock import parse_duration, seconds_text
from clapboard.problems import Problem

if TYPE_CHECKING:
    from clapboard.recordings import Recording

ROUNDED_END = Fraction(1)
"""Seconds by which a stop may lie beyond the video: annotators round up to whole seconds."""


def lint_video(
    sheet: Sheet, recording: Recording, durations: Mapping[str, Fraction]
) -> list[Problem]:
    """Annotations before the first or after the last frame of a recording.

    An annotation that starts in the video and stops at most `ROUNDED_END` beyond it gets a warning,
    since all its frames are right; any other that leaves the video is an error: the clap position
    or the sheet is wrong, or a chapter is missing.

    Args:
        sheet: the annotations of the recording.
        recording: its chapters and clap position. A position that is not a time (found later, from
            the sound) counts as 0 and nothing is said about annotations before the video.
        durations: seconds in each chapter file.
    """
    if not all(chapter in durations for chapter in recording.chapters):
        return []
    clips = {PurePath(chapter).name: durations[chapter] for chapter in recording.chapters}
    offset = clap_offset(recording.clap) if sheet.origin == "clap" else Fraction(0)
    total = sum(clips.values(), Fraction(0))
    problems = []
    for entry in sheet.annotations:
        if entry.whole or (entry.clip and PurePath(entry.clip).name not in clips):
            continue
        length = clips[PurePath(entry.clip).name] if entry.clip else total
        moved = Fraction(0) if entry.clip else offset
        problems += _outside(entry, moved, length, sheet.file, recording.id)
    return problems


def clap_offset(clap: str) -> Fraction | None:
    """Seconds of a clap position, None when it is not given as a time."""
    try:
        return parse_duration(clap or "0")
    except ValueError:
        return None


def _outside(
    entry: Annotation, offset: Fraction | None, length: Fraction, file: str, recording: str
) -> list[Problem]:
    """The problem of an annotation that is not all within 0 and `length`."""
    start, stop = entry.start + (offset or 0), entry.stop + (offset or 0)
    value = f"{seconds_text(start)} to {seconds_text(stop)}"
    if offset is not None and start < 0:
        message = (
            f"{entry.written!r} starts {seconds_text(-start)} s before the video of {recording}"
        )
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
