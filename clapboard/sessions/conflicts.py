"""What rows of the table of recordings contradict in each other: names, splits, files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from clapboard.problems import Problem

if TYPE_CHECKING:
    from clapboard.sessions.recordings import Recording


def repeated_ids(recordings: Sequence[Recording]) -> list[Problem]:
    """Rows whose id an earlier row has, also when only upper and lower case differ."""
    problems = list[Problem]()
    seen: dict[str, Recording] = {}
    for recording in recordings:
        first = seen.setdefault(recording.id.lower(), recording)
        if first is not recording and recording.id:
            message = f"row {first.row} is recording {first.id} already"
            remedy = "Give the rows different cameras or sessions."
            problems.append(
                _problem("repeated-recording", message, remedy, recording, "", recording.id)
            )
    return problems


def divided_subjects(recordings: Sequence[Recording]) -> list[Problem]:
    """Subjects in two splits or spelled in two ways; what is only predicted does not leak.

    Names that differ in nothing but case and leading zeros (S1, s01) are one person's.
    """
    problems = list[Problem]()
    seen: dict[str, Recording] = {}
    for recording in recordings:
        subject = recording.subject
        if not subject or recording.split == "Predict":
            continue
        first = seen.setdefault(_person(subject), recording)
        if first.split != recording.split:
            message = f"the subject is in {first.split} in row {first.row}"
            remedy = "Put all rows of a subject into one split."
            problems.append(
                _problem(
                    "subject-in-two-splits", message, remedy, recording, "split", recording.split
                )
            )
        if first.subject != subject:
            message = f"row {first.row} writes {first.subject}"
            remedy = "Write a subject in one way; give two people names that differ in more."
            problems.append(
                _problem("subject-spelling", message, remedy, recording, "subject", subject)
            )
    return problems


def shared_files(recordings: Sequence[Recording]) -> list[Problem]:
    """Chapters that belong to two recordings, or twice to one; predicting again is all right."""
    problems = list[Problem]()
    seen: dict[object, tuple[str, Recording]] = {}
    for recording in recordings:
        for chapter, origin in zip_longest(recording.chapters, recording.origins):
            try:
                # An object is one by its address; its copy may not be here yet.
                file: tuple[object, ...] = (origin.url,) if origin else _inode(chapter)
            except OSError as error:
                message, remedy = f"the file cannot be read: {error.strerror}", "Put it back."
                problems.append(
                    _problem("unreadable-video", message, remedy, recording, "videos", chapter)
                )
                continue
            # What is predicted is compared with itself alone.
            alone = recording.id if recording.split == "Predict" else None
            known = seen.setdefault((alone, *file), (chapter, recording))
            if known != (chapter, recording):
                message = f"the file is {known[0]} of row {known[1].row} already"
                remedy = "Remove one; a frame has one subject and one label."
                problems.append(
                    _problem("shared-video", message, remedy, recording, "videos", chapter)
                )
    return problems


def _person(subject: str) -> str:
    """What all spellings of a subject have in common."""
    return re.sub(r"\d+", lambda digits: str(int(digits[0])), subject.casefold())


def _inode(path: str) -> tuple[int, int]:
    """What two names of one file have in common."""
    status = Path(path).stat()
    return status.st_dev, status.st_ino


def _problem(
    check: str, message: str, remedy: str, recording: Recording, column: str, value: str
) -> Problem:
    """A problem with its place in the table."""
    return Problem(check, message, remedy, row=recording.row, column=column, value=value)
