"""Sheets of several clips or subjects: which of their rows belong to a recording."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from urllib.parse import unquote, urlsplit

from clapboard.annotations.columns import Columns
from clapboard.annotations.labels import normalise
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.annotations.tables import Table
from clapboard.problems import Problem

CLIP_TITLES = ("clip", "file", "file name", "video", "video file", "media file", "avi", "path")

# Label Studio puts eight hexadecimal digits before the name of an uploaded file.
_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")


class Chapters:
    """The chapter files of some recordings, found by what a sheet calls them."""

    def __init__(self, files: Iterable[str]) -> None:
        self._by_name: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        for file in dict.fromkeys(files):
            for path in dict.fromkeys((Path(file).absolute(), Path(file).resolve())):
                self._by_name[path.name].append((file, path.parts))

    def called(self, clip: str) -> list[str]:
        """The chapters that a clip can mean: the name and all folders given agree."""
        wanted = tuple(
            part for part in PurePath(clip.replace("\\", "/")).parts if part not in ("/", ".")
        )
        if not wanted:
            return []
        fitting = (
            file
            for file, parts in self._by_name.get(wanted[-1], ())
            if parts[-len(wanted) :] == wanted
        )
        return list(dict.fromkeys(fitting))


def rows_of(sheet: Sheet, chapters: Sequence[str], subject: str = "") -> Sheet:
    """The rows of a sheet that are about one recording, their times as they are.

    Of a sheet that names clips, annotations of the recording's chapters stay, their clip replaced
    by the chapter's path. Of a sheet that names subjects, those of `subject` and those without any
    stay, provided that it names `subject`; else the names mean something else and all stay, unless
    they have claps of their own: nobody's rows may be counted from another's clap.
    """
    entries = (*sheet.annotations, *sheet.claps)
    if any(entry.clip for entry in entries):
        known = Chapters(chapters)
        sheet = replace(
            sheet,
            annotations=_in_chapters(sheet.annotations, known),
            claps=_in_chapters(sheet.claps, known),
        )
    wanted = normalise(subject)
    apart = len(set(sheet.subject_zeros.values())) > 1
    named = {normalise(entry.subject) for entry in entries} | sheet.subject_zeros.keys()
    if wanted and (apart or wanted in named):
        sheet = replace(
            sheet,
            annotations=_of_subject(sheet.annotations, wanted),
            claps=_of_subject(sheet.claps, wanted),
        )
    return sheet


def clip_problems(sheet: Sheet, chapters: Sequence[str]) -> list[Problem]:
    """Errors when a sheet names clips and none is a chapter, or one could be two chapters."""
    known = Chapters(chapters)
    clips = dict.fromkeys(entry.clip for entry in sheet.in_order() if entry.clip)
    meant = {clip: known.called(clip) for clip in clips}
    problems = [
        Problem(
            "ambiguous-clip",
            f"several chapters have this name: {', '.join(files)}",
            "Write it with its folder.",
            sheet.file,
            value=clip,
        )
        for clip, files in meant.items()
        if len(files) > 1
    ]
    if clips and not any(meant.values()):
        problems.append(_unknown_clips(sheet.file, list(clips)))
    return problems


def by_chapters(
    table: Table, columns: Columns | None, chapters: Sequence[str]
) -> tuple[Table, Table, list[Problem]]:
    """A table in two: rows about chapters, and rows about other clips, whose faults do not count.

    Returns:
        Both tables with the header, and an error when all clips are unknown.
    """
    if columns is None or columns.get("clip") is None:
        return table, replace(table, rows=()), []
    known, rows = Chapters(chapters), columns.rows(table)
    names = {row.number: columns.text(row, "clip") for row in rows}
    other = {
        number
        for number, name in names.items()
        if name and not known.called(clip_path(name, table.file))
    }
    problems = []
    if other and len(other) == len(rows):
        problems.append(_unknown_clips(table.file, [names[number] for number in sorted(other)]))
    ours = tuple(row for row in table.rows if row.number not in other)
    theirs = tuple(row for row in table.rows if row.number in other or row == columns.header)
    return replace(table, rows=ours), replace(table, rows=theirs), problems


def clip_path(name: str, sheet: str) -> str:
    """The path of a clip beside its sheet, or in the folder of the sheet's name, if it is there.

    ``ADL.csv`` speaks of ``ADL/01.mp4`` or ``01.mp4``; any other name stays as written.
    """
    folders = (Path(sheet).with_suffix(""), Path(sheet).parent)
    return next((str(folder / name) for folder in folders if (folder / name).is_file()), name)


def clip_of_url(url: str) -> str:
    """File name behind a link, without the prefix that an upload to Label Studio gives it."""
    parts = urlsplit(url)
    local = re.search(r"(?:^|&)d=([^&]+)", parts.query)
    name = PurePath(unquote(local[1] if local else parts.path)).name
    return _UPLOAD_PREFIX.sub("", name, count=1)


def _in_chapters(entries: Sequence[Annotation], known: Chapters) -> tuple[Annotation, ...]:
    """The annotations without a clip, and those of one chapter, which becomes their clip."""
    kept = []
    for entry in entries:
        files = known.called(entry.clip)
        if not entry.clip:
            kept.append(entry)
        elif len(files) == 1:
            kept.append(replace(entry, clip=files[0]))
    return tuple(kept)


def _of_subject(entries: Sequence[Annotation], wanted: str) -> tuple[Annotation, ...]:
    """The annotations of a subject and those of nobody in particular."""
    return tuple(entry for entry in entries if normalise(entry.subject) in ("", wanted))


def _unknown_clips(file: str, clips: Sequence[str]) -> Problem:
    """The error of a sheet about other videos."""
    return Problem(
        "unknown-clip",
        "the sheet names clips and none of them is a chapter of a recording that uses it",
        "Give the videos the names that stand in the sheet.",
        file,
        value=", ".join(clips[:5]),
    )
