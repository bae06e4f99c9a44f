"""Everything that is wrong with the input, found before any work is done.

Sheets are read whole; of videos only the headers are, so that the check of a laboratory's whole
archive takes seconds. What only shows in the packets is told by the index of the recording.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, fields, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from tqdm import tqdm

from clapboard import artifacts
from clapboard.annotations.clips import rows_of
from clapboard.annotations.lint import lint
from clapboard.annotations.placing import names_clips
from clapboard.annotations.reading import read_sheet
from clapboard.annotations.sheet import Sheet
from clapboard.checks.claps import unknown_claps
from clapboard.checks.labels import labels_by, nobody_to_spare, too_few_labels, without_frames
from clapboard.clock import parse_rate
from clapboard.problems import InputError, Problem, errors, report
from clapboard.sessions.chapters import gopro_name
from clapboard.sessions.clap import clap_estimate, clap_offset
from clapboard.sessions.recordings import SPLITS, Recording
from clapboard.settings.backbones import weights_problems
from clapboard.settings.model_checks import interruption_problems
from clapboard.video.ffmpeg_program import ffmpeg_problems
from clapboard.video.footage import read_images
from clapboard.video.media import MediaInfo, open_video, probe, unreadable

REPORT_COLUMNS = tuple(field.name for field in fields(Problem))


def check_inputs(
    annotations: Mapping[str, Any],
    recordings: Sequence[Recording],
    threads: int = 1,
    models: Mapping[str, Mapping[str, str]] | None = None,
    protocol: str = "splits",
    ffmpeg: str = "bundled",
    incomplete: bool = False,
    held_out: bool = True,
    thinned: Mapping[str, str] | None = None,
    fusion: bool = False,
    overlays: bool = False,
) -> list[Problem]:
    """Every problem of sheets and chapters, of both together, and of what the work needs besides.

    Only causes are told: what an unreadable sheet makes others look like is not.

    Args:
        annotations: config section ``annotations``.
        recordings: the table of recordings.
        threads: how many recordings to look at side by side.
        models: what `backbones.pretrained` says of every model; None without models.
        protocol: key ``evaluation.protocol``.
        ffmpeg: key ``video.ffmpeg``.
        incomplete: whether the table has rows that are no recordings for errors told elsewhere.
        held_out: what `model_checks.held_out` says of the models.
        thinned: what `model_checks.interrupted` says of the models.
        fusion: key ``evaluation.fusion``.
        overlays: whether videos that are recognised get an overlay.

    Returns:
        Problems of programs and models, of the chapters, then of the sheets; nothing is raised for
        bad content.
    """
    drawn = overlays and any((one.split, one.kind) == ("Predict", "video") for one in recordings)
    problems = [*ffmpeg_problems(ffmpeg, drawn), *weights_problems(models or {})]
    problems += interruption_problems(thinned or {})
    with ThreadPoolExecutor(threads) as pool:
        looks = pool.map(look_at_chapters, recordings)
        looked = list(tqdm(looks, total=len(recordings), desc="chapters", unit="recording"))
    problems += [problem for _, found in looked for problem in found]
    infos = {info.file: info for chapters, _ in looked for info in chapters}
    problems += [problem for recording in recordings for problem in _silent(recording, infos)]

    sheets, faulty = dict[str, Sheet](), set[str]()
    users = defaultdict[str, list[str]](list)
    for recording in recordings:
        if recording.annotations:
            users[recording.annotations] += recording.chapters
    for path, chapters in tqdm(users.items(), desc="sheets", unit="sheet"):
        sheets[path], found = read_sheet(path, annotations, chapters)
        problems += found
        if errors(found):
            faulty.add(path)
    problems += [
        problem for one in recordings for problem in _joined(one, sheets.get(one.annotations))
    ]
    unsure = {entry.split for entry in recordings if entry.annotations in faulty}
    unsure |= set(SPLITS if incomplete else ())
    durations = {file: info.duration for file, info in infos.items() if info.duration > 0}
    offsets = {entry.id: _clap_offset(entry, infos) for entry in recordings}
    problems += lint(
        sheets, recordings, durations, annotations, offsets, unsure, models is not None
    )
    sound = {path: sheet for path, sheet in sheets.items() if path not in faulty}
    problems += _empty_sheets(sound, recordings, bool(annotations["background"]))
    if models is not None:
        problems += unknown_claps(sound, recordings, protocol) if fusion else []
        by_split = labels_by("split", sheets, recordings, annotations)
        judging = ["Validation", "Test"] if held_out else ["Test"]
        problems += too_few_labels(by_split, unsure, judging if protocol == "splits" else [])
        if protocol == "loso" and annotations["unseen"] == "drop" and not unsure:
            learnt = [entry for entry in recordings if entry.split in SPLITS]
            by_subject = labels_by("subject", sheets, learnt, annotations)
            problems += without_frames(by_subject, by_split["Training"])
        filled = {entry.split for entry in recordings}
        lent = protocol == "loso" and "Predict" in filled and "Validation" not in filled
        if lent and held_out and not unsure:
            training = [entry for entry in recordings if entry.split == "Training"]
            problems += nobody_to_spare(labels_by("subject", sheets, training, annotations))
    return problems


def look_at_chapters(recording: Recording) -> tuple[list[MediaInfo], list[Problem]]:
    """The headers of a recording's chapters and everything wrong with them.

    Of a chapter in S3 that has not been fetched, the bucket's listing has said all that is known;
    its header is read once it is here, by the index.
    """
    if recording.kind == "video":
        awaited = {
            path
            for path, origin in zip(recording.chapters, recording.origins, strict=False)
            if origin and not Path(path).exists()
        }
        return probe([path for path in recording.chapters if path not in awaited])
    infos, problems = list[MediaInfo](), list[Problem]()
    for folder in recording.chapters:
        try:
            footage = read_images(folder, parse_rate(recording.rate), recording.id)
            infos.append(replace(footage.info, duration=footage.duration))
            problems += footage.doubts
        except InputError as error:
            problems += error.problems
        except OSError as error:
            problems.append(unreadable(folder, error))
    return infos, problems


def _silent(recording: Recording, infos: Mapping[str, MediaInfo]) -> Iterator[Problem]:
    """A clap that is to be heard in a recording whose readable chapters have no sound track."""
    chapters = [infos[file] for file in recording.chapters if file in infos]
    listened = bool(recording.annotations) and recording.clap.startswith("auto")
    if listened and chapters and not any(map(_has_sound, chapters)):
        message = f"{recording.id} has no sound, and its clap is to be heard"
        remedy = "Write the time of the clap into the column clap of the recordings table."
        yield Problem("no-sound", message, remedy, column="clap", value=recording.clap)


def _joined(recording: Recording, sheet: Sheet | None) -> Iterator[Problem]:
    """Films of a GoPro that are taken for one, though the camera stood still in between.

    Of files whose sheet names them the linter speaks (`several-clips`): their labels are in place.
    """
    if sheet is not None and names_clips(sheet):
        return
    named = [(gopro_name(file), file) for file in recording.chapters]
    for (before, last), (after, first) in pairwise(named):
        if (
            before
            and after
            and (before.recording, before.family) != (after.recording, after.family)
        ):
            message = (
                f"{recording.id} goes on with {Path(first).name} after {Path(last).name}, which is "
                "another recording of the camera: the time between them is lost, and labels behind "
                "it are off by that unless they were made in the joined video"
            )
            remedy = (
                "Give each recording of the camera a row with a session and a sheet of its own."
            )
            yield Problem(
                "several-films", message, remedy, column="videos", value=first, severity="warning"
            )


def _has_sound(chapter: MediaInfo) -> bool:
    """Whether a chapter has a sound track; some containers do not say how long it is."""
    if chapter.sound is not None or Path(chapter.file).is_dir():
        return chapter.sound is not None
    with open_video(chapter.file) as (container, _):
        return bool(container.streams.audio)


def _clap_offset(recording: Recording, infos: Mapping[str, MediaInfo]) -> Fraction | None:
    """Seconds of the clap in its recording where that is cheap to say."""
    first = infos.get(recording.chapters[0])
    return clap_offset(clap_estimate(recording.clap, first.rate if first else Fraction(0)))


def _empty_sheets(
    sheets: Mapping[str, Sheet], recordings: Sequence[Recording], background: bool
) -> list[Problem]:
    """Sheets without any annotation, and recordings that their sheet says nothing about.

    Args:
        sheets: those that could be read without an error, by path.
        recordings: all.
        background: whether frames without a label make a class; then it may be meant.
    """
    problems = dict[Problem, None]()
    for recording in recordings:
        sheet = sheets.get(recording.annotations)
        if sheet is None or rows_of(sheet, recording.chapters, recording.subject).annotations:
            continue
        empty = not sheet.annotations
        problem = Problem(
            "empty-sheet" if empty else "nothing-annotated",
            "the sheet has no annotation" if empty else f"no row is about {recording.id}",
            "Annotate the recording, or take it out of the recordings table.",
            sheet.file,
            severity="warning" if background else "error",
        )
        problems[problem] = None
    return list(problems)


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
