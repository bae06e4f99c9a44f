"""What is wrong with the input, in a form that a person can act on.

Nothing in Clapboard stops at the first bad value: a check collects `Problem`s, and whoever needs
clean input calls `refuse`, which raises all errors at once.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the input and what to do about it.

    Attributes:
        check: name of the check, kebab-case and stable, e.g. ``stop-before-start``.
        message: what is wrong, a sentence without the place.
        remedy: what the user can do about it, an imperative sentence.
        file: the file it stands in, as the user wrote it.
        row: line of that file as an editor counts (1 is the header); None if it has no place.
        column: column or key.
        value: the offending value as written.
        severity: errors stop the run, warnings are only shown.
    """

    check: str
    message: str
    remedy: str
    file: str = ""
    row: int | None = None
    column: str = ""
    value: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        """One line: place, what is wrong, remedy."""
        place = [_visible(self.file)] if self.file else []
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column:
            column = _visible(self.column)
            place.append(f"column {column}" if self.row is not None else column)
        where = ", ".join(place)
        value = f" (value {self.value!r})" if self.value else ""
        head = f"{where}: " if where else ""
        text = f"{head}{_visible(self.message)}{value}. {_visible(self.remedy)}"
        return f"{self.severity}: {text} [{self.check}]"


def _visible(text: str) -> str:
    """The text with control characters escaped: a file name must not move the cursor."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


class InputError(Exception):
    """Input that cannot be worked with; carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(report(problems))

    def __reduce__(self) -> tuple[type[InputError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """The problems that stop a run."""
    return [problem for problem in problems if problem.severity == "error"]


def refuse(problems: Sequence[Problem]) -> None:
    """Raise `InputError` with all problems if any of them is an error."""
    if errors(problems):
        raise InputError(problems)


def report(problems: Sequence[Problem]) -> str:
    """All problems as text, errors first, one a line."""
    ordered = sorted(problems, key=lambda problem: problem.severity != "error")
    count = len(errors(problems))
    title = (
        f"{count} error{'s' if count != 1 else ''}, {len(problems) - count} warnings in the input:"
    )
    return "\n".join([title, *(f"  {problem}" for problem in ordered)])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy naming the nearest known word, or all of them when none is near."""
    choices = sorted(known)
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Use one of: {', '.join(choices)}." if choices else "Remove it."
