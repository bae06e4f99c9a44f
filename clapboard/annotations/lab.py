"""The lab's own sheet: one row per procedure, times of day, a clap as the common zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
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
from clapboard.annotations.labels import normalise, resolve
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
    """One row with both its times read; `subject` is normalised, empty if the row names none."""

    label: str
    start: datetime
    stop: datetime
    row: Row
    subject: str


def read_lab(table: Table, settings: Mapping[str, Any]) -> tuple[Sheet, list[Problem]]:
    """A lab sheet from its table.

    Rows without a label are skipped. The first row labelled as clap is second zero, wherever it
    stands; later claps are marks. Where rows name subjects, each subject counts from its own first
    clap, or from the first one that names nobody, and a subject that has neither is an error.

    Args:
        table: the sheet's cells.
        settings: section `annotations` of the config.

    Returns:
        The sheet with every row that could be read and placed, and all problems.
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
    label = resolve(settings["clap"], {})
    if _clap_is_lost(entries, columns, table, label, settings["aliases"]):
        # That is told already, and what another clap would say about the rows is wrong.
        entries = [entry for entry in entries if entry.label != label]
        zeros = {entry.subject: entries[0].start for entry in entries}
    else:
        zeros, found = _zeros(entries, label, table.file)
        problems += found
    if not zeros:
        return Sheet(table.file, "clap"), problems
    base = min(zeros.values())
    annotations = [
        Annotation(
            entry.label,
            elapsed(base, entry.start),
            elapsed(base, entry.stop),
            entry.row.number,
            unescape(columns.text(entry.row, "label")),
            unescape(columns.text(entry.row, "comment")),
            unescape(columns.text(entry.row, "subject")),
        )
        for entry in entries
        if entry.subject in zeros
    ]
    named = dict.fromkeys(entry.subject for entry in entries if entry.subject)
    of_subjects = {subject: elapsed(base, zeros.get(subject, base)) for subject in named}
    sheet = Sheet(table.file, "clap", tuple(annotations), zero=base, subject_zeros=of_subjects)
    return split_claps(sheet, label), problems


def _zeros(
    entries: Sequence[_Entry], label: str, file: str
) -> tuple[dict[str, datetime], list[Problem]]:
    """When the first clap of each subject was: one of its own, or one that names nobody.

    Rows that name nobody are everybody's; they come under ``""`` with the first clap of all.

    Returns:
        Times by normalised subject, and an error for each subject without a clap.
    """
    claps = [entry for entry in entries if entry.label == label]
    zeros, problems = dict[str, datetime](), list[Problem]()
    for subject, row in {entry.subject: entry.row for entry in reversed(entries)}.items():
        own = [clap.start for clap in claps if not subject or clap.subject in ("", subject)]
        if own:
            zeros[subject] = own[0]
        elif claps:
            message = f"{subject} has no {label} row, and those of others are not taken for it"
            remedy = f"Add one; of a {label} row that is everybody's, leave the subject empty."
            problems.append(Problem("no-clap", message, remedy, file, row.number, value=subject))
    if entries and not claps:
        message = f"no row is labelled {label}, so the times cannot be tied to the video"
        remedy = f"Add a {label} row at the sync event, or name its label in annotations.clap."
        problems.append(Problem("no-clap", message, remedy, file))
        zeros = {entry.subject: entries[0].start for entry in entries}
    return zeros, problems


def _clap_is_lost(
    entries: Sequence[_Entry],
    columns: Columns,
    table: Table,
    label: str,
    aliases: Mapping[str, str],
) -> bool:
    """Whether the first clap of a sheet is in a row that could not be read."""
    read = {entry.row.number for entry in entries}
    written = ((row, unescape(columns.text(row, "label"))) for row in columns.rows(table))
    claps = [row.number for row, text in written if text and resolve(text, aliases) == label]
    return bool(claps) and claps[0] not in read


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
    subject = normalise(unescape(columns.text(row, "subject")))
    label = resolve(written, settings["aliases"])
    return _Entry(label, times["start"], times["stop"], row, subject), []


def _same_clock(entries: list[_Entry], file: str) -> tuple[list[_Entry], list[Problem]]:
    """The entries whose clock can be compared with that of most.

    A date or a time zone that only some rows have would shift them by hours or years.
    """

    def kind(time: datetime) -> tuple[bool, bool]:
        return time.tzinfo is not None, time.date() == NO_DATE.date()

    kinds = Counter(kind(entry.start) for entry in entries)
    usual = max(kinds, key=kinds.__getitem__, default=None)
    kept, problems = [], []
    for entry in entries:
        if kind(entry.start) == kind(entry.stop) == usual:
            kept.append(entry)
            continue
        problems.append(
            Problem(
                "mixed-clocks",
                "this row and most others do not both have a date and a time zone",
                "Write all times of a sheet in one form.",
                file,
                entry.row.number,
                value=f"{entry.start} to {entry.stop}",
            )
        )
    return kept, problems
