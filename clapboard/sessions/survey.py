"""What lies in a folder tree: footage that belongs together, sheets, and what has no place."""

from __future__ import annotations

import glob
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clapboard.sessions.chapters import gopro_name, is_safe_path, natural_key
from clapboard.sessions.naming import Roles, as_role, read_folders, read_name
from clapboard.sessions.suffixes import is_image, is_video

SHEET_SUFFIXES = frozenset({".csv", ".eaf", ".json", ".ods", ".tsv", ".xlsx"})


@dataclass(frozen=True)
class Footage:
    """Chapters that belong together.

    Attributes:
        videos: what stands in the table: file, folder or glob.
        files: the chapters themselves; for pictures, their folder.
        roles: subject, session and camera as far as names tell.
        place: the last folder on the way whose name says none of these.
    """

    videos: str
    files: tuple[str, ...]
    roles: Roles
    place: str


@dataclass
class Survey:
    """What a folder tree holds.

    Attributes:
        footage: in natural order of the folders.
        sheets: path of each, and whom it is about as far as names tell.
        remarks: what was assumed, and the files or folders it was assumed of.
        unplaced: why files belong to nothing, and the files.
    """

    footage: list[Footage] = field(default_factory=list)
    sheets: list[tuple[str, Roles]] = field(default_factory=list)
    remarks: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unplaced: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def survey(folder: Path) -> Survey:
    """Look through a folder tree; hidden files and own results are passed over."""
    found = Survey()
    top = read_name(folder.resolve().name)
    for path, names in _walk(folder, found):
        roles, others = read_folders(path.relative_to(folder).parts)
        roles = top | roles
        for name in names:
            if Path(name).suffix.lower() in SHEET_SUFFIXES:
                other = {"session" if "subject" in roles else "subject": as_role(Path(name).stem)}
                whose = roles | (read_name(Path(name).stem) or other)
                found.sheets.append((str(path / name), whose))
        if "subject" not in roles and others and any(is_video(name) for name in names):
            roles["subject"] = as_role(others.pop(0))
            found.remarks["a folder of any name is a subject"].append(str(path))
        place = others[-1] if others else ""
        for videos, files, own in _together(path, names, found):
            found.footage.append(Footage(videos, files, roles | own, place))
    return found


def _walk(folder: Path, found: Survey) -> Iterator[tuple[Path, list[str]]]:
    """Folders and their files in natural order."""
    seen = set[tuple[int, int]]()

    def unreadable(error: OSError) -> None:
        found.unplaced["the folder cannot be read"].append(str(error.filename))

    for path, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        status = Path(path).stat()
        key = (status.st_dev, status.st_ino)
        if key in seen or Path(path, "check", "accepted.json").exists():
            folders.clear()
            continue
        seen.add(key)
        folders[:] = sorted((name for name in folders if name[0] != "."), key=natural_key)
        yield Path(path), sorted((name for name in names if name[0] != "."), key=natural_key)


def _together(
    folder: Path, names: Sequence[str], found: Survey
) -> Iterator[tuple[str, tuple[str, ...], Roles]]:
    """What belongs together in one folder: GoPro chains, files that say whose they are, others.

    Yields:
        What to write in the table, the files, and what their names say.
    """
    groups, own = defaultdict[object, list[str]](list), dict[object, Roles]()
    for name in filter(is_video, names):
        if not is_safe_path(str(folder / name)):
            found.unplaced["control characters in the name"].append(repr(str(folder / name)))
            continue
        gopro = gopro_name(name)
        chain = (gopro.recording, gopro.family) if gopro else None
        named = {} if gopro else read_name(Path(name).stem)
        whose = (chain, *sorted((role, who.key) for role, who in named.items()))
        groups[whose].append(name)
        own[whose] = named
    if not groups and any(map(is_image, names)):
        found.remarks["pictures; fill in their frames a second as rate"].append(str(folder))
        yield str(folder), (str(folder),), {}
    for key, members in groups.items():
        files = tuple(str(folder / name) for name in members)
        videos = _entry(folder, members, alone=len(groups) == 1 and not own[key])
        if videos and (len(groups) == 1 or key != (None,)):
            yield videos, files, own[key]
        else:
            reason = "beside other recordings; move them or write the row by hand"
            found.unplaced[reason] += files


def _entry(folder: Path, files: Sequence[str], alone: bool) -> str:
    """What to write for `files` of a folder: the folder, a file or a glob; empty if none fits."""
    if alone:
        return str(folder)
    if len(files) == 1:
        return str(folder / files[0])
    gopro = gopro_name(files[0])
    start = os.path.commonprefix(files)  # noqa: RUF071 - names are compared, not paths
    pattern = f"{glob.escape(start)}*"
    if gopro:
        family = "G[OP]" if gopro.family == "GP" else gopro.family
        pattern = f"{family}*{gopro.recording:04d}.*"
    matches = [path.name for path in folder.glob(pattern) if is_video(path.name)]
    fits = sorted(matches) == sorted(files)
    return str(Path(glob.escape(str(folder)), pattern)) if fits else ""
