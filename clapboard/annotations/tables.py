"""Delimited text as a table of cells, whatever its encoding and delimiter."""

from __future__ import annotations

import codecs
import csv
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clapboard.problems import Problem

DELIMITERS = ",;\t|"

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True)
class Row:
    """One row: its number as an editor or a spreadsheet counts, and its cells."""

    number: int
    cells: tuple[str, ...]

    def cell(self, column: int | None) -> str:
        """The cell of a column counted from 0; empty when there is none."""
        return self.cells[column] if column is not None and column < len(self.cells) else ""


@dataclass(frozen=True)
class Table:
    """The rows of a file, or of a tab of a workbook, that hold anything.

    Attributes:
        file: the path as the user wrote it.
        rows: those with any cell.
        decimal_comma: whether its numbers use a decimal comma.
        tab: the name of the tab; empty when the file is one table.
        hidden: whether the workbook hides the tab.
        no_seconds: (row, column from 0) of times that the workbook shows in hours and minutes only.
    """

    file: str
    rows: tuple[Row, ...]
    decimal_comma: bool = False
    tab: str = ""
    hidden: bool = False
    no_seconds: frozenset[tuple[int, int]] = frozenset()


def make_row(number: int, cells: Sequence[str]) -> Row:
    """A row with outer blanks and no-break spaces taken off its cells."""
    return Row(number, tuple(cell.strip() for cell in cells))


def read_text(path: str | os.PathLike[str]) -> tuple[str | None, list[Problem]]:
    """The text of a file in UTF-8, UTF-16, UTF-32 or, with a warning, Windows-1252.

    Returns:
        The text without byte order mark and what was wrong; None instead of the text when the file
        cannot be read or is not text.
    """
    file = str(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        return None, [
            Problem("unreadable-file", reason, "Check the path and its permissions.", file)
        ]
    encoding, start = _encoding(data)
    try:
        return data[start:].decode(encoding), []
    except UnicodeDecodeError as error:
        if encoding != "utf-8" or start or b"\0" in data:
            message = f"the file is not {encoding.upper()} text ({error.reason})"
            return None, [Problem("undecodable-file", message, "Export it as CSV in UTF-8.", file)]
        text = data.decode("cp1252", errors="replace")
        row = data[: error.start].count(b"\n") + 1
        problem = Problem(
            "encoding-guessed",
            "the file is not UTF-8 and was read as Windows-1252",
            "Save it as UTF-8.",
            file,
            row,
            severity="warning",
        )
        return text, [problem]


def read_delimited(path: str | os.PathLike[str]) -> tuple[Table | None, list[Problem]]:
    """A CSV file as a table: delimiter found by itself, quoted line ends kept inside cells."""
    text, problems = read_text(path)
    if text is None:
        return None, problems
    delimiter, skipped = _delimiter(text)
    rows: list[Row] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        for cells in reader:
            row = make_row(number, cells)
            number = reader.line_num + 1
            if row.number > skipped and any(row.cells):
                rows.append(row)
    except csv.Error as error:
        problems.append(
            Problem(
                "broken-csv",
                f"the row that begins here cannot be read ({error})",
                "Close its quotation marks, or double those inside a cell.",
                str(path),
                number,
            )
        )
    return Table(str(path), tuple(rows), decimal_comma=delimiter == ";"), problems


def _encoding(data: bytes) -> tuple[str, int]:
    """Encoding of some bytes and the length of their byte order mark."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return encoding, len(mark)
    head = data[:4096]
    if head and head[1::2].count(0) > len(head) // 3:
        return "utf-16-le", 0
    if head and head[0::2].count(0) > len(head) // 3:
        return "utf-16-be", 0
    return "utf-8", 0


def _delimiter(text: str) -> tuple[str, int]:
    """Delimiter of some CSV text and the number of lines before its table."""
    lines = text.splitlines()
    if lines and lines[0].lower().startswith("sep=") and len(lines[0]) == 5:
        return lines[0][4], 1
    header = next((line for line in lines if line.strip()), "")
    unquoted = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=unquoted.count), 0
