"""Where in a table label, start, stop and the rest stand."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from clapboard.annotations.tables import Row, Table
from clapboard.problems import Problem, did_you_mean

HEADER_ROWS = 60
"""The header is looked for in so many rows, since exports may begin with titles."""


@dataclass(frozen=True)
class Columns:
    """The header row of a table and the columns found in it, counted from 0."""

    header: Row
    found: Mapping[str, int]

    def get(self, name: str) -> int | None:
        """The column of a name, None when the table has none."""
        return self.found.get(name)

    def title(self, name: str) -> str:
        """The header of a column as written, for messages."""
        return self.header.cell(self.get(name)) or name

    def text(self, row: Row, name: str) -> str:
        """The cell of a row in the column of a name, empty when there is none."""
        return row.cell(self.get(name))

    def rows(self, table: Table) -> tuple[Row, ...]:
        """The rows below the header."""
        return tuple(row for row in table.rows if row.number > self.header.number)


def plain(title: str) -> str:
    """A title without regard to case, blanks and underscores."""
    return "".join(title.replace("_", " ").split()).casefold()


def match(header: Row, aliases: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """The columns of a header row that carry one of the aliases; earlier aliases win."""
    titles = [plain(cell) for cell in header.cells]
    found: dict[str, int] = {}
    for name, written in aliases.items():
        for alias in map(plain, written):
            if alias in titles:
                found[name] = titles.index(alias)
                break
    return found


def find_header(
    table: Table, aliases: Mapping[str, Sequence[str]], needed: Collection[str]
) -> Columns | None:
    """The first row that has all the needed columns."""
    for row in table.rows[:HEADER_ROWS]:
        found = match(row, aliases)
        if found.keys() >= set(needed):
            return Columns(row, found)
    return None


def find_columns(
    table: Table, aliases: Mapping[str, Sequence[str]]
) -> tuple[Columns | None, list[Problem]]:
    """Header and columns of a table that needs `start`, `stop` and `label`.

    When no title names the label, it is taken from the column left of the start: a guess, reported
    as a warning. Without start and stop there is no table, which is an error.
    """
    columns = find_header(table, aliases, ("start", "stop"))
    if columns is None:
        return None, no_header(table, aliases, ("start", "stop"))
    return with_label(table, columns)


def no_header(
    table: Table, aliases: Mapping[str, Sequence[str]], needed: Sequence[str]
) -> list[Problem]:
    """The errors of a table in which the needed columns are not found."""
    if not table.rows:
        return [
            Problem("empty-sheet", "the sheet is empty", "Fill it or leave it out.", table.file)
        ]
    header = max(table.rows[:HEADER_ROWS], key=lambda row: len(match(row, aliases)))
    seen = [cell for cell in header.cells if cell]
    return [
        Problem(
            "unknown-header",
            f"no column for the {name} of an annotation: expected {' or '.join(aliases[name])}",
            f"{did_you_mean(aliases[name][0], seen)} Set annotations.columns.{name} in the config.",
            table.file,
            header.number,
            value=", ".join(seen),
        )
        for name in needed
        if name not in match(header, aliases)
    ]


def with_label(table: Table, columns: Columns) -> tuple[Columns | None, list[Problem]]:
    """Columns with a label column, found by its title or guessed left of the start."""
    if "label" in columns.found:
        return columns, []
    guess = columns.found["start"] - 1
    if guess < 0 or guess in columns.found.values():
        problem = Problem(
            "unknown-header",
            "no column holds the labels",
            "Name it in annotations.columns.label of the config.",
            table.file,
            columns.header.number,
        )
        return None, [problem]
    problem = Problem(
        "label-column-guessed",
        "no column has a known title for labels; the one left of the start is taken",
        "Correct the title, or add it to annotations.columns.label in the config.",
        table.file,
        columns.header.number,
        column=str(guess + 1),
        value=columns.header.cell(guess),
        severity="warning",
    )
    return Columns(columns.header, {**columns.found, "label": guess}), [problem]
