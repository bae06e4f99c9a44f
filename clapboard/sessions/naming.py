"""Who and which camera, read out of the names that people give to folders and files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from clapboard.sessions.recordings import SAFE_NAME

_WORDS = {
    "subject": "subject|subj|sub|participant|patient|proband|person|s|p",
    "session": "session|sess|ses|run|round|trial|take|visit|day|r",
    "camera": "camera|cam|gopro|view|c",
}
_TOKENS = (rf"(?P<{role}>(?:{words})[ _-]?\d{{1,6}})" for role, words in _WORDS.items())
_TOKEN = re.compile(rf"[ _.-]*(?:{'|'.join(_TOKENS)})", re.IGNORECASE | re.ASCII)

# What may follow in the name of a chapter: `S1C2_03`, `S1 cam2 part 3`.
_CHAPTER = re.compile(
    r"[ _.-]*(?:(?:part|chapter|ch|clip)[ _-]?)?\d{0,6}", re.IGNORECASE | re.ASCII
)

# Folders that cameras make say nothing of who was filmed.
_CAMERA_FOLDER = re.compile(r"DCIM|\d{3}[A-Z0-9_]{5}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Role:
    """A subject, session or camera.

    Attributes:
        name: as it can stand in the table; empty when nothing of it can.
        key: equal for spellings of the same: `Subject 1`, `sub-01` and `S1` share one.
    """

    name: str
    key: tuple[str, int]


Roles = dict[str, Role]


def read_name(name: str) -> Roles:
    """The roles (`subject`, `session`, `camera`) in one name: `S1R2C2`, `Subject 1`, `P05_cam2_3`.

    Empty when any part of the name is not understood, or a role stands twice.
    """
    roles, place = Roles(), 0
    while token := _TOKEN.match(name, place):
        role = token.lastgroup or ""
        if role in roles:
            return {}
        roles[role] = as_role(token[role])
        place = token.end()
    return roles if _CHAPTER.fullmatch(name, place) else {}


def read_folders(names: Iterable[str]) -> tuple[Roles, list[str]]:
    """The roles in names of nested folders, deeper ones first in rank, and the other names."""
    roles, others = Roles(), list[str]()
    for name in names:
        found = read_name(name)
        roles |= found
        if not found and not _CAMERA_FOLDER.fullmatch(name):
            others.append(name)
    return roles, others


def best_sheets(row: Mapping[str, str], sheets: Sequence[tuple[str, Roles]]) -> list[str]:
    """Paths of the sheets that agree with a row of the table and say most about it."""
    wanted = {role: as_role(row[role]).key for role in _WORDS if row[role]}
    fitting = [
        (len(roles), path)
        for path, roles in sheets
        if "subject" in roles
        and all(wanted.get(role) == found.key for role, found in roles.items())
    ]
    return [path for said, path in fitting if said == max(fitting)[0]]


def as_role(written: str) -> Role:
    """A role from a word with a number, or from any other name as it stands."""
    digits = re.search(r"\d{1,6}$", written, re.ASCII)
    key = (written[0].lower(), int(digits[0])) if digits else (written.lower(), 0)
    if SAFE_NAME.fullmatch(written):
        return Role(written, key)
    slug = re.sub(r"[^A-Za-z0-9]+", "-", written).strip("-")[:40].strip("-")
    short = re.fullmatch(r"([A-Za-z])[A-Za-z]*-0*(\d+)", slug)
    return Role(f"{short[1].upper()}{short[2]}" if short else slug, key)
