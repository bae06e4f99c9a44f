"""Everything that is wrong with the input, found before any work is done.

Sheets are read whole; of videos only the headers are, so that the check of a laboratory's whole
archive takes seconds. What only shows in the packets is told by the index of the recording.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, fields, replace
from fractions import Fraction
from typing import Any

from tqdm import tqdm

from clapboard import artifacts
from clapboard.annotations.clips import of_recording
from clapboard.annotations.labels import normalise
from clapboard.annotations.lint import lint
from clapboard.annotations.reading import read_sheet
from clapboard.annotations.sheet import Sheet
from clapboard.clock import parse_rate
from clapboard.footage import read_images
from clapboard.media import MediaInfo, probe, unreadable
from clapboard.problems import InputError, Problem, errors, refuse, report
from clapboard.recordings import Recording
from clapboard.sketch import clap_estimate

JUDGED_SPLITS = ("Validation", "Test")
REPORT_COLUMNS = tuple(field.name for field in fields(Problem))


def check_inputs(
    annotations: Mapping[str, Any], recordings: Sequence[Recording], threads: int = 1
) -> list[Problem]:
    """Every problem of sheets and chapters, and of both together.

    Args:
        annotations: config section ``annotations``.
        recordings: the table of recordings.
        threads: how many recordings to look at side by side.

    Returns:
        Problems of the chapters, then of the sheets; nothing is raised for bad content.
    """
    with ThreadPoolExecutor(threads) as pool:
        looks = pool.map(look_at_chapters, recordings)
        looked = list(tqdm(looks, total=len(recordings), desc="chapters", unit="recording"))
    problems = [problem for _, found in looked for problem in found]
    infos = {info.file: info for chapters, _ in looked for info in chapters}

    sheets, users = dict[str, Sheet](), defaultdict[str, list[str]](list)
    for recording in recordings:
        if recording.annotations:
            users[recording.annotations] += recording.chapters
    for path, chapters in tqdm(users.items(), desc="sheets", unit="sheet"):
        sheets[path], found = read_sheet(path, annotations, chapters)
        problems += found
    placed = [replace(entry, clap=_clap_as_time(entry, infos)) for entry in recordings]
    durations = {file: info.duration for file, info in infos.items() if info.duration > 0}
    problems += lint(sheets, placed, durations, annotations)
    ignored = {normalise(label) for label in annotations["ignore"]}
    labels = defaultdict[str, set[str]](set)
    for recording in recordings:
        if recording.annotations:
            sheet = sheets[recording.annotations]
            sheet = of_recording(sheet, recording.chapters, recording.subject)
            labels[recording.split].update(entry.label for entry in sheet.annotations)
            labels[recording.split] -= ignored
    return [*problems, *_empty_splits(labels), *_absent_classes(labels)]


def look_at_chapters(recording: Recording) -> tuple[list[MediaInfo], list[Problem]]:
    """The headers of a recording's chapters and everything wrong with them."""
    if recording.kind == "video":
        return probe(recording.chapters)
    infos, problems = list[MediaInfo](), list[Problem]()
    for folder in recording.chapters:
        try:
            footage = read_images(folder, parse_rate(recording.rate))
            infos.append(replace(footage.info, duration=footage.duration))
        except InputError as error:
            problems += error.problems
        except OSError as error:
            problems.append(unreadable(folder, error))
    return infos, problems


def _clap_as_time(recording: Recording, infos: Mapping[str, MediaInfo]) -> str:
    """The clap position in seconds where that is cheap to say, else as the table has it."""
    first = infos.get(recording.chapters[0])
    return clap_estimate(recording.clap, first.rate if first else Fraction(0))


def _empty_splits(labels: Mapping[str, set[str]]) -> list[Problem]:
    """Splits that need annotations and have none; `labels` by split."""
    if not any(labels[split] for split in ("Training", *JUDGED_SPLITS)):
        return []
    wanted = {"Training": "nothing can be trained", "Test": "no model can be judged"}
    return [
        Problem(
            check="empty-split",
            message=f"No recording with annotations has this split, so {outcome}",
            remedy="Give the split to a subject of its own.",
            column="split",
            value=split,
            severity="error" if split == "Training" else "warning",
        )
        for split, outcome in wanted.items()
        if not labels[split]
    ]


def _absent_classes(labels: Mapping[str, set[str]]) -> list[Problem]:
    """Classes of Training that another split with annotations has not; `labels` by split."""
    return [
        Problem(
            check="class-absent",
            message=f"No subject in {split} has this label, so its figures there will be missing",
            remedy="Move a subject that has it, or leave it so.",
            column="split",
            value=label,
            severity="warning",
        )
        for split in JUDGED_SPLITS
        if labels[split]
        for label in sorted(labels["Training"] - labels[split])
    ]


def write_report(problems: Sequence[Problem], path: str | os.PathLike[str]) -> None:
    """Write all problems as CSV (`save_report`) and print them as text."""
    print(report(problems), flush=True)  # noqa: T201 - the job's log
    save_report(problems, path)


def save_report(problems: Sequence[Problem], path: str | os.PathLike[str]) -> None:
    """Write all problems as CSV, columns as the fields of `Problem`."""
    artifacts.write_csv(path, REPORT_COLUMNS, map(astuple, problems))


def read_report(path: str | os.PathLike[str]) -> list[Problem]:
    """The problems that `save_report` wrote."""
    return [_problem(row) for row in artifacts.read_csv(path)]


def _problem(cells: Mapping[str, str]) -> Problem:
    """A problem from its row in the report."""
    values: dict[str, Any] = {**cells, "row": int(cells["row"]) if cells["row"] else None}
    return Problem(**values)


def accept(report_file: str | os.PathLike[str], output: str | os.PathLike[str]) -> None:
    """Write `output` when a report has no error.

    Raises:
        InputError: it has; carries all its problems.
    """
    problems = read_report(report_file)
    refuse(problems)
    artifacts.write_json(output, {"errors": 0, "warnings": len(problems) - len(errors(problems))})
