"""From the times of a sheet to times in a recording and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from clapboard.annotations.clips import rows_of
from clapboard.annotations.labels import normalise
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.video.index import RecordingIndex

AT_FIRST_FRAME = "0"
"""The clap position of a recording for which the table of recordings gives none."""


def of_recording(
    sheet: Sheet, chapters: Sequence[str], subject: str = "", clap: str = AT_FIRST_FRAME
) -> Sheet:
    """The part of a sheet that is about one recording, counted from this recording's sync event.

    Of a wall-clock sheet of several subjects, the times of a subject count from its own first clap.
    A sheet that a media player counted from the first frame of one camera fits another camera once
    the table of recordings says where the sheet's first clap, or its zero if it has none, is seen
    there: then its times count from that event, as in a wall-clock sheet.

    Args:
        sheet: the whole sheet.
        chapters: of the recording.
        subject: of the recording.
        clap: of the recording, as in the table of recordings.
    """
    part = rows_of(sheet, chapters, subject)
    if part.origin == "clap":
        own = part.subject_zeros.get(normalise(subject), Fraction(0))
        zero = part.zero and wall_clock(part.zero, own)
        return _shifted(part, own, zero=zero, subject_zeros={})
    if clap == AT_FIRST_FRAME or names_clips(part):
        return part
    return _shifted(part, first_clap(part) or Fraction(0), origin="clap")


def first_clap(sheet: Sheet) -> Fraction | None:
    """When the earliest clap of a sheet begins, seconds from its origin; None if it has no clap."""
    return min((clap.start for clap in sheet.claps), default=None)


def names_clips(sheet: Sheet) -> bool:
    """Whether times of a sheet count from the starts of clips."""
    return any(entry.clip for entry in sheet.in_order())


def in_recording(
    sheet: Sheet, clap: Fraction, index: RecordingIndex | None, scale: Fraction = Fraction(1)
) -> Sheet:
    """The sheet with all times counted from the first frame of the recording.

    Sheets in wall-clock time are moved: recording time = clap + sheet time x scale. Annotations of
    a clip are moved by the start of its chapter and end with it at the latest: whatever follows is
    another clip.

    Args:
        sheet: annotations of one recording (`of_recording`).
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


def _shifted(sheet: Sheet, zero_at: Fraction, **changes: Any) -> Sheet:
    """The sheet with times counted from `zero_at` on, seconds from where they counted from."""

    def place(entry: Annotation) -> Annotation:
        return replace(entry, start=entry.start - zero_at, stop=entry.stop - zero_at)

    return _moved(sheet, place, **changes)


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
