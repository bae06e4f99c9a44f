"""Checks of all annotation sheets at once, against each other and against their videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from clapboard.annotations.clips import of_recording
from clapboard.annotations.labels import normalise
from clapboard.annotations.lint_classes import Placed, lint_classes
from clapboard.annotations.lint_durations import lint_durations
from clapboard.annotations.lint_rows import lint_rows
from clapboard.annotations.lint_video import lint_video
from clapboard.annotations.sheet import Sheet
from clapboard.problems import Problem
from clapboard.recordings import Recording


def lint(
    sheets: Mapping[str, Sheet],
    recordings: Sequence[Recording],
    durations: Mapping[str, Fraction] | None,
    settings: Mapping[str, Any],
) -> list[Problem]:
    """Everything wrong or doubtful in sheets that could be read; errors stop the run.

    Args:
        sheets: by path, as in `Recording.annotations`. A sheet that several recordings share is
            checked once; only its ends are compared with each video.
        recordings: all recordings; those without a sheet in `sheets` are left alone.
        durations: seconds of video in each chapter file. Recordings with a chapter that is not in
            it are not compared with their video, none when it is None.
        settings: section `annotations` of the config.

    Returns:
        Problems by sheet and row.
    """
    problems: list[Problem] = []
    used: dict[str, Sheet] = {}
    placed: dict[Placed, None] = {}
    for recording in recordings:
        if recording.annotations not in sheets:
            continue
        whole = sheets[recording.annotations]
        sheet = of_recording(whole, recording.chapters, recording.subject)
        used[whole.file] = _joined(used.get(whole.file), sheet)
        for entry in sheet.annotations:
            placed[Placed(recording.subject, recording.split, sheet.file, entry)] = None
        problems += _several_subjects(whole, recording)
        problems += lint_video(sheet, recording, durations or {})
    for sheet in used.values():
        problems += lint_rows(sheet, settings)
    problems += lint_classes(list(placed), settings)
    problems += lint_durations(list(placed))
    order = {file: number for number, file in enumerate(used)}
    return sorted(problems, key=lambda problem: (order.get(problem.file, -1), problem.row or 0))


def _several_subjects(sheet: Sheet, recording: Recording) -> list[Problem]:
    """A warning when a sheet is about several people and none of them is the recording's."""
    names = {
        normalise(entry.subject): entry.subject for entry in sheet.annotations if entry.subject
    }
    if len(names) < 2 or normalise(recording.subject) in names:
        return []
    return [
        Problem(
            "several-subjects",
            f"the sheet names several subjects and none is {recording.subject}, so {recording.id} "
            "gets the rows of all of them",
            "Write the subject as in the recordings table, unless they are all seen in one video.",
            sheet.file,
            value=", ".join(sorted(names.values())),
            severity="warning",
        )
    ]


def _joined(first: Sheet | None, second: Sheet) -> Sheet:
    """Two parts of one sheet as one, in sheet order and without repetition."""
    if first is None:
        return second

    def both(name: str) -> tuple:
        entries = dict.fromkeys((*getattr(first, name), *getattr(second, name)))
        return tuple(sorted(entries, key=lambda entry: entry.row))

    return replace(first, annotations=both("annotations"), claps=both("claps"))
