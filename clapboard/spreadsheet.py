"""CSV files that hold text from strangers and are opened with a spreadsheet program.

Such a program runs a cell like ``=HYPERLINK(...)`` and turns ``-CPR`` into an error. So a text that
it would take for a formula gets an apostrophe before it when it is written, which is taken off when
it is read (OWASP, "CSV Injection"). Numbers stay numbers, negative ones too.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_NUMBER = r"[+-](?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z"
_FORMULA = re.compile(rf"'*(?!{_NUMBER})[=+\-@\t\r\n]", re.ASCII)


def escape(cell: Any) -> Any:
    """A text that would be taken for a formula with an apostrophe before it; all else as it is."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def unescape(cell: str) -> str:
    """What `escape` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A CSV table with a header row and Unix line ends, formulas escaped."""
    return "".join(f"{line}\n" for line in _lines([columns, *rows]))


def csv_rows(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """The rows of `csv_text` by column, formulas unescaped; cells that a row lacks are empty."""
    for row in csv.DictReader(lines, restkey="", restval=""):
        row.pop("", None)
        yield {unescape(name): unescape(cell) for name, cell in row.items()}


def _lines(rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Each row as text without its end."""
    line = io.StringIO()
    # A return inside a cell would be left unquoted if it were not part of the row's end.
    writer = csv.writer(line, lineterminator="\r\n")
    for row in rows:
        writer.writerow(map(escape, row))
        yield line.getvalue().removesuffix("\r\n")
        line.seek(0)
        line.truncate()
