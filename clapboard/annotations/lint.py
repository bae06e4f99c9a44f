"""Checks of all annotation sheets at once, against each other and against their videos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from pathlib import PurePath
from typing import Any

from clapboard.annotations.clips import Chapters, rows_of
from clapboard.annotations.lint_classes import Placed, lint_classes
from clapboard.annotations.lint_durations import lint_durations
from clapboard.annotations.lint_placing import lint_cameras, lint_clap, lint_sessions
from clapboard.annotations.lint_rows import lint_rows
from clapboard.annotations.lint_subjects import lint_subjects
from clapboard.annotations.lint_video import lint_video
from clapboard.annotations.placing import names_clips, of_recording
from clapboard.annotations.sheet import Sheet
from clapboard.problems import Problem
from clapboard.sessions.cameras import of_several_cameras
from clapboard.sessions.chapters import gopro_name
from clapboard.sessions.clap import clap_offset
from clapboard.sessions.recordings import Recording


def lint(
    sheets: Mapping[str, Sheet],
    recordings: Sequence[Recording],
    durations: Mapping[str, Fraction] | None,
    settings: Mapping[str, Any],
    offsets: Mapping[str, Fraction | None] | None = None,
    unsure: Collection[str] = (),
    learnt: bool = True,
) -> list[Problem]:
    """Everything wrong or doubtful in sheets that could be read; errors stop the run.

    Args:
        sheets: by path, as in `Recording.annotations`. What several recordings share is checked
            once; only its ends are compared with each video.
        recordings: all recordings; those without a sheet in `sheets` are left alone.
        durations: seconds of video in each chapter file. Recordings with a chapter that is not in
            it are not compared with their video, none when it is None.
        settings: section `annotations` of the config.
        offsets: where the clap of each recording is, seconds, by id; None where that is not known
            yet. Without it the table of recordings is asked.
        unsure: splits in which labels may be missing for reasons told elsewhere; nothing is said
            about what they lack.
        learnt: whether there is a model.

    Returns:
        Problems by sheet and row.
    """
    problems: dict[Problem, None] = {}
    placed: dict[Placed, None] = {}
    together = {one.id for cameras in of_several_cameras(recordings) for one in cameras}
    for recording in recordings:
        if recording.annotations not in sheets:
            continue
        whole = sheets[recording.annotations]
        part = rows_of(whole, recording.chapters, recording.subject)
        for entry in part.annotations:
            placed[Placed(recording.subject, recording.split, part.file, entry)] = None
        found = _several_clips(part, recording, learnt)
        found += lint_clap(whole, part, recording, recording.id not in together)
        if whole.claps or whole.origin == "video":
            offset = offsets[recording.id] if offsets else clap_offset(recording.clap)
        else:
            offset = None  # the missing clap is told by the reader
        seen = of_recording(whole, recording.chapters, recording.subject, recording.clap)
        found += lint_rows(part, settings)
        if durations and all(file in durations for file in recording.chapters):
            own = {file: durations[file] for file in recording.chapters}
            found += lint_video(seen, recording.id, own, offset)
        problems |= dict.fromkeys(found)
    problems |= dict.fromkeys(lint_subjects(sheets, recordings))
    problems |= dict.fromkeys(_lost_clips(sheets, recordings))
    problems |= dict.fromkeys(lint_cameras(sheets, recordings))
    problems |= dict.fromkeys(lint_sessions(sheets, recordings))
    problems |= dict.fromkeys(lint_classes(list(placed), settings, unsure))
    problems |= dict.fromkeys(lint_durations(list(placed)))
    order = {file: number for number, file in enumerate(sheets)}
    return sorted(problems, key=lambda problem: (order.get(problem.file, -1), problem.row or 0))


def _lost_clips(sheets: Mapping[str, Sheet], recordings: Sequence[Recording]) -> list[Problem]:
    """Rows left out because the name of their clip is not quite that of the chapter they mean.

    The frames of those rows would be without a label, or be taught as background.
    """
    chapters = defaultdict[str, dict[str, None]](dict)
    for recording in recordings:
        if recording.annotations in sheets:
            chapters[recording.annotations] |= dict.fromkeys(recording.chapters)
    problems = list[Problem]()
    for path, files in chapters.items():
        known = Chapters(files)
        for clip, row in sheets[path].strangers.items():
            meant = known.nearly_called(clip)
            if not meant:
                continue
            problems.append(
                Problem(
                    "near-clip",
                    f"this is no chapter, but {' and '.join(meant)} is, with other upper and lower "
                    "case, accents or suffix",
                    "Write the name as the file has it, or leave the row out if it is another.",
                    sheets[path].file,
                    row,
                    value=clip,
                )
            )
    return problems


def _several_clips(sheet: Sheet, recording: Recording, learnt: bool) -> list[Problem]:
    """A sheet of clips for a recording of several files that may not be one film.

    Whatever looks at sequences would learn and judge the order of the files. An error where they
    are classes with a folder each, of which none is filmed into the next, and something is learnt;
    other files may be the chapters of a film, and by their names (GoPro) they are.
    """
    files = recording.chapters
    films = {name and name.recording for name in map(gopro_name, files)}
    chain = len(films) == 1 and None not in films
    if len(files) < 2 or chain or not names_clips(sheet):
        return []
    apart = (
        any(entry.whole for entry in sheet.annotations)
        and len({PurePath(file).parent for file in files}) > 1
    )
    return [
        Problem(
            "several-clips",
            f"{recording.id} has {len(files)} files, and sequences, timelines and the decoder take "
            "each for what follows on the one before",
            "Give each clip a row with a session of its own in the recordings table"
            + ("." if apart else ", unless they are chapters of one film."),
            sheet.file,
            value=", ".join(files[:3]),
            severity="error" if apart and learnt else "warning",
        )
    ]
