"""Tab-separated tables as people make them with an editor or a spreadsheet program.

A byte order mark, UTF-16 (Excel's "Unicode text"), any line ends, quoted cells, blank lines and
lines that begin with `#` are all right. One line is one row.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from clapboard.problems import Problem, did_you_mean


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        line: its number, as an editor counts.
        cells: text by column name, blanks around it removed; columns the table lacks are empty.
    """

    line: int
    cells: dict[str, str]

    def at(self, column: str, problem: Problem) -> Problem:
        """A problem with its place in the table: this row, a column, what stands there."""
        return replace(problem, row=self.line, column=column, value=self.cells[column])


@dataclass(frozen=True)
class Table:
    """A table read: its rows and what is wrong with its form (without the file's name)."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_table(path: Path, required: Sequence[str], optional: Sequence[str]) -> Table:
    """Rows of a table whose first line names its columns, in any order.

    There are no rows when the text cannot be read or a required column is missing.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return Table(problems=[Problem("missing-table", "there is no such table", "Write it.")])
    except OSError as error:
        message = f"the table cannot be read: {error.strerror or error}"
        remedy = "Check that it is a file and its permissions."
        return Table(problems=[Problem("unreadable-table", message, remedy)])
    utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = raw.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"the text is not {error.encoding.upper()}"
        return Table(problems=[Problem("bad-encoding", message, "Save it as UTF-8.", row=line)])
    problems = list[Problem]()
    lines = list[tuple[int, list[str]]]()
    for number, written in enumerate(io.StringIO(text, newline=""), 1):
        if written.startswith("#") or not written.strip():
            continue
        try:
            (cells,) = csv.reader([written], delimiter="\t", strict=True)
        except csv.Error as error:
            remedy = "Close the quote or remove it."
            problems.append(Problem("bad-quote", f"the row is broken: {error}", remedy, row=number))
            continue
        lines.append((number, [cell.strip() for cell in cells]))
    if not lines:
        remedy = f"Write a header ({', '.join(required)}) and one row each."
        return Table(problems=[*problems, Problem("empty-table", "the table is empty", remedy)])
    (number, header), *body = lines
    columns = [name.lower() for name in header]
    found = _header_problems(number, columns, required, optional)
    problems.extend(found)
    if any(problem.check != "unknown-column" for problem in found):
        return Table(problems=problems)
    if not body:
        remedy = "Write rows below the header."
        problems.append(Problem("empty-table", "the table has no rows", remedy))
    absent, rows = dict.fromkeys((*required, *optional), ""), list[Row]()
    for line, cells in body:
        if len(cells) == 1:
            problems.append(_not_tabs(line, cells[0]))
            continue
        rows.append(Row(line, absent | dict(zip(columns, cells, strict=False))))
        named = [*columns, *[""] * len(cells)]
        surplus = [cell for name, cell in zip(named, cells, strict=False) if cell and not name]
        if surplus:
            message = "the row has more cells than the header has names"
            remedy = "Remove them, or a tab inside a value."
            value = "\t".join(surplus)
            problems.append(Problem("long-row", message, remedy, row=line, value=value))
    return Table(rows, problems)


def _not_tabs(line: int, text: str) -> Problem:
    """The problem of a line in which nothing separates the columns."""
    message = "columns are not separated by tabs"
    remedy = "Save the table with tabs between the columns, not blanks or commas."
    return Problem("not-tabs", message, remedy, row=line, value=text)


def _header_problems(
    line: int, columns: Sequence[str], required: Sequence[str], optional: Sequence[str]
) -> list[Problem]:
    """Columns that are missing, unknown or repeated."""
    if len(columns) == 1:
        return [_not_tabs(line, columns[0])]
    problems = [
        Problem("missing-column", f"there is no column {name}", "Add it to the header.", row=line)
        for name in required
        if name not in columns
    ]
    for place, name in enumerate(columns):
        if not name:
            continue  # spreadsheet programs write empty columns; a value in one is told by its row
        if name not in (*required, *optional):
            remedy = did_you_mean(name, {*required, *optional} - set(columns))
            message = "there is no such column"
            problems.append(Problem("unknown-column", message, remedy, row=line, value=name))
        elif name in columns[:place]:
            message = "the column stands twice"
            problems.append(
                Problem("repeated-column", message, "Remove one.", row=line, column=name)
            )
    return problems
