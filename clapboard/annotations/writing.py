"""A `Sheet` written in the form of another program, so that it opens there and comes back whole.

Every form has a finest step of time. Times between steps are cut down to the step before: where
they are times of frames, as in predictions, the same frames are inside before and after.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from clapboard.annotations.elan import write_elan
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.annotations.subtitles import write_srt, write_vtt
from clapboard.annotations.tables_out import write_boris, write_intervals, write_lab
from clapboard.problems import Problem

NANOSECOND, MICROSECOND, MILLISECOND = Fraction(1, 10**9), Fraction(1, 10**6), Fraction(1, 1000)


@dataclass(frozen=True)
class Form:
    """One form to write: how, the finest step of its times, what else it can hold.

    Attributes:
        write: takes the sheet, the path and the config section `annotations`.
        step: seconds.
        suffix: of its files.
        negative: whether it has times before zero.
        instants: whether it has annotations without length; else they last one step.
    """

    write: Callable[[Sheet, str | os.PathLike[str], Mapping[str, Any]], None]
    step: Fraction
    suffix: str
    negative: bool = True
    instants: bool = True


FORMS: Mapping[str, Form] = {
    "lab": Form(write_lab, MICROSECOND, ".csv"),
    "csv": Form(write_intervals, NANOSECOND, ".csv"),
    "boris": Form(write_boris, NANOSECOND, ".csv"),
    "elan": Form(write_elan, MILLISECOND, ".eaf", negative=False, instants=False),
    "vtt": Form(write_vtt, MILLISECOND, ".vtt", negative=False, instants=False),
    "srt": Form(write_srt, MILLISECOND, ".srt", negative=False, instants=False),
}


def write_sheet(
    sheet: Sheet, path: str | os.PathLike[str], form: str, settings: Mapping[str, Any]
) -> list[Problem]:
    """Write a sheet in one of `FORMS`.

    Args:
        sheet: annotations of one recording. For ``lab`` counted from the clap, with the clap's
            date and time in `zero` (`clapboard.annotations.placing.from_clap`); for all others
            counted from the first frame (`in_recording`).
        path: file to write.
        form: one of `FORMS`.
        settings: section `annotations` of the config, for titles and the label of the clap.

    Returns:
        Warnings about what the form cannot hold: times that were cut, annotations left out.

    Raises:
        ValueError: the sheet counts from elsewhere, has no `zero`, or names clips.
    """
    wanted = "clap" if form == "lab" else "video"
    if sheet.origin != wanted or any(entry.clip for entry in sheet.in_order()):
        raise ValueError(f"times of a {form} file count from the {wanted}, not from elsewhere")
    fitted, problems = _fit(sheet, FORMS[form], str(path))
    FORMS[form].write(fitted, path, settings)
    return problems


def _fit(sheet: Sheet, form: Form, file: str) -> tuple[Sheet, list[Problem]]:
    """The sheet as the form can hold it, and a warning for each way in which it differs."""
    cut, early = [], []

    def fit(entry: Annotation) -> Annotation | None:
        start, stop = (time // form.step * form.step for time in (entry.start, entry.stop))
        if (start, stop) != (entry.start, entry.stop):
            cut.append(entry.row)
        if -form.step <= start < 0 and not form.negative:
            start = Fraction(0)  # a wall clock, cut to microseconds, begins before the first frame
        if start < 0 and not form.negative:
            early.append(entry.row)
            return None
        if stop <= start and not form.instants:
            stop = start + form.step
        return replace(entry, start=start, stop=stop)

    fitted = replace(
        sheet,
        annotations=tuple(entry for one in sheet.annotations if (entry := fit(one))),
        claps=tuple(entry for one in sheet.claps if (entry := fit(one))),
    )
    problems = []
    if cut:
        step = {NANOSECOND: "nanosecond", MICROSECOND: "microsecond"}.get(form.step, "millisecond")
        problems.append(
            Problem(
                "times-cut",
                f"times of {len(cut)} annotations are finer than a {step} and were cut to one",
                "Keep the original sheet as the exact one.",
                file,
                severity="warning",
            )
        )
    if early:
        problems.append(
            Problem(
                "before-video",
                f"{len(early)} annotations begin before the video and were left out",
                "Check the position of the clap.",
                file,
                value=", ".join(map(str, early[:20])),
                severity="warning",
            )
        )
    return fitted, problems
