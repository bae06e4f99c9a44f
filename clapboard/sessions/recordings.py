"""The table of recordings, `config/recordings.tsv`: who, which camera, which split, which files.

Cheap enough to be read at every start of the workflow: it looks at names, never into a video.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, get_args

from clapboard.clock import parse_rate
from clapboard.problems import Problem, did_you_mean, refuse
from clapboard.sessions.chapters import Chapters, Kind, find_chapters, is_safe_path, path_remedy
from clapboard.sessions.clap import CLAP_REMEDY, normalise_clap
from clapboard.sessions.conflicts import divided_subjects, repeated_ids, shared_files
from clapboard.sessions.tsv import Row, read_table

Split = Literal["Training", "Validation", "Test", "Predict"]

SPLITS: tuple[Split, ...] = get_args(Split)
REQUIRED_COLUMNS = ("subject", "camera", "split", "annotations", "videos")
OPTIONAL_COLUMNS = ("clap", "session", "rate")

# A name becomes part of file names, wildcards and object keys everywhere.
SAFE_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9])?", re.ASCII)

NO_TABLE = ("missing-table", "empty-table")
TABLE_REMEDY = "Write a row per recording, or let `clapboard scan FOLDER --force` write the table."
RATE_REMEDY = "Write frames a second, such as 25 or 30000/1001."


class Origin(NamedTuple):
    """An object that is fetched when a job needs it: its address, size and entity tag."""

    url: str
    bytes: int
    etag: str


@dataclass(frozen=True)
class Recording:
    """What one camera saw of one subject in one session.

    Attributes:
        id: subject + session + camera.
        subject: who was filmed; in one split only.
        session: empty, or which of several sessions.
        camera: which camera.
        split: `Training`, `Validation`, `Test` or `Predict`.
        annotations: path of the sheet; may be empty for `Predict`.
        chapters: files in order, or the one folder for kind `images`.
        kind: videos, or a folder of pictures.
        clap: where the sync event is: seconds (`12.5`), `frame 375`, `auto` or `auto 12.5`; `0` if
            the table does not say.
        rate: frames a second of pictures, as `25` or `30000/1001`; empty for videos.
        row: line of the table, as an editor counts.
        origins: of every chapter that is fetched from S3 when a job needs it; empty without S3.
        clap_given: whether the table says where the sync event is.
    """

    id: str
    subject: str
    session: str
    camera: str
    split: Split
    annotations: str
    chapters: tuple[str, ...]
    kind: Kind
    clap: str
    rate: str
    row: int
    origins: tuple[Origin | None, ...] = ()
    clap_given: bool = True


class Remote(Protocol):
    """Where the files of rows are that name places in S3."""

    def chapters(self, url: str) -> Chapters:
        """The chapters behind a `videos` entry, as the local files that they will be."""

    def sheet(self, url: str) -> tuple[str, list[Problem]]:
        """The local copy of a sheet, brought here if need be, and what is wrong with it."""

    def origin(self, file: str) -> Origin | None:
        """Where a local file comes from."""


def is_url(place: str) -> bool:
    """Whether a place is in S3."""
    return place.startswith("s3://")


def chapter_name(number: int) -> str:
    """How chapter `number` (from 1) is called in paths: `01`."""
    return f"{number:02d}"


def read_recordings(
    path: str | os.PathLike[str], in_s3: Callable[[], Remote] | None = None
) -> list[Recording]:
    """The recordings of a table, in its order; for the arguments see `examine_recordings`.

    Raises:
        InputError: anything is wrong with any row; carries all problems.
    """
    recordings, problems = examine_recordings(path, in_s3)
    refuse(problems)
    return recordings


def examine_recordings(
    path: str | os.PathLike[str], in_s3: Callable[[], Remote] | None = None
) -> tuple[list[Recording], list[Problem]]:
    """The usable recordings of a table and everything that is wrong with it.

    Args:
        path: the table.
        in_s3: makes what looks up places in S3; called when the table names one.
    """
    remote = cache(in_s3) if in_s3 else None
    table = read_table(Path(path), REQUIRED_COLUMNS, OPTIONAL_COLUMNS)
    problems = [
        replace(problem, remedy=TABLE_REMEDY) if problem.check in NO_TABLE else problem
        for problem in table.problems
    ]
    every, usable = list[Recording](), list[Recording]()
    for row in table.rows:
        recording, found = _recording(row, remote)
        problems += found
        every.append(recording)
        usable += [] if found else [recording]
    problems += [*repeated_ids(every), *divided_subjects(every), *shared_files(usable)]
    problems.sort(key=lambda problem: problem.row or 0)
    return usable, [replace(problem, file=os.fspath(path)) for problem in problems]


def _recording(row: Row, in_s3: Callable[[], Remote] | None) -> tuple[Recording, list[Problem]]:
    """A row as a recording, usable only when there are no problems; no split counts as Predict."""
    problems = _name_problems(row)
    cells = dict(row.cells)
    remote = in_s3() if in_s3 and any(map(is_url, cells.values())) else None
    if remote and is_url(cells["annotations"]):
        cells["annotations"], found_wrong = remote.sheet(cells["annotations"])
        problems += [row.at("annotations", problem) for problem in found_wrong]
    else:
        problems += _sheet_problems(row)

    def normalised(column: str, normalise: Callable[[str], str], remedy: str) -> str:
        try:
            return normalise(cells[column])
        except ValueError as error:
            problems.append(row.at(column, Problem(f"bad-{column}", str(error), remedy)))
            return ""

    clap = normalised("clap", normalise_clap, CLAP_REMEDY)
    rate = normalised("rate", lambda text: text and str(parse_rate(text)), RATE_REMEDY)
    if remote and is_url(cells["videos"]):
        found = remote.chapters(cells["videos"])
    elif cells["videos"]:
        found = find_chapters(cells["videos"])
    else:
        remedy = "Give a file, a folder or a glob."
        found = Chapters(problems=(Problem("no-videos", "there is no video", remedy),))
    problems.extend(row.at("videos", problem) for problem in found.problems)
    if found.files and found.kind == "images" and not cells["rate"]:
        message = "a folder of pictures has no clock of its own"
        problems.append(row.at("rate", Problem("missing-rate", message, RATE_REMEDY)))
    if found.files and found.kind == "video" and cells["rate"]:
        message = "a video has its own clock, a rate is for folders of pictures"
        problems.append(row.at("rate", Problem("needless-rate", message, "Empty the cell.")))
    recording = Recording(
        id=cells["subject"] + cells["session"] + cells["camera"],
        subject=cells["subject"],
        session=cells["session"],
        camera=cells["camera"],
        split=_split(row) or "Predict",
        annotations=str(Path(cells["annotations"])) if cells["annotations"] else "",
        chapters=found.files,
        kind=found.kind,
        clap=clap,
        rate=rate,
        row=row.line,
        origins=tuple(map(remote.origin, found.files)) if remote else (),
        clap_given=bool(cells["clap"]),
    )
    return recording, problems


def _name_problems(row: Row) -> list[Problem]:
    """Names that cannot become part of a file name, and splits that do not exist."""
    problems = list[Problem]()
    for column in ("subject", "camera", "session"):
        name = row.cells[column]
        if not name and column != "session":
            problem = Problem(f"no-{column}", f"there is no {column}", "Fill the cell.")
            problems.append(row.at(column, problem))
        elif name and not SAFE_NAME.fullmatch(name):
            remedy = "Use up to 40 letters a-z, digits and . _ - between them."
            problem = Problem("unsafe-name", "this cannot be part of a file name", remedy)
            problems.append(row.at(column, problem))
    if _split(row) is None:
        remedy = did_you_mean(row.cells["split"].title(), SPLITS)
        problems.append(row.at("split", Problem("unknown-split", "this is no split", remedy)))
    return problems


def _sheet_problems(row: Row) -> list[Problem]:
    """What is wrong with the path of the sheet."""
    sheet = row.cells["annotations"]
    if not sheet:
        if _split(row) == "Predict":
            return []
        remedy = "Name the sheet, or set the split to Predict."
        problem = Problem("no-sheet", "there is no annotation sheet", remedy)
    elif not is_safe_path(sheet):
        message = "the path holds control characters"
        problem = Problem("unsafe-name", message, "Rename the file.")
    elif os.access(sheet, os.R_OK):
        return []
    elif os.path.lexists(sheet):
        problem = Problem("unreadable-sheet", "the sheet may not be read", "Check its permissions.")
    else:
        problem = Problem("missing-sheet", "there is no such file", path_remedy(sheet))
    return [row.at("annotations", problem)]


def _split(row: Row) -> Split | None:
    """The split that a row names, in any case of letters."""
    return next((name for name in SPLITS if name.lower() == row.cells["split"].lower()), None)
