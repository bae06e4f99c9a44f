"""Spreadsheets (.xlsx, .ods, .xls) as tables of cells, with the times that their cells hold."""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile

import openpyxl
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.styles.numbers import is_date_format, is_timedelta_format
from openpyxl.utils.exceptions import InvalidFileException
from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

from clapboard.annotations.tables import Row, Table, make_row
from clapboard.annotations.unpacking import MOST_BYTES, MOST_CELLS, bomb, outsized
from clapboard.problems import Problem

EXCEL = (".xlsx", ".xlsm")

# What openpyxl and calamine raise for damaged files, found by damaging some.
BROKEN = (
    BadZipFile,
    InvalidFileException,
    CalamineError,
    ParseError,
    zlib.error,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    OverflowError,
    RuntimeError,
)

MICROSECOND = timedelta(microseconds=1)
_DAY_MICROSECONDS = 86_400_000_000

# What stands in a number format and is no code for a part of the time, but for hours since zero.
_LITERALS = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\])[^\]]*\]|am/pm', re.IGNORECASE)
_ISO_DURATION = re.compile(r"(-?)PT(\d+)H(\d+)M(\d+(?:[.,]\d+)?)S")


def read_workbook(path: str | os.PathLike[str]) -> tuple[list[Table], list[Problem]]:
    """The sheets of a workbook that hold anything, dates and times of cells written out in full.

    Times come as ``2019-04-04 09:21:58.740439`` or ``09:21:58.740439``, whatever the cell shows,
    in the workbook's own date system (1900 or 1904).
    """
    file = str(path)
    suffix = Path(path).suffix.lower()
    read = _excel_sheets if suffix in EXCEL else _other_sheets
    try:
        reason = bomb(file) if suffix in (*EXCEL, ".ods") else ""
        if suffix == ".ods":
            reason = reason or outsized(file)
        if reason:
            return [], [_too_large(reason, file)]
        sheets = list(read(file))
    except _TooLargeError as error:
        return [], [_too_large(str(error), file)]
    except OSError as error:
        reason = error.strerror or str(error)
        return [], [Problem("unreadable-file", reason, "Check the path and permissions.", file)]
    except BROKEN as error:
        message = f"this is no workbook that can be opened ({error})"
        return [], [Problem("undecodable-file", message, "Save it again, or as CSV.", file)]
    return [sheet for sheet in sheets if sheet.rows], []


def _too_large(reason: str, file: str) -> Problem:
    message = f"this is no sheet that a person has made: {reason}"
    return Problem("too-large", message, "Save the table alone, or as CSV.", file)


class _TooLargeError(Exception):
    """What is read piece by piece has become more than a sheet can be."""


def _excel_sheets(file: str) -> Iterator[Table]:
    """Each sheet of an Excel workbook.

    Excel counts days in a float. openpyxl would round it to milliseconds, so it is told of no date
    formats and hands the float over.
    """
    workbook = openpyxl.load_workbook(file, read_only=True, data_only=True)
    try:
        vars(workbook).update(_date_formats=set(), _timedelta_formats=set())
        cells = letters = 0
        for sheet in workbook.worksheets:
            sheet.reset_dimensions()
            rows, no_seconds = list[Row](), set[tuple[int, int]]()
            for number, row in enumerate(sheet.iter_rows(), start=1):
                texts = [_excel_text(cell, workbook.epoch) for cell in row]
                # A single cell far to the right or below brings all that are before it.
                cells += max(1, len(texts))
                letters += sum(map(len, texts))
                if cells > MOST_CELLS or letters > MOST_BYTES:
                    raise _TooLargeError(f"it has more than {MOST_CELLS:,} cells, or endless texts")
                no_seconds.update(
                    (number, column) for column, cell in enumerate(row) if _hides_seconds(cell)
                )
                if any(texts):
                    rows.append(make_row(number, texts))
            yield Table(
                file,
                tuple(rows),
                tab=sheet.title,
                hidden=sheet.sheet_state != "visible",
                no_seconds=frozenset(no_seconds),
            )
    finally:
        workbook.close()


def _hides_seconds(cell: Cell | MergedCell) -> bool:
    """Whether an Excel cell has a time that is shown as hours and minutes: 300 s as 0:05."""
    return isinstance(cell.value, int | float) and _no_seconds(cell.number_format)


@cache
def _no_seconds(number_format: str) -> bool:
    """Whether a number format shows hours and no seconds."""
    codes = _LITERALS.sub("", number_format.partition(";")[0]).casefold()
    return is_date_format(number_format) and "h" in codes and "s" not in codes


def _excel_text(cell: Cell | MergedCell, epoch: datetime) -> str:
    """What stands in an Excel cell, times written out."""
    value = cell.value
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and is_date_format(cell.number_format)
    ):
        micros = _whole_microseconds(value)
        if is_timedelta_format(cell.number_format) or 0 <= micros < _DAY_MICROSECONDS:
            return text_of(timedelta(microseconds=micros))
        return text_of(epoch + timedelta(microseconds=micros))
    return text_of(value)


def _whole_microseconds(days: float) -> int:
    """Microseconds in a number of days, as a whole millisecond when it is that but for the float.

    Near today a float of days has steps of 0.6 microseconds.
    """
    micros = round(Fraction(days) * _DAY_MICROSECONDS)
    millis = round(Fraction(micros, 1000)) * 1000
    return millis if abs(micros - millis) <= 1 else micros


def _other_sheets(file: str) -> Iterator[Table]:
    """Each sheet of an OpenDocument or old Excel workbook."""
    workbook = CalamineWorkbook.from_path(file)
    for sheet in workbook.sheets_metadata:
        rows: Sequence[Sequence[Any]] = workbook.get_sheet_by_name(sheet.name).to_python(
            skip_empty_area=False
        )
        texts = ((number, [text_of(value) for value in row]) for number, row in enumerate(rows, 1))
        found = tuple(make_row(number, cells) for number, cells in texts if any(cells))
        hidden = sheet.visible != SheetVisibleEnum.Visible
        yield Table(file, found, tab=sheet.name, hidden=hidden)


def text_of(value: Any) -> str:
    """A cell's value as text: whole numbers without a point, times in full."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, timedelta):
        whole, micros = divmod(abs(value) // MICROSECOND, 1_000_000)
        sign = "-" if value < timedelta(0) else ""
        return f"{sign}{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{micros:06d}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    if isinstance(value, time):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, date):
        return f"{value.isoformat()} 00:00:00"
    duration = _ISO_DURATION.fullmatch(str(value))
    if duration:
        sign, hours, minutes, rest = duration.groups()
        seconds, point, decimals = rest.replace(",", ".").partition(".")
        return f"{sign}{int(hours):02d}:{int(minutes):02d}:{int(seconds):02d}{point}{decimals}"
    return str(value)
