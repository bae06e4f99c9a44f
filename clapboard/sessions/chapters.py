"""Which files a recording consists of, and in what order.

A camera cuts a recording into chapters. What a user writes under `videos` (a file, a folder, a
glob) becomes the ordered chapters here and nowhere else.
"""

from __future__ import annotations

import fnmatch
import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal

from clapboard.problems import Problem
from clapboard.sessions.suffixes import VIDEO_SUFFIXES, is_image, is_video

Kind = Literal["video", "images"]

# GOPR0123 is followed by GP010123, GP020123; GH010123 (HEVC: GX) by GH020123.
_GOPRO = re.compile(r"(?:GOPR|(G[PHX])(\d\d))(\d{4})", re.IGNORECASE | re.ASCII)

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

# FFmpeg takes `concat:a.mp4` for a command to itself, `./concat:a.mp4` for a file.
_PROTOCOL = re.compile(r"[\w+.,-]*:")


@dataclass(frozen=True)
class Chapters:
    """What stands behind one `videos` entry; `files` is empty when it is unusable.

    Attributes:
        files: chapters in order; for `images` the one folder.
        kind: videos, or a folder of pictures.
        problems: what is wrong, without file, row and column, which the caller knows.
    """

    files: tuple[str, ...] = ()
    kind: Kind = "video"
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, order=True)
class GoProName:
    """A GoPro file name taken apart; sorts by recording, then chapter.

    Attributes:
        recording: the camera's number of the recording.
        family: `GP`, `GH` or `GX`.
        chapter: from 1.
    """

    recording: int
    family: str
    chapter: int

    def file_name(self, suffix: str) -> str:
        """The name the camera gives to this chapter."""
        if self.family != "GP":
            return f"{self.family}{self.chapter:02d}{self.recording:04d}{suffix}"
        head = "GOPR" if self.chapter == 1 else f"GP{self.chapter - 1:02d}"
        return f"{head}{self.recording:04d}{suffix}"


def gopro_name(file: str) -> GoProName | None:
    """The parts of a GoPro video's name, None for any other name."""
    parts = _GOPRO.fullmatch(Path(file).stem) if is_video(file) else None
    if parts is None:
        return None
    family = (parts[1] or "GP").upper()
    return GoProName(int(parts[3]), family, int(parts[2] or 0) + (family == "GP"))


def natural_key(path: str) -> list[list[tuple[int, str]]]:
    """Sort key under which `clip2` comes before `clip10`, folder by folder."""
    parts = (re.split(r"(\d+)", part.casefold()) for part in Path(path).parts)
    key = [[(int(x), "") if x.isdecimal() else (-1, x) for x in part] for part in parts]
    return [*key, [(-1, path)]]


def is_safe_path(path: str) -> bool:
    """Whether a path can stand in tables and logs: no control characters, valid Unicode."""
    return not _UNSAFE.search(path)


def find_chapters(videos: str) -> Chapters:
    """The ordered chapters behind a `videos` entry: a file, a folder or a glob.

    What exists under the very name is taken before the name is read as a glob. Only a folder is
    expected to be complete from a GoPro's first chapter on; a file or glob may begin later.
    """
    if not is_safe_path(videos):
        return _unusable("unsafe-name", "the path holds control characters", "Rename the file.")
    if "://" in videos:
        remedy = "Give a file or folder, or s3://bucket/folder."
        return _unusable("unknown-place", "this is neither a local path nor in S3", remedy)
    try:
        if Path(videos).is_dir():
            return _in_folder(Path(videos))
        if os.path.lexists(videos):
            return _one_file(videos)
        if glob.has_magic(videos):
            return _matching(videos)
    except OSError as error:
        reason = error.strerror or str(error)
        return _unusable("unreadable-video", f"cannot be read: {reason}", "Check its permissions.")
    return _unusable("missing-video", "there is no such file or folder", path_remedy(videos))


def chain_problems(files: Sequence[str]) -> list[Problem]:
    """Chapters that GoPro recordings lack, the first one too, or hold twice."""
    return _breaks(_chain(files), from_first=True)


def path_remedy(path: str) -> str:
    """What to do about a path to nothing."""
    start = "" if Path(path).is_absolute() else f" It counts from {Path.cwd()}."
    return f"Correct the path.{start}"


def _in_folder(folder: Path) -> Chapters:
    """Chapters of a folder, or the folder itself when it holds nothing but pictures."""
    names = [path.name for path in folder.iterdir()]
    videos = [str(folder / name) for name in names if is_video(name)]
    if videos:
        return _ordered(videos, from_first=True)
    if any(map(is_image, names)):
        return Chapters((str(folder),), "images")
    remedy = f"Put the videos there; for those in folders below it write {folder}/**/*.MP4."
    return _unusable("no-videos", "the folder holds neither videos nor pictures", remedy)


def _one_file(file: str) -> Chapters:
    """A single chapter."""
    if is_video(file):
        return _ordered([str(Path(file))], from_first=False)
    remedy = f"Known suffixes: {', '.join(sorted(VIDEO_SUFFIXES))}."
    return _unusable("not-a-video", "this is not a video file", remedy)


def _matching(pattern: str) -> Chapters:
    """Chapters that match a glob."""
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob refuses absolute ones
    videos = [str(Path(match)) for match in matches if is_video(match)]
    if videos:
        return _ordered(videos, from_first=False)
    if any(map(is_image, matches)):
        remedy = "Name the folder itself; all its pictures are used."
        return _unusable("no-videos", "the pattern matches single pictures", remedy)
    folder, wanted = Path(pattern).parent, Path(pattern).name.lower()
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    near = [name for name in names if fnmatch.fnmatchcase(name.lower(), wanted)]
    remedy = f"Mind upper and lower case: there is {min(near)}." if near else "Correct it."
    return _unusable("missing-video", "no video matches the pattern", remedy)


def _ordered(files: Sequence[str], from_first: bool) -> Chapters:
    """Chapters on disk in order, or why one is unusable or the order unknown."""
    problems = [problem for file in sorted(files) for problem in _unreadable(file)]
    found = in_order(files, from_first)
    return Chapters(problems=(*problems, *found.problems)) if problems else found


def in_order(files: Sequence[str], from_first: bool) -> Chapters:
    """Chapters in order by their names, or why it is unknown or their chain broken.

    Args:
        files: wherever they are; the disk is not looked at.
        from_first: whether a GoPro's first chapter must be among them.
    """
    problems = list[Problem]()
    chain = _chain(files)
    strangers = sorted(set(files) - {file for _, file in chain})
    if chain and strangers:
        message = f"GoPro chapters stand together with other videos, such as {strangers[0]}"
        remedy = "Move those away or name the chapters by a glob such as G*.MP4."
        problems.append(Problem("mixed-names", message, remedy))
    problems.extend(_breaks(chain, from_first))
    if problems:
        return Chapters(problems=tuple(problems))
    in_order = [file for _, file in chain] or sorted(files, key=natural_key)
    return Chapters(tuple(f"./{file}" if _PROTOCOL.match(file) else file for file in in_order))


def _chain(files: Sequence[str]) -> list[tuple[GoProName, str]]:
    """The files with a GoPro's name, by recording and chapter."""
    named = [(gopro_name(file), file) for file in files]
    return sorted((name, file) for name, file in named if name is not None)


def _unreadable(file: str) -> list[Problem]:
    """Why a file found on disk cannot be a chapter."""
    if not is_safe_path(file):
        message = f"the file name {file!r} holds control characters"
        return [Problem("unsafe-name", message, "Rename the file.")]
    if not Path(file).is_file():
        remedy = "Put the file in place or remove the entry."
        return [Problem("unreadable-video", f"{file} is a broken link or not a file", remedy)]
    if not os.access(file, os.R_OK):
        return [Problem("unreadable-video", f"{file} may not be read", "Check its permissions.")]
    return []


def _breaks(chain: Sequence[tuple[GoProName, str]], from_first: bool) -> list[Problem]:
    """Chapters that sorted GoPro chains lack or hold twice."""
    problems = list[Problem]()
    for (recording, family), group in groupby(chain, lambda x: (x[0].recording, x[0].family)):
        chapters = list(group)
        expected, before = 1 if from_first else chapters[0][0].chapter, ""
        for name, file in chapters:
            if name.chapter < expected:
                message = f"{file} is the same chapter as {before}"
                problems.append(Problem("repeated-chapter", message, "Keep one of them."))
            missing = [
                GoProName(recording, family, number).file_name(Path(file).suffix)
                for number in range(expected, name.chapter)
            ]
            if missing:
                message = f"{', '.join(missing)} missing before {file}"
                later = "" if before else " If the recording is to begin later, write a glob."
                remedy = f"Copy the chapter from the camera.{later}"
                problems.append(Problem("missing-chapter", message, remedy))
            expected, before = name.chapter + 1, file
    return problems


def _unusable(check: str, message: str, remedy: str) -> Chapters:
    """No chapters for one reason."""
    return Chapters(problems=(Problem(check, message, remedy),))
