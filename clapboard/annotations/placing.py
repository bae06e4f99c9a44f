"""From the times of a sheet to times in a recording and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.index import RecordingIndex


def in_recording(
    sheet: Sheet, clap: Fraction, index: RecordingIndex | None, scale: Fraction = Fraction(1)
) -> Sheet:
    """The sheet with all times counted from the first frame of the recording.

    Sheets in wall-clock time are moved: recording time = clap + sheet time x scale. Annotations of
    a clip are moved by the start of its chapter and end with it at the latest: whatever follows is
    another clip.

    Args:
        sheet: annotations of one recording (`clapboard.annotations.clips.of_recording`).
        clap: seconds in the recording at which the first clap is seen.
        index: the recording; may be None for sheets that name no clips.
        scale: seconds of the recording in a second of the sheet's clock.

    Raises:
        ValueError: an annotation names a clip that is no chapter of the recording.
    """

    def place(entry: Annotation) -> Annotation:
        if entry.clip:
            start, stop = _in_clip(entry, index)
            return replace(entry, start=start, stop=stop, clip="", whole=False)
        if sheet.origin == "video":
            return entry
        return replace(entry, start=clap + entry.start * scale, stop=clap + entry.stop * scale)

    return _moved(sheet, place, origin="video", zero=None)


def from_clap(sheet: Sheet, clap: Fraction, zero: datetime, scale: Fraction = Fraction(1)) -> Sheet:
    """The sheet with times counted from the clap, which was at the wall-clock time `zero`.

    Args:
        sheet: times from the first frame of the recording; one from the clap stays as it is.
        clap: seconds in the recording at which the clap is seen.
        zero: date and time of the clap.
        scale: as in `in_recording`.
    """
    if sheet.origin == "clap":
        return sheet

    def place(entry: Annotation) -> Annotation:
        start, stop = ((time - clap) / scale for time in (entry.start, entry.stop))
        return replace(entry, start=start, stop=stop)

    return _moved(sheet, place, origin="clap", zero=zero)


def wall_clock(zero: datetime, seconds: Fraction) -> datetime:
    """Date and time some seconds after `zero`, cut to microseconds.

    Raises:
        OverflowError: before year 1 or after year 9999.
    """
    return zero + timedelta(microseconds=seconds * 1_000_000 // 1)


def _moved(sheet: Sheet, place: Callable[[Annotation], Annotation], **changes: Any) -> Sheet:
    """The sheet with each annotation and clap put in its place."""
    return replace(
        sheet,
        annotations=tuple(map(place, sheet.annotations)),
        claps=tuple(map(place, sheet.claps)),
        **changes,
    )


def _in_clip(entry: Annotation, index: RecordingIndex | None) -> tuple[Fraction, Fraction]:
    """Start and stop in the recording of an annotation that counts from its chapter's start."""
    chapters = index.chapters if index is not None else ()
    chapter = next((each for each in chapters if each.file == entry.clip), None)
    if index is None or chapter is None:
        raise ValueError(f"{entry.clip} is no chapter of this recording")
    frames = index.chapter_frames(chapter.number)
    begin = index.seconds(frames[0]) if frames else Fraction(0)
    end = begin + chapter.duration
    return (begin, end) if entry.whole else (begin + entry.start, min(begin + entry.stop, end))
