"""Simple tables of label, start and stop: seconds, milliseconds, frames or HH:MM:SS.fff.

Times count from the first frame of the video, or of the clip that a column names.

=======================  ==========================================================
titles                   meaning
=======================  ==========================================================
``start_seconds``        seconds; also ``(s)``, ``_sec``
``start_ms``             milliseconds
``start_frame``          position in frames: 0 is the first frame, the stop is the first one outside
``first_frame``          number of a frame, the first one is 1; ``last_frame`` is still inside
``start``, ``onset``     seconds or HH:MM:SS.fff; frames when the config sets `annotations.rate`
``stop`` or ``duration`` either will do
=======================  ==========================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from clapboard.annotations.cells import (
    label_problems,
    missing_label,
    missing_rate,
    missing_time,
    unreadable_time,
)
from clapboard.annotations.clips import CLIP_TITLES, clip_path
from clapboard.annotations.columns import HEADER_ROWS, Columns, match, no_header, plain, with_label
from clapboard.annotations.labels import resolve
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.annotations.tables import Row, Table
from clapboard.clock import parse_duration, parse_rate
from clapboard.problems import Problem
from clapboard.spreadsheet import unescape

LABEL_TITLES = (
    "label",
    "procedure",
    "class",
    "action",
    "activity",
    "behavior",
    "behaviour",
    "event",
    "phase",
    "annotation",
    "trial_type",
)
OTHER_TITLES = {
    "comment": ("comment", "comments", "note", "notes", "remark", "remarks"),
    "subject": ("subject", "participant"),
    "rate": ("rate", "fps", "frame rate"),
    "clip": CLIP_TITLES,
}
TIME_REMEDY = "Write seconds, HH:MM:SS.fff, or a number of frames."

_SIDES = {
    "start": "start",
    "begin": "start",
    "from": "start",
    "onset": "start",
    "stop": "stop",
    "end": "stop",
    "to": "stop",
    "until": "stop",
    "offset": "stop",
    "duration": "duration",
}
_UNITS = {"s": "s", "sec": "s", "secs": "s", "seconds": "s", "ms": "ms", "msec": "ms"}
_UNITS |= {"milliseconds": "ms", "frame": "frame", "frames": "frame", "": ""}
_TITLE = re.compile(rf"({'|'.join(_SIDES)})(?:time)?[(\[]?({'|'.join(_UNITS)})[)\]]?")
_UNIT_ORDER = ("s", "ms", "", "frame", "number")


def find_intervals(table: Table, settings: Mapping[str, Any]) -> tuple[Columns, str] | None:
    """Header and unit of the first row that has a start and a stop or duration of one unit."""
    for row in table.rows[:HEADER_ROWS]:
        found = match(row, _aliases(settings))
        sides = _sides(row, settings)
        for unit in _UNIT_ORDER:
            times = {side: sides[side, unit] for side in _SIDES.values() if (side, unit) in sides}
            if "start" in times and ("stop" in times or "duration" in times):
                return Columns(row, found | times), unit
    return None


def read_intervals(table: Table, settings: Mapping[str, Any]) -> tuple[Sheet, list[Problem]]:
    """A simple table of intervals.

    Args:
        table: the sheet's cells.
        settings: section `annotations` of the config.
    """
    seen = find_intervals(table, settings)
    if seen is None:
        aliases = {name: settings["columns"][name] for name in ("start", "stop")}
        return Sheet(table.file, "video"), no_header(table, aliases, ("start", "stop"))
    columns, problems = with_label(table, seen[0])
    if columns is None:
        return Sheet(table.file, "video"), problems
    rows = columns.rows(table)
    unit, found = _unit(seen[1], columns, rows, table, settings)
    problems += [*found, *_hours_shown(columns, rows, table)]
    annotations = []
    for row in rows:
        entry, found = _read_row(row, columns, unit, table, settings)
        problems += found
        annotations += [entry] if entry else []
    return Sheet(table.file, "video", tuple(annotations)), list(dict.fromkeys(problems))


def _aliases(settings: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """Titles of label, comment and the rest: those of the config before the usual ones."""
    columns = settings["columns"]
    label = (*columns["label"], *LABEL_TITLES)
    return {
        "label": label,
        **OTHER_TITLES,
        "comment": (*columns["comment"], *OTHER_TITLES["comment"]),
    }


def _sides(header: Row, settings: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """The columns of a header that hold a start, a stop or a duration, by unit."""
    named = {
        plain(title): side for side in ("start", "stop") for title in settings["columns"][side]
    }
    sides: dict[tuple[str, str], int] = {}
    for column, cell in enumerate(header.cells):
        title = plain(cell)
        parts = _TITLE.fullmatch(title)
        if title in named:
            key = (named[title], "")
        elif title in ("firstframe", "lastframe"):
            key = ("start" if title == "firstframe" else "stop", "number")
        elif title in ("framestart", "framestop", "frameend"):
            key = (_SIDES[title.removeprefix("frame")], "frame")
        elif parts:
            key = (_SIDES[parts[1]], _UNITS[parts[2]])
        else:
            continue
        sides.setdefault(key, column)
    return sides


def _unit(
    unit: str, columns: Columns, rows: Sequence[Row], table: Table, settings: Mapping[str, Any]
) -> tuple[str, list[Problem]]:
    """The unit of times whose titles name none, with a warning when nothing tells it."""
    if unit:
        return unit, []
    texts = [columns.text(row, name) for row in rows for name in ("start", "stop", "duration")]
    numbers = [text for text in texts if text and ":" not in text]
    if settings["rate"] and numbers:
        return "frame", []
    if not numbers or not all(text.isdecimal() for text in numbers):
        return "s", []
    problem = Problem(
        "unit-guessed",
        "the titles name no unit and all times are whole numbers, which are taken as seconds",
        "Call the columns start_seconds or start_frame; for frames set annotations.rate.",
        table.file,
        columns.header.number,
        columns.title("start"),
        severity="warning",
    )
    return "s", [problem]


def _hours_shown(columns: Columns, rows: Sequence[Row], table: Table) -> list[Problem]:
    """A warning when times are shown as hours and minutes: who types 0:05 may mean 5 s.

    A spreadsheet program takes it for 5 minutes, and in CSV it would be 5 s.
    """
    shown = [
        (row, name)
        for row in rows
        for name in ("start", "stop", "duration")
        if (row.number, columns.get(name)) in table.no_seconds
    ]
    if not shown:
        return []
    row, name = shown[0]
    return [
        Problem(
            "hours-shown",
            f"the sheet shows {len(shown)} times as hours and minutes, and that is what they hold",
            "If minutes and seconds were meant, type 0:00:05 for 5 s; else show them as h:mm:ss.",
            table.file,
            row.number,
            columns.title(name),
            columns.text(row, name),
            severity="warning",
        )
    ]


def _read_row(
    row: Row, columns: Columns, unit: str, table: Table, settings: Mapping[str, Any]
) -> tuple[Annotation | None, list[Problem]]:
    """One row, and what is wrong with it; None when it is skipped or cannot be read."""
    written = unescape(columns.text(row, "label"))
    sides = [side for side in ("start", "stop", "duration") if columns.get(side) is not None][:2]
    texts = {side: columns.text(row, side) for side in sides}
    if not written:
        title = columns.title("label")
        skipped = missing_label(table.file, row.number, title)
        return None, [skipped] if any(texts.values()) else []
    problems = label_problems(written, table.file, row.number, columns.title("label"))
    times: dict[str, Fraction] = {}
    for side, text in texts.items():
        place = (table.file, row.number, columns.title(side))
        if not text:
            problems.append(missing_time(written, side, *place))
            continue
        try:
            times[side] = _seconds(text, side, unit, table, columns.text(row, "rate"), settings)
        except LookupError:
            problems.append(missing_rate(table.file))
        except ValueError as error:
            problems.append(unreadable_time(error, TIME_REMEDY, *place, text))
    if problems:
        return None, problems
    start, clip = times["start"], unescape(columns.text(row, "clip"))
    return Annotation(
        resolve(written, settings["aliases"]),
        start,
        times["stop"] if "stop" in times else start + times["duration"],
        row.number,
        written,
        unescape(columns.text(row, "comment")),
        unescape(columns.text(row, "subject")),
        clip_path(clip, table.file) if clip else "",
    ), []


def _seconds(
    text: str, side: str, unit: str, table: Table, row_rate: str, settings: Mapping[str, Any]
) -> Fraction:
    """A time in seconds.

    Raises:
        LookupError: the time is in frames and nobody says at which rate.
        ValueError: it is not readable.
    """
    if table.decimal_comma and re.fullmatch(r"[+-]?\d+,\d+", text):
        text = text.replace(",", ".")
    value = parse_duration(text)
    if ":" in text or unit == "s":
        return value
    if unit == "ms":
        return value / 1000
    rate = row_rate or settings["rate"]
    if not rate:
        raise LookupError("rate")
    first = 1 if unit == "number" and side == "start" else 0
    return (value - first) / parse_rate(rate)
