"""Checks of all annotation sheets at once, against each other and against their videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from clapboard.annotations.lint_classes import lint_classes
from clapboard.annotations.lint_rows import lint_rows
from clapboard.annotations.lint_video import lint_video
from clapboard.annotations.sheet import Sheet
from clapboard.problems import Problem

if TYPE_CHECKING:
    from clapboard.recordings import Recording


def lint(
    sheets: Mapping[str, Sheet],
    recordings: Sequence[Recording],
    durations: Mapping[str, Fraction] | None,
    settings: Mapping[str, Any],
) -> list[Problem]:
    """Everything wrong or doubtful in sheets that could be read; errors stop the run.

    Args:
        sheets: by path, as in `Recording.annotations`. A sheet that several cameras share is
            checked once; only its ends are compared with each video.
        recordings: all recordings; those without a sheet in `sheets` are left alone.
        durations: seconds of video in each chapter file. Recordings with a chapter that is not in
            it are not compared with their video, none when it is None.
        settings: section `annotations` of the config.

    Returns:
        Problems by sheet and row.
    """
    annotated = [recording for recording in recordings if recording.annotations in sheets]
    problems: list[Problem] = []
    for sheet in sheets.values():
        problems += lint_rows(sheet, settings)
    problems += lint_classes(sheets, annotated, settings)
    for recording in annotated:
        problems += lint_video(sheets[recording.annotations], recording, durations or {})
    place = {sheet.file: number for number, sheet in enumerate(sheets.values())}
    return sorted(problems, key=lambda problem: (place.get(problem.file, -1), problem.row or 0))
