"""BORIS: exported events, tabular (a row per START and STOP) or aggregated (a row per interval).

Header and cells follow `export_events.py` and `export_observation.py` of BORIS 8.27 and, for the
older tabular form with its titles above the table, the files in the tests of its repository
(olivierfriard/BORIS, tests/files).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from clapboard.annotations.cells import unreadable_time
from clapboard.annotations.columns import Columns, find_header
from clapboard.annotations.labels import resolve
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.annotations.tables import Row, Table
from clapboard.clock import parse_duration
from clapboard.problems import Problem
from clapboard.spreadsheet import unescape

ALIASES = {
    "label": ("Behavior",),
    "kind": ("Behavior type", "Status"),
    "time": ("Time",),
    "start": ("Start (s)",),
    "stop": ("Stop (s)",),
    "subject": ("Subject",),
    "observation": ("Observation id",),
    "source": ("Source", "Media file path", "Media file"),
    "offset": ("Time offset (s)",),
    "comment": ("Comment", "Comment start"),
    "comment_stop": ("Comment stop",),
    **{f"modifier{number}": (f"Modifier #{number}",) for number in range(1, 10)},
    "modifier0": ("Modifiers",),
}
NO_SUBJECT = "No focal subject"
REMEDY = "Export the events again with times in seconds."


def find_boris(table: Table) -> Columns | None:
    """The header of a BORIS export."""
    return find_header(table, ALIASES, ("label", "start", "stop", "kind")) or find_header(
        table, ALIASES, ("label", "time", "kind")
    )


def read_boris(table: Table, settings: Mapping[str, Any]) -> tuple[Sheet, list[Problem]]:
    """A BORIS export; times count from the first frame of the video.

    Modifiers go to the comment. Point events have no length: no frame gets their label.

    Args:
        table: the export's cells.
        settings: section `annotations` of the config.
    """
    columns = find_boris(table)
    if columns is None:
        message = "there is no header of exported events"
        problem = Problem("unknown-header", message, REMEDY, table.file)
        return Sheet(table.file, "video"), [problem]
    rows = columns.rows(table)
    read = _aggregated if columns.get("start") is not None else _tabular
    annotations, problems = read(rows, columns, table.file, settings["aliases"])
    problems += _observation_problems(rows, columns, table.file)
    return Sheet(table.file, "video", tuple(annotations)), problems


def _aggregated(
    rows: Sequence[Row], columns: Columns, file: str, aliases: Mapping[str, str]
) -> tuple[list[Annotation], list[Problem]]:
    """Annotations of a table with start and stop in one row."""
    annotations, problems = [], []
    for row in rows:
        times: dict[str, Fraction] = {}
        for name in ("start", "stop"):
            text = columns.text(row, name)
            try:
                times[name] = parse_duration(text)
            except ValueError as error:
                place = (file, row.number, columns.title(name))
                problems.append(unreadable_time(error, REMEDY, *place, text))
        if len(times) == 2:
            annotations.append(_annotation(row, columns, times["start"], times["stop"], aliases))
    return annotations, problems


def _tabular(
    rows: Sequence[Row], columns: Columns, file: str, aliases: Mapping[str, str]
) -> tuple[list[Annotation], list[Problem]]:
    """Annotations of a table with a row for each start and stop.

    As in BORIS, an interval is told from others by subject, behaviour and modifiers.
    """
    annotations, problems = [], []
    running: dict[tuple[str, ...], tuple[Row, Fraction]] = {}
    for row in rows:
        text, kind = columns.text(row, "time"), columns.text(row, "kind").upper()
        try:
            time = parse_duration(text)
        except ValueError as error:
            place = (file, row.number, columns.title("time"))
            problems.append(unreadable_time(error, REMEDY, *place, text))
            continue
        key = (
            columns.text(row, "observation"),
            columns.text(row, "subject"),
            columns.text(row, "label"),
            *_modifiers(row, columns),
        )
        if kind == "POINT":
            annotations.append(_annotation(row, columns, time, time, aliases))
        elif kind == "START" and key not in running:
            running[key] = (row, time)
        elif kind == "STOP" and key in running:
            first, start = running.pop(key)
            annotations.append(_annotation(first, columns, start, time, aliases, row))
        else:
            problems.append(_unpaired(row, columns, file))
    problems += [_unpaired(row, columns, file) for row, _ in running.values()]
    return sorted(annotations, key=lambda entry: entry.row), problems


def _annotation(
    row: Row,
    columns: Columns,
    start: Fraction,
    stop: Fraction,
    aliases: Mapping[str, str],
    last: Row | None = None,
) -> Annotation:
    """The annotation of a row; `last` is the row of its end in a tabular export."""
    written = unescape(columns.text(row, "label"))
    remarks = [columns.text(row, "comment"), columns.text(row, "comment_stop")]
    remarks += [columns.text(last, "comment")] if last else []
    remarks += [f"modifier {modifier}" for modifier in _modifiers(row, columns)]
    subject = columns.text(row, "subject")
    return Annotation(
        resolve(written, aliases),
        start,
        stop,
        row.number,
        written,
        "; ".join(unescape(remark) for remark in remarks if remark),
        "" if subject == NO_SUBJECT else unescape(subject),
    )


def _modifiers(row: Row, columns: Columns) -> list[str]:
    """What modifies the behaviour of a row."""
    names = [f"modifier{number}" for number in range(10)]
    return [text for name in names if (text := columns.text(row, name)) not in ("", "None")]


def _unpaired(row: Row, columns: Columns, file: str) -> Problem:
    """The error for a start without a stop or the other way round."""
    kind = columns.text(row, "kind")
    return Problem(
        "unpaired-event",
        f"{columns.text(row, 'label')!r} has a {kind} here without the other end",
        "Fix the unpaired events in BORIS (Observations, Fix unpaired events) and export again.",
        file,
        row.number,
        columns.title("kind"),
        kind,
    )


def _observation_problems(rows: Sequence[Row], columns: Columns, file: str) -> list[Problem]:
    """Exports whose times cannot be one recording's: several observations, media, an offset."""
    found: dict[str, Problem] = {}
    first = columns.text(rows[0], "observation") if rows else ""
    for row in rows:
        observation, offset = columns.text(row, "observation"), columns.text(row, "offset")
        if observation != first:
            found["observations"] = Problem(
                "several-observations",
                f"the export holds the observations {first!r} and {observation!r}",
                "Export each observation to a file of its own.",
                file,
                row.number,
                columns.title("observation"),
            )
        if ";" in columns.text(row, "source"):
            found["media"] = Problem(
                "several-media",
                "the observation plays several media files; BORIS adds up the lengths of the "
                "files, which are not exactly those of their video",
                "Annotate the joined video/ file of the recording for exact times.",
                file,
                row.number,
                columns.title("source"),
                columns.text(row, "source"),
                severity="warning",
            )
        if offset.strip("0.-"):
            found["offset"] = Problem(
                "time-offset",
                "the observation has a time offset, and times are taken as they stand",
                "Set the offset to 0 in BORIS and export again, if it is part of the times.",
                file,
                row.number,
                columns.title("offset"),
                offset,
                severity="warning",
            )
    return list(found.values())
