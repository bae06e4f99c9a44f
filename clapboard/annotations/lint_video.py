"""Checks of a sheet against the length of a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import PurePath

from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.clock import seconds_text
from clapboard.problems import Problem, errors

ROUNDED_END = Fraction(1)
"""Seconds by which a stop may lie beyond the video: annotators round up to whole seconds."""

ROUNDED_START = Fraction(2, 10**6)
"""Seconds by which a start may lie before the video: a wall clock is cut to microseconds, and no
frame is shown in so short a time before the first."""

LONGER = Fraction(11, 10)
"""A session is far longer than its video beyond this multiple of it, rounded ends apart."""


FEW = 5
"""Annotations wholly beside the video that are told row by row; more have one cause."""


def lint_video(
    sheet: Sheet,
    recording: str,
    durations: Mapping[str, Fraction],
    offset: Fraction | None,
) -> list[Problem]:
    """Annotations before the first or after the last frame of a recording.

    An annotation that starts in the video and stops at most `ROUNDED_END` beyond it gets a warning,
    since all its frames are right; any other that leaves the video is an error: the clap position
    or the sheet is wrong, or a chapter is missing. Rows that end before they begin are left to
    `lint_rows`.

    Args:
        sheet: the annotations of the recording (`clapboard.annotations.placing.of_recording`).
        recording: its id.
        durations: seconds in each of its chapter files.
        offset: seconds in the recording at which times of a sheet with a clap begin. None where
            that is found later, from the sound: then 0 is taken for it, which only the row of
            another clap can undercut, and nothing is said about annotations before the video.
    """
    begin = offset if sheet.origin == "clap" else Fraction(0)
    total = sum(durations.values(), Fraction(0))
    entries = [one for one in sheet.annotations if not one.whole and one.stop >= one.start]
    problems = list[Problem]()
    for entry in entries:
        if entry.clip:
            name, length = PurePath(entry.clip).name, durations[entry.clip]
            problems += _outside(entry, Fraction(0), length, sheet.file, name)
    entries = [entry for entry in entries if not entry.clip]
    beside = _beside(entries, begin, total)
    told = [
        problem
        for entry in entries
        if entry not in beside or len(beside) <= FEW
        for problem in _outside(entry, begin, total, sheet.file, recording)
    ]
    many = len(beside) > min(FEW, len(entries) // 4)
    if _span(entries) > LONGER * total + ROUNDED_END and (many or not errors(told)):
        told = [_longer_than_video(entries, total, sheet.file, recording)]
    elif len(beside) > FEW:
        told.append(_all_beside(beside, total, sheet.file, recording))
    return problems + told


def _beside(
    entries: Sequence[Annotation], offset: Fraction | None, total: Fraction
) -> list[Annotation]:
    """The annotations that have no moment in common with the video."""
    begin = offset or Fraction(0)
    return [
        entry
        for entry in entries
        if entry.start + begin >= total or (offset is not None and entry.stop + begin <= 0)
    ]


def _all_beside(
    entries: Sequence[Annotation], total: Fraction, file: str, recording: str
) -> Problem:
    """The one error for many annotations beside the video."""
    rows = [entry.row for entry in entries]
    return Problem(
        "beside-video",
        f"{len(entries)} annotations, from row {min(rows)} to row {max(rows)}, are wholly outside "
        f"{recording} ({seconds_text(total)} s)",
        "Check the clap position of the recording, the clap row, and that no chapter is missing.",
        file,
        min(rows),
    )


def _span(entries: Sequence[Annotation]) -> Fraction:
    """Seconds from the first start to the last stop."""
    starts, stops = ([getattr(entry, name) for entry in entries] for name in ("start", "stop"))
    return max(stops, default=Fraction(0)) - min(starts, default=Fraction(0))


def _longer_than_video(
    entries: Sequence[Annotation], total: Fraction, file: str, recording: str
) -> Problem:
    """The error for a session that no clap position whatever brings into the video."""
    return Problem(
        "longer-than-video",
        f"the annotations span {seconds_text(_span(entries))} s, the video of {recording} only "
        f"{seconds_text(total)} s",
        "Add the missing chapters, or correct the date or time of a row that stands out.",
        file,
    )


def _outside(
    entry: Annotation, offset: Fraction | None, length: Fraction, file: str, recording: str
) -> list[Problem]:
    """The problem of an annotation that is not all within 0 and `length`."""
    start, stop = entry.start + (offset or 0), entry.stop + (offset or 0)
    value = f"{seconds_text(start)} to {seconds_text(stop)}"
    if offset is not None and start < -ROUNDED_START:
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
