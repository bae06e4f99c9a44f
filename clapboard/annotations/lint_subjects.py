"""Checks of whom a sheet is about: nobody may silently get the labels of somebody else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from clapboard.annotations.clips import rows_of
from clapboard.annotations.labels import normalise
from clapboard.annotations.placing import names_clips
from clapboard.annotations.sheet import Sheet
from clapboard.problems import Problem
from clapboard.sessions.recordings import Recording


def lint_subjects(sheets: Mapping[str, Sheet], recordings: Sequence[Recording]) -> list[Problem]:
    """Sheets about others than those whose recordings use them, and parts that nobody gets.

    Args:
        sheets: by path, as in `Recording.annotations`.
        recordings: all recordings.
    """
    table = {normalise(recording.subject) for recording in recordings}
    problems = list[Problem]()
    users = defaultdict[str, dict[str, None]](dict)
    for recording in recordings:
        sheet = sheets.get(recording.annotations)
        if sheet is not None:
            users[recording.annotations][recording.subject] = None
            problems += _of_others(sheet, recording, table)
    for file, subjects in users.items():
        tabs = _other_tabs(sheets[file], len(subjects) > 1)
        problems += tabs or _shared(sheets[file], list(subjects))
    return problems


def _of_others(sheet: Sheet, recording: Recording, table: Collection[str]) -> list[Problem]:
    """A sheet that names somebody, but not the recording's subject.

    An error where all whom it names for the recording are other subjects of the table: it is the
    sheet of one of them. Several people whom the table does not have may all be seen in one video;
    an error when they have claps of their own, since nobody's rows may be counted from another's.
    """
    if normalise(recording.subject) in _named(sheet):
        return []
    others = _named(rows_of(sheet, recording.chapters))
    if others and others.keys() <= set(table):
        return [
            Problem(
                "other-subject",
                f"the sheet is about {' and '.join(others.values())}, and the recordings table "
                f"gives it to {recording.id}, whose subject is {recording.subject}",
                "Name the sheet of this subject in the recordings table, or correct the column "
                "subject of the sheet.",
                sheet.file,
                value=", ".join(sorted(others.values())),
            )
        ]
    names = _named(sheet)
    if len(names) < 2:
        return []
    apart = _apart(sheet)
    outcome = "no row, since each has a clap of its own" if apart else "the rows of all of them"
    return [
        Problem(
            "several-subjects",
            f"the sheet names several subjects and none is {recording.subject}, so {recording.id} "
            f"gets {outcome}",
            "Write the subject as in the recordings table, unless they are all seen in one video.",
            sheet.file,
            value=", ".join(sorted(names.values())),
            severity="error" if apart else "warning",
        )
    ]


def _other_tabs(sheet: Sheet, shared: bool) -> list[Problem]:
    """A workbook of which one tab is read and others could be.

    An error while several subjects share it, since those tabs may be theirs.
    """
    if not sheet.tabs_left:
        return []
    return [
        Problem(
            "unread-tab",
            f"the tab {sheet.tab} is read and no other, and {' and '.join(sheet.tabs_left)} "
            "could be annotations too",
            "Save each tab that holds as a file of its own, and hide or delete those that do not.",
            sheet.file,
            value=", ".join(sheet.tabs_left),
            severity="error" if shared else "warning",
        )
    ]


def _shared(sheet: Sheet, subjects: Sequence[str]) -> list[Problem]:
    """A sheet that gives several subjects the same rows, as if they had been filmed together."""
    named = _named(sheet)
    alike = [subject for subject in subjects if normalise(subject) not in named]
    if len(alike) < 2 or names_clips(sheet) or _apart(sheet):
        return []
    return [
        Problem(
            "shared-by-subjects",
            f"{' and '.join(alike)} share this sheet, which does not name them, so that each gets "
            "all its rows",
            "Write a sheet for each, or name whom each row is about in a column `subject`, unless "
            "they were filmed together and do the same.",
            sheet.file,
            value=", ".join(alike),
            severity="warning",
        )
    ]


def _named(sheet: Sheet) -> dict[str, str]:
    """The subjects of annotations as they are written, by normalised name."""
    return {normalise(entry.subject): entry.subject for entry in sheet.annotations if entry.subject}


def _apart(sheet: Sheet) -> bool:
    """Whether its subjects have claps of their own."""
    return len(set(sheet.subject_zeros.values())) > 1
