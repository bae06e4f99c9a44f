"""Sheets of several clips or subjects: which of their rows belong to a recording."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePath
from urllib.parse import unquote, urlsplit

from clapboard.annotations.columns import Columns
from clapboard.annotations.labels import normalise
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.annotations.tables import Table
from clapboard.problems import Problem
from clapboard.sessions.suffixes import is_image, is_video

CLIP_TITLES = ("clip", "file", "file name", "video", "video file", "media file", "avi", "path")

# Label Studio puts eight hexadecimal digits before the name of an uploaded file.
_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")


class Chapters:
    """The chapter files of some recordings, found by what a sheet calls them."""

    def __init__(self, files: Iterable[str]) -> None:
        self._by_name: dict[str, list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        self._files = list(dict.fromkeys(files))
        for file in self._files:
            for path in dict.fromkeys((Path(file).absolute(), Path(file).resolve())):
                self._by_name[path.name].append((file, path.parts))

    def called(self, clip: str) -> list[str]:
        """The chapters that a clip can mean: the name and all folders given agree."""
        wanted = _parts(clip)
        if not wanted:
            return []
        fitting = (
            file
            for file, parts in self._by_name.get(wanted[-1], ())
            if parts[-len(wanted) :] == wanted
        )
        return list(dict.fromkeys(fitting))

    def nearly_called(self, clip: str) -> list[str]:
        """The chapters that a clip would mean but for case, accents and the suffix.

        An accent may be a character of its own or part of its letter (NFD, NFC), which nobody sees.
        None when there is something of the clip's own name, there or beside them.
        """
        *folders, name = [_folded(part) for part in _parts(clip)] or [""]
        alike = [
            file
            for stem in dict.fromkeys((name, _stem(name)))
            for file, above in self._by_stem.get(stem, ())
            if above[len(above) - len(folders) :] == folders
        ]
        itself = [Path(clip), *(Path(file).with_name(PurePath(clip).name) for file in alike)]
        others = any(
            path.exists() and not any(Path(file).exists() and path.samefile(file) for file in alike)
            for path in itself
        )
        return [] if others else alike

    @cached_property
    def _by_stem(self) -> dict[str, list[tuple[str, list[str]]]]:
        """The files and their folded folders, by folded name without suffix."""
        found = defaultdict[str, list[tuple[str, list[str]]]](list)
        for file in self._files:
            *above, name = map(_folded, Path(file).absolute().parts)
            found[_stem(name)].append((file, above))
        return found


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


def strange_clips(sheet: Sheet, chapters: Sequence[str]) -> dict[str, int]:
    """The clips of a sheet that are no chapter, each with its first row."""
    known, found = Chapters(chapters), dict[str, int]()
    for entry in sheet.in_order():
        if entry.clip and entry.clip not in found and not known.called(entry.clip):
            found[entry.clip] = entry.row
    return found


def by_chapters(
    table: Table, columns: Columns | None, chapters: Sequence[str]
) -> tuple[Table, Table, dict[str, int], list[Problem]]:
    """A table in two: rows about chapters, and rows about other clips, whose faults do not count.

    Returns:
        Both tables with the header, the other clips with their first rows, and an error when all
        clips are unknown.
    """
    if columns is None or columns.get("clip") is None:
        return table, replace(table, rows=()), {}, []
    known, rows = Chapters(chapters), columns.rows(table)
    names = {row.number: columns.text(row, "clip") for row in rows}
    other = {
        number: path
        for number, name in names.items()
        if name and not known.called(path := clip_path(name, table.file))
    }
    problems = []
    if other and len(other) == len(rows):
        problems.append(_unknown_clips(table.file, [names[number] for number in sorted(other)]))
    strangers = {path: number for number, path in sorted(other.items(), reverse=True)}
    ours = tuple(row for row in table.rows if row.number not in other)
    theirs = tuple(row for row in table.rows if row.number in other or row == columns.header)
    return replace(table, rows=ours), replace(table, rows=theirs), strangers, problems


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


def _parts(clip: str) -> tuple[str, ...]:
    """The folders and the name of a clip as a sheet writes them."""
    path = PurePath(clip.replace("\\", "/"))
    return tuple(part for part in path.parts if part not in ("/", "."))


def _folded(name: str) -> str:
    """A name without regard to case and to how its accents are kept."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _stem(name: str) -> str:
    """A name without the suffix of a video or picture; `take.1` has none."""
    return PurePath(name).stem if is_video(name) or is_image(name) else name


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
