"""Writers of tables: the lab's own sheet, plain intervals, BORIS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from clapboard.annotations.boris import NO_SUBJECT
from clapboard.annotations.lab import NO_DATE, SUBJECT_TITLES
from clapboard.annotations.labels import normalise
from clapboard.annotations.placing import wall_clock
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.artifacts import write_csv
from clapboard.clock import seconds_text

INTERVAL_COLUMNS = ("label", "start_seconds", "stop_seconds", "comment", "subject")

# The header of an export of aggregated events by BORIS 8.27 without variables and modifiers.
BORIS_COLUMNS = (
    "Observation id",
    "Observation date",
    "Description",
    "Observation type",
    "Source",
    "Time offset (s)",
    "Coding duration",
    "Media duration (s)",
    "FPS (frame/s)",
    "Subject",
    "Observation duration by subject by observation",
    "Behavior",
    "Behavioral category",
    "Behavior type",
    "Start (s)",
    "Stop (s)",
    "Duration (s)",
    "Media file name",
    "Image index start",
    "Image index stop",
    "Image file path start",
    "Image file path stop",
    "Comment start",
    "Comment stop",
)


def write_lab(sheet: Sheet, path: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
    """Write the lab's own sheet: as typed, label, wall-clock start and stop, comment, subject.

    A sheet without claps gets one at its zero, since the sheet means nothing without it.

    Raises:
        ValueError: the sheet has no wall-clock time.
    """
    if sheet.zero is None:
        raise ValueError("a lab sheet needs the date and time of its clap")
    zero, titles = sheet.zero, settings["columns"]
    label = normalise(settings["clap"])
    first = [] if any(clap.start == 0 for clap in sheet.claps) else [_instant(label)]
    comments = titles["comment"] or ["Comments"]
    header = ["ignore", titles["label"][0], titles["start"][0], titles["stop"][0], comments[0]]
    write_csv(
        path,
        [*header, SUBJECT_TITLES["subject"][0]],
        (
            [
                entry.written,
                entry.label,
                _wall_clock_text(zero, entry.start),
                _wall_clock_text(zero, entry.stop),
                *_remarks(entry),
            ]
            for entry in (*first, *_claps_first(sheet))
        ),
    )


def write_intervals(
    sheet: Sheet, path: str | os.PathLike[str], settings: Mapping[str, Any]
) -> None:
    """Write a table of label, start and stop in seconds of the recording."""
    write_csv(
        path,
        INTERVAL_COLUMNS,
        (
            [
                entry.label,
                seconds_text(entry.start),
                seconds_text(entry.stop),
                *_remarks(entry),
            ]
            for entry in sheet.in_order()
        ),
    )


def write_boris(sheet: Sheet, path: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
    """Write aggregated events as BORIS exports them."""
    name = Path(path).stem
    write_csv(
        path,
        BORIS_COLUMNS,
        (_boris_row(entry, name) for entry in sheet.in_order()),
    )


def _boris_row(entry: Annotation, observation: str) -> list[str]:
    """One event; what is not known of its observation is left empty."""
    comment, subject = _remarks(entry)
    point = entry.start == entry.stop
    known = {
        "Observation id": observation,
        "Time offset (s)": "0",
        "Subject": subject or NO_SUBJECT,
        "Behavior": entry.label,
        "Behavior type": "POINT" if point else "STATE",
        "Start (s)": seconds_text(entry.start),
        "Stop (s)": seconds_text(entry.stop),
        "Duration (s)": "NA" if point else seconds_text(entry.stop - entry.start),
        "Comment start": comment,
    }
    return [known.get(column, "") for column in BORIS_COLUMNS]


def _remarks(entry: Annotation) -> list[str]:
    """Comment and subject as cells; line ends become those of the file."""
    return [
        text.replace("\r\n", "\n").replace("\r", "\n") for text in (entry.comment, entry.subject)
    ]


def _claps_first(sheet: Sheet) -> list[Annotation]:
    """All entries in sheet order, but the clap that is zero before any other clap."""
    entries = list(sheet.in_order())
    marks = [entry for entry in entries if entry in sheet.claps]
    if marks and marks[0].start != 0:
        zero = next((clap for clap in marks if clap.start == 0), None)
        if zero is not None:
            entries.remove(zero)
            entries.insert(0, zero)
    return entries


def _instant(label: str) -> Annotation:
    """The clap at second zero."""
    return Annotation(label, Fraction(0), Fraction(0), 0, label)


def _wall_clock_text(zero: datetime, seconds: Fraction) -> str:
    """A wall-clock time as the lab writes it, with the zone when `zero` has one."""
    time = wall_clock(zero, seconds)
    if time.tzinfo is not None:
        return time.isoformat(sep=" ", timespec="microseconds")
    form = "%H:%M:%S:%f"
    return time.strftime(form if time.date() == NO_DATE.date() else f"%Y-%m-%d {form}")
