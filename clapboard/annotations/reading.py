"""Any annotation file as a `Sheet`: the format is found out here, or forced by the config."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from clapboard.annotations.boris import find_boris, read_boris
from clapboard.annotations.clips import by_chapters, clip_problems, rows_of, strange_clips
from clapboard.annotations.columns import Columns
from clapboard.annotations.elan import read_elan
from clapboard.annotations.folders import read_folders
from clapboard.annotations.intervals import find_intervals, read_intervals
from clapboard.annotations.json_files import load_json
from clapboard.annotations.lab import read_lab
from clapboard.annotations.label_studio import is_label_studio, read_label_studio
from clapboard.annotations.labels import normalise
from clapboard.annotations.per_clip import find_per_clip, read_per_clip
from clapboard.annotations.sheet import Sheet, split_claps
from clapboard.annotations.tables import Table, read_delimited, read_text
from clapboard.annotations.via import is_via, read_via
from clapboard.problems import Problem, errors

TABLE_FORMATS: Mapping[str, Callable[[Table, Mapping[str, Any]], tuple[Sheet, list[Problem]]]] = {
    "lab": read_lab,
    "intervals": read_intervals,
    "boris": read_boris,
    "clips": read_per_clip,
}
JSON_FORMATS: Mapping[str, Callable[[Any, str, Mapping[str, Any]], tuple[Sheet, list[Problem]]]] = {
    "label-studio": read_label_studio,
    "via": read_via,
}
WORKBOOK_SUFFIXES = frozenset({".xlsx", ".xlsm", ".ods", ".xls"})
FORMATS = ("auto", *TABLE_FORMATS, "elan", *JSON_FORMATS, "folders")

# A date before a time, or a colon before the microseconds: no player writes either.
_WALL_CLOCK = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}[ T]|\d+:\d\d:\d\d:\d{6}")


def read_sheet(
    path: str | os.PathLike[str],
    settings: Mapping[str, Any],
    chapters: Sequence[str] | None = None,
) -> tuple[Sheet, list[Problem]]:
    """Read an annotation sheet of any known format.

    Nothing is raised for bad content: what can be read is in the sheet, all the rest in the
    problems. Whoever needs a clean sheet calls `clapboard.problems.refuse` on them.

    Args:
        path: the file, or the folder of one-action clips.
        settings: section `annotations` of the config.
        chapters: video files of the recordings that use the sheet. Of a sheet that names clips,
            only rows about these are kept; None keeps all.

    Returns:
        The sheet, its labels normalised and aliased, and everything wrong with the file.
    """
    sheet, problems = _read(path, settings, chapters)
    if sheet.origin == "video":
        sheet = split_claps(sheet, normalise(settings["clap"]))
    if chapters is not None:
        problems += clip_problems(sheet, chapters)
        strangers = {**sheet.strangers, **strange_clips(sheet, chapters)}
        sheet = replace(rows_of(sheet, chapters), strangers=strangers)
    return sheet, problems


def _read(
    path: str | os.PathLike[str], settings: Mapping[str, Any], chapters: Sequence[str] | None
) -> tuple[Sheet, list[Problem]]:
    """The sheet before clips and claps are sorted out."""
    wanted, suffix = settings["format"], Path(path).suffix.lower()
    if Path(path).is_dir():
        return read_folders(path, settings)
    if wanted == "elan" or (wanted == "auto" and suffix == ".eaf"):
        return read_elan(path, settings)
    if wanted in JSON_FORMATS or (wanted == "auto" and suffix == ".json"):
        return _read_json(path, settings)
    if suffix in WORKBOOK_SUFFIXES:
        from clapboard.annotations.workbooks import read_workbook  # slow, and most sheets are CSV

        tables, problems = read_workbook(path)
    else:
        table, problems = read_delimited(path)
        tables = [table] if table is not None else []
    if not tables:
        return Sheet(str(path), "clap"), problems or [_empty(path)]
    table, name, left = _choose(tables, settings)
    if table.hidden:
        problems.append(_hidden(table))
    sheet, found = _read_table(table, name, settings, chapters)
    return replace(sheet, tab=table.tab, tabs_left=left), problems + found


def _read_table(
    table: Table, name: str, settings: Mapping[str, Any], chapters: Sequence[str] | None
) -> tuple[Sheet, list[Problem]]:
    """A table in a known format; `chapters` as in `read_sheet`."""
    if chapters is None:
        return TABLE_FORMATS[name](table, settings)
    columns = _clip_columns(table, name, settings)
    table, others, strangers, problems = by_chapters(table, columns, chapters)
    if problems:
        return Sheet(table.file, "video"), problems
    problems = _faults_elsewhere(others, name, settings)
    sheet, found = TABLE_FORMATS[name](table, settings)
    return replace(sheet, strangers=strangers), problems + found


def _faults_elsewhere(table: Table, name: str, settings: Mapping[str, Any]) -> list[Problem]:
    """Warnings for the errors in rows about clips that no recording has."""
    if not table.rows:
        return []
    return [
        replace(
            problem,
            message=f"{problem.message}; the row is about a clip that is no chapter",
            severity="warning",
        )
        for problem in errors(TABLE_FORMATS[name](table, settings)[1])
        if problem.row is not None
    ]


def _read_json(
    path: str | os.PathLike[str], settings: Mapping[str, Any]
) -> tuple[Sheet, list[Problem]]:
    """A JSON file of one of the programs that write it."""
    text, problems = read_text(path)
    if text is None:
        return Sheet(str(path), "video"), problems
    value, found = load_json(text, str(path))
    problems += found
    for name, fits in (("label-studio", is_label_studio), ("via", is_via)):
        if settings["format"] in ("auto", name) and fits(value):
            sheet, found = JSON_FORMATS[name](value, str(path), settings)
            return sheet, problems + found
    if not problems:
        message = "this JSON is neither of Label Studio nor of VIA 3"
        problems.append(Problem("unknown-format", message, "Export it again.", str(path)))
    return Sheet(str(path), "video"), problems


def _choose(
    tables: Sequence[Table], settings: Mapping[str, Any]
) -> tuple[Table, str, tuple[str, ...]]:
    """The table of a workbook that is read, its format, and the tabs that could be read instead.

    It is the first one in which the format is recognised, and a hidden one only if no other will
    do: people hide the versions that no longer hold.
    """
    forced = settings["format"]
    ordered = sorted(tables, key=attrgetter("hidden"))
    known = [(table, detect(table, settings)) for table in ordered]
    fitting = [(table, name) for table, name in known if name and forced in ("auto", name)]
    first = (ordered[0], forced if forced in TABLE_FORMATS else "lab")
    chosen, name = next(iter(fitting), first)
    left = tuple(
        table.tab
        for table, form in fitting
        if table is not chosen and not table.hidden and _filled(table, form, settings)
    )
    return chosen, name, left


def _filled(table: Table, name: str, settings: Mapping[str, Any]) -> bool:
    """Whether a table has an annotation below its header, more than a form to fill in."""
    return bool(TABLE_FORMATS[name](table, settings)[0].in_order())


def _hidden(table: Table) -> Problem:
    """The error for a workbook whose visible tabs are no annotation sheets."""
    return Problem(
        "hidden-tab",
        f"the only tab with a header that is known and of the format asked for, {table.tab}, is "
        "hidden",
        "Show it if it holds; else correct the header of the tab that does.",
        table.file,
        value=table.tab,
    )


def detect(table: Table, settings: Mapping[str, Any]) -> str | None:
    """The format of a table by its header and the form of its times; None if no header is known."""
    if find_boris(table):
        return "boris"
    seen = find_intervals(table, settings)
    if seen is None:
        return "clips" if find_per_clip(table, settings) else None
    columns, _ = seen
    starts = (columns.text(row, "start") for row in columns.rows(table))
    return "lab" if any(_WALL_CLOCK.match(text) for text in starts) else "intervals"


def _clip_columns(table: Table, name: str, settings: Mapping[str, Any]) -> Columns | None:
    """The columns of a table in a format that may name clips."""
    if name == "clips":
        return find_per_clip(table, settings)
    seen = find_intervals(table, settings) if name == "intervals" else None
    return seen[0] if seen else None


def _empty(path: str | os.PathLike[str]) -> Problem:
    """The error for a file without any cell."""
    return Problem("empty-sheet", "the sheet is empty", "Fill it or leave it out.", str(path))
