"""The lab's own sheet: one row per procedure, times of day, a clap as the common zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clapboard.annotations.cells import (
    label_problems,
    missing_label,
    missing_time,
    unreadable_time,
)
from clapboard.annotations.columns import Columns, find_columns
from clapboard.annotations.labels import resolve
from clapboard.annotations.sheet import Annotation, Sheet, split_claps
from clapboard.annotations.tables import Row, Table
from clapboard.clock import elapsed, parse_duration, parse_wall_clock
from clapboard.problems import Problem
from clapboard.spreadsheet import unescape

NO_DATE = datetime.min
"""Midnight of the day that times of day without a date are counted on."""

SUBJECT_TITLES = {"subject": ("subject", "participant")}

TIME_REMEDY = "Write it as YYYY-MM-DD HH:MM:SS.ffffff."


@dataclass(frozen=True)
class _Entry:
    """One row with both its times read."""

    label: str
    start: datetime
    stop: datetime
    row: Row


def read_lab(table: Table, settings: Mapping[str, Any]) -> tuple[Sheet, list[Problem]]:
    """A lab sheet from its table.

    Rows without a label are skipped. The first row labelled as clap is second zero, wherever it
    stands; later claps are marks.

    Args:
        table: the sheet's cells.
        settings: section `annotations` of the config.

    Returns:
        The sheet with every row that could be read, and all problems.
    """
    columns, problems = find_columns(table, settings["columns"] | SUBJECT_TITLES)
    if columns is None:
        return Sheet(table.file, "clap"), problems
    entries: list[_Entry] = []
    for row in columns.rows(table):
        entry, found = _read_row(row, columns, table.file, settings)
        problems += found
        if entry is not None:
            entries.append(entry)
    entries, found = _same_clock(entries, table.file)
    problems += found
    clap = resolve(settings["clap"], {})
    zero = next((entry.start for entry in entries if entry.label == clap), None)
    if zero is None:
        problems.append(
            Problem(
                "no-clap",
                f"no row is labelled {clap}, so the times cannot be tied to the video",
                f"Add a {clap} row at the sync event, or name its label in annotations.clap.",
                table.file,
            )
        )
        zero = entries[0].start if entries else None
    if zero is None:
        return Sheet(table.file, "clap"), problems
    annotations = [
        Annotation(
            entry.label,
            elapsed(zero, entry.start),
            elapsed(zero, entry.stop),
            entry.row.number,
            unescape(columns.text(entry.row, "label")),
            unescape(columns.text(entry.row, "comment")),
            unescape(columns.text(entry.row, "subject")),
        )
        for entry in entries
    ]
    return split_claps(Sheet(table.file, "clap", tuple(annotations), zero=zero), clap), problems


def read_time(text: str) -> datetime:
    """A time of day, with its date or on the day `NO_DATE`.

    Raises:
        ValueError: neither a wall-clock time nor HH:MM:SS.
    """
    if ":" in text and not any(mark in text for mark in "-/"):
        seconds = parse_duration(text)
        if seconds < 86_400 and (seconds * 1_000_000).denominator == 1:
            return NO_DATE + timedelta(microseconds=int(seconds * 1_000_000))
    return parse_wall_clock(text)


def _read_row(
    row: Row, columns: Columns, file: str, settings: Mapping[str, Any]
) -> tuple[_Entry | None, list[Problem]]:
    """One row, and what is wrong with it; None when it is skipped or cannot be read."""
    written = unescape(columns.text(row, "label"))
    texts = {name: columns.text(row, name) for name in ("start", "stop")}
    if not written:
        label_column = columns.title("label")
        return None, [missing_label(file, row.number, label_column)] if any(texts.values()) else []
    problems = label_problems(written, file, row.number, columns.title("label"))
    times: dict[str, datetime] = {}
    for name, text in texts.items():
        place = (file, row.number, columns.title(name))
        if not text:
            problems.append(missing_time(written, name, *place))
            continue
        try:
            times[name] = read_time(text)
        except ValueError as error:
            problems.append(unreadable_time(error, TIME_REMEDY, *place, text))
    if problems or len(times) < 2:
        return None, problems
    return _Entry(resolve(written, settings["aliases"]), times["start"], times["stop"], row), []


def _same_clock(entries: list[_Entry], file: str) -> tuple[list[_Entry], list[Problem]]:
    """The entries whose clock can be compared with that of the first one.

    A date or a time zone that only some rows have would shift them by hours or years.
    """

    def kind(time: datetime) -> tuple[bool, bool]:
        return time.tzinfo is not None, time.date() == NO_DATE.date()

    kept, problems = [], []
    for entry in entries:
        if kind(entry.start) == kind(entry.stop) == kind(entries[0].start):
            kept.append(entry)
            continue
        problems.append(
            Problem(
                "mixed-clocks",
                "this row and the first one do not both have a date and a time zone",
                "Write all times of a sheet in one form.",
                file,
                entry.row.number,
                value=f"{entry.start} to {entry.stop}",
            )
        )
    return kept, problems
