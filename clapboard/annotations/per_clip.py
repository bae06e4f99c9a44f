"""Tables with one row a clip: either its only label, or a list such as ``Sitting[0 to 7; 8 to 9]``.

The list is the form of the GMDCSA24 data set: labels parted by semicolons, each with its intervals
in brackets, seconds from the start of the clip.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from clapboard.annotations.cells import label_problems
from clapboard.annotations.clips import CLIP_TITLES, clip_path
from clapboard.annotations.columns import Columns, find_header
from clapboard.annotations.intervals import LABEL_TITLES, OTHER_TITLES
from clapboard.annotations.labels import resolve
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.annotations.tables import Row, Table
from clapboard.clock import parse_duration
from clapboard.problems import Problem

REMEDY = "Write each label as Sitting[0 to 2.5], several intervals as Sitting[0 to 2.5; 4 to 6]."

# Semicolons part labels, except within brackets that are closed.
_PARTS = re.compile(r"(?:\[[^\[\]]*\]|[^;])+")
_ENTRY = re.compile(r"([^\[\]]+)\[([^\[\]]*)\]")
_INTERVAL = re.compile(r"\s*(\S+)\s+to\s+(\S+)\s*")


def find_per_clip(table: Table, settings: Mapping[str, Any]) -> Columns | None:
    """The header of a table with a row per clip and no columns for times."""
    aliases = {
        "clip": CLIP_TITLES,
        "list": ("classes", "intervals", "segments"),
        "label": (*settings["columns"]["label"], *LABEL_TITLES),
        "comment": (*settings["columns"]["comment"], *OTHER_TITLES["comment"], "description"),
    }
    return find_header(table, aliases, ("clip", "list")) or find_header(
        table, aliases, ("clip", "label")
    )


def read_per_clip(table: Table, settings: Mapping[str, Any]) -> tuple[Sheet, list[Problem]]:
    """A table with one row for each clip.

    Args:
        table: the sheet's cells.
        settings: section `annotations` of the config.
    """
    columns = find_per_clip(table, settings)
    if columns is None:
        problem = Problem(
            "unknown-header",
            "no columns with the name of a clip and its label or list of intervals",
            "Call them File Name and Classes, or File Name and Label.",
            table.file,
        )
        return Sheet(table.file, "video"), [problem]
    annotations, problems = [], []
    for row in columns.rows(table):
        found, wrong = _read_row(row, columns, table.file, settings["aliases"])
        annotations += found
        problems += wrong
    return Sheet(table.file, "video", tuple(annotations)), problems


def _read_row(
    row: Row, columns: Columns, file: str, aliases: Mapping[str, str]
) -> tuple[list[Annotation], list[Problem]]:
    """The annotations of one clip, and what is wrong with its row."""
    name = columns.text(row, "clip")
    if not name:
        message = "the row names no clip"
        problem = Problem("missing-clip", message, "Fill it in.", file, row.number)
        return [], [problem] if columns.text(row, "list") or columns.text(row, "label") else []
    clip, comment = clip_path(name, file), columns.text(row, "comment")
    if columns.get("list") is None:
        written = columns.text(row, "label")
        problems = label_problems(written, file, row.number, columns.title("label"))
        if not written or problems:
            return [], problems
        zero, label = Fraction(0), resolve(written, aliases)
        return [
            Annotation(label, zero, zero, row.number, written, comment, clip=clip, whole=True)
        ], []
    intervals, faults = parse_list(columns.text(row, "list"))
    annotations = [
        Annotation(resolve(written, aliases), start, stop, row.number, written, comment, clip=clip)
        for written, start, stop in intervals
    ]
    title = columns.title("list")
    return annotations, [
        Problem("malformed-list", message, REMEDY, file, row.number, title, value)
        for message, value in faults
    ]


def parse_list(
    text: str,
) -> tuple[list[tuple[str, Fraction, Fraction]], list[tuple[str, str]]]:
    """The intervals of a list, and what in it cannot be read.

    Returns:
        (label, start, stop) in seconds; (what is wrong, the text) for each part left out.
    """
    intervals, faults = [], []
    for part in filter(None, map(str.strip, _PARTS.findall(text))):
        entry = _ENTRY.fullmatch(part)
        written = entry[1].strip() if entry else ""
        if entry is None or not written or written.count("(") != written.count(")"):
            faults.append(("this is no label with its intervals in brackets", part))
            continue
        for interval in entry[2].split(";"):
            times = _times(interval)
            if times is None:
                faults.append((f"no interval of {written!r} can be read here", interval.strip()))
            else:
                intervals.append((written, *times))
    return intervals, faults


def _times(part: str) -> tuple[Fraction, Fraction] | None:
    """Start and stop of ``0 to 2.5``."""
    match = _INTERVAL.fullmatch(part)
    try:
        return (parse_duration(match[1]), parse_duration(match[2])) if match else None
    except ValueError:
        return None
