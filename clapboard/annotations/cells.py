"""What can be wrong with the cells of one annotation, the same in every format."""

from __future__ import annotations

from clapboard.problems import Problem

_FORMULA_ERRORS = frozenset({"#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"})


def label_problems(written: str, file: str, row: int, column: str) -> list[Problem]:
    """An error when a label is what a spreadsheet writes for a broken formula."""
    if written.upper() not in _FORMULA_ERRORS:
        return []
    message = "the label is the error of a spreadsheet formula"
    return [Problem("formula-error", message, "Type the label in.", file, row, column, written)]


def missing_label(file: str, row: int, column: str) -> Problem:
    """The warning for an annotation that has times but no label."""
    return Problem(
        "missing-label",
        "there is a time but no label; the annotation is skipped",
        "Give it a label or clear its times.",
        file,
        row,
        column,
        severity="warning",
    )


def missing_time(written: str, name: str, file: str, row: int, column: str) -> Problem:
    """The error for a labelled annotation without start or stop."""
    return Problem(
        "missing-time",
        f"{written!r} has no {name}",
        "Fill it in, or clear the label to leave the row out.",
        file,
        row,
        column,
    )


def unreadable_time(
    error: ValueError, remedy: str, file: str, row: int, column: str, text: str
) -> Problem:
    """The error for a time in no known form."""
    return Problem("unreadable-time", str(error), remedy, file, row, column, text)


def missing_rate(file: str) -> Problem:
    """The error for a sheet that counts frames without saying how many make a second."""
    return Problem(
        "missing-rate",
        "the sheet counts frames and does not say at which rate",
        "Set annotations.rate in the config to the rate at which its program counted.",
        file,
    )
