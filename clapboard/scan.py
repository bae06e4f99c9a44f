"""A first table of recordings from a folder tree: `clapboard scan FOLDER`.

Subject, camera and session are read from names of folders and files (`clapboard.naming`), sheets
are matched by subject. What was assumed is said, and what has no place is listed.
"""

from __future__ import annotations

import argparse
import csv
import glob
import io
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clapboard.artifacts import write_text
from clapboard.chapters import find_chapters, gopro_name, is_safe_path, natural_key
from clapboard.naming import Roles, as_role, best_sheets, read_folders, read_name
from clapboard.problems import Problem, refuse
from clapboard.recordings import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from clapboard.suffixes import is_image, is_video

SHEET_SUFFIXES = frozenset({".csv", ".eaf", ".json", ".ods", ".tsv", ".xlsx"})
COLUMNS = REQUIRED_COLUMNS + OPTIONAL_COLUMNS
DEFAULT_TABLE = "config/recordings.tsv"
DEFAULT_CAMERA = "C1"

FEWEST_SUBJECTS = 3


@dataclass(frozen=True)
class Footage:
    """Chapters that belong together.

    Attributes:
        videos: what stands in the table: file, folder or glob.
        roles: subject, session and camera as far as names tell.
        place: the last folder on the way whose name says none of these.
    """

    videos: str
    roles: Roles
    place: str


@dataclass
class Scan:
    """What a folder tree gave.

    Attributes:
        rows: of the table.
        remarks: what was assumed, and the files or folders it was assumed of.
        unplaced: why files have no row, and the files.
    """

    rows: list[dict[str, str]] = field(default_factory=list)
    remarks: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unplaced: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `clapboard scan`."""
    parser.add_argument("folder", help="the folder tree with the videos, and sheets if any")
    parser.add_argument("-o", "--output", default=DEFAULT_TABLE, help="default: %(default)s")
    parser.add_argument("--force", action="store_true", help="replace an existing table")


def run(arguments: argparse.Namespace, say: Callable[[str], None]) -> int:
    """Write the table and say what was assumed and what has no place; 1 when there is nothing."""
    output = Path(arguments.output)
    if output.exists() and not arguments.force:
        message, remedy = "the table exists", "Add --force to replace it, or -o with another name."
        refuse([Problem("table-exists", message, remedy, file=str(output))])
    found = scan(Path(arguments.folder))
    for title, notes in (("assumed", found.remarks), ("not placed", found.unplaced)):
        for note, places in notes.items():
            say(f"{title}: {note}:")
            for place in places:
                say(f"    {place}")
    if not found.rows:
        say("no recording was found; nothing is written")
        return 1
    write_text(output, as_text(found.rows))
    say(f"{len(found.rows)} recordings written to {output}; look at every cell before you start")
    return 0


def scan(folder: Path) -> Scan:
    """Recordings below `folder`, as far as names tell.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        message, remedy = "there is no such folder", "Correct the path."
        refuse([Problem("missing-folder", message, remedy, file=str(folder))])
    result = Scan()
    footage, sheets = list[Footage](), list[tuple[str, Roles]]()
    top = read_name(folder.resolve().name)
    for path, names in _walk(folder, result):
        roles, others = read_folders(path.relative_to(folder).parts)
        roles = top | roles
        for name in names:
            if Path(name).suffix.lower() in SHEET_SUFFIXES:
                other = {"session" if "subject" in roles else "subject": as_role(Path(name).stem)}
                sheets.append((str(path / name), roles | (read_name(Path(name).stem) or other)))
        if "subject" not in roles and others and any(is_video(name) for name in names):
            roles["subject"] = as_role(others.pop(0))
            result.remarks["a folder of any name is a subject"].append(str(path))
        place = others[-1] if others else ""
        footage += [
            Footage(videos, roles | own, place) for videos, own in _footage(path, names, result)
        ]
    _fill(result, footage)
    _match_sheets(result, sheets)
    _propose_splits(result)
    return result


def as_text(rows: Sequence[dict[str, str]]) -> str:
    """The table as tab-separated text, without optional columns that are empty, but with `clap`."""
    needed = {*REQUIRED_COLUMNS, "clap"}
    columns = [name for name in COLUMNS if name in needed or any(row[name] for row in rows)]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _no_formula(row[name]) for name in columns} for row in rows)
    return text.getvalue()


def _no_formula(cell: str) -> str:
    """A path that a spreadsheet program would take for a formula, as a path all the same."""
    return f"./{cell}" if cell.startswith(("=", "+", "-", "@")) else cell


def _walk(folder: Path, result: Scan) -> Iterator[tuple[Path, list[str]]]:
    """Folders and their files in natural order; hidden ones and own results are passed over."""
    seen = set[tuple[int, int]]()

    def unreadable(error: OSError) -> None:
        result.unplaced["the folder cannot be read"].append(str(error.filename))

    for path, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        status = Path(path).stat()
        key = (status.st_dev, status.st_ino)
        if key in seen or Path(path, "check", "accepted.json").exists():
            folders.clear()
            continue
        seen.add(key)
        folders[:] = sorted((name for name in folders if name[0] != "."), key=natural_key)
        yield Path(path), sorted((name for name in names if name[0] != "."), key=natural_key)


def _footage(folder: Path, names: Sequence[str], result: Scan) -> list[tuple[str, Roles]]:
    """What one folder holds: each GoPro chain, files that say whose they are, all others."""
    groups, own = defaultdict[object, list[str]](list), dict[object, Roles]()
    for name in filter(is_video, names):
        if not is_safe_path(str(folder / name)):
            result.unplaced["control characters in the name"].append(repr(str(folder / name)))
            continue
        gopro = gopro_name(name)
        chain = (gopro.recording, gopro.family) if gopro else None
        named = {} if gopro else read_name(Path(name).stem)
        whose = (chain, *sorted((role, found.key) for role, found in named.items()))
        groups[whose].append(name)
        own[whose] = named
    if not groups and any(map(is_image, names)):
        result.remarks["pictures; fill in their frames a second as rate"].append(str(folder))
        return [(str(folder), {})]
    footage = list[tuple[str, Roles]]()
    for key, files in groups.items():
        videos = _entry(folder, files, alone=len(groups) == 1 and not own[key])
        if videos and (len(groups) == 1 or key != (None,)):
            footage.append((videos, own[key]))
        else:
            reason = "beside other recordings; move them or write the row by hand"
            result.unplaced[reason] += [str(folder / name) for name in files]
    return footage


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


def _fill(result: Scan, footage: Sequence[Footage]) -> None:
    """One row per footage; several of one subject and camera become sessions."""
    names = dict[tuple[str, object], str]()
    same = defaultdict[object, list[Footage]](list)
    for one in footage:
        if "subject" not in one.roles or not one.roles["subject"].name:
            result.unplaced["no name on the way says which subject"].append(one.videos)
            continue
        for role, found in one.roles.items():
            names.setdefault((role, found.key), found.name)
        same[tuple(sorted((role, found.key) for role, found in one.roles.items()))].append(one)
    for group in same.values():
        places = {as_role(one.place).name for one in group if one.place}
        for number, one in enumerate(group, 1):
            row = dict.fromkeys(COLUMNS, "") | {"camera": DEFAULT_CAMERA, "videos": one.videos}
            row |= {role: names[role, found.key] for role, found in one.roles.items()}
            if len(group) > 1:
                told = len(places) == len(group) and not row["session"]
                numbered = f"{row['session'] or 'R'}{number}"
                row["session"] = as_role(one.place).name if told else numbered
                note = "several recordings of a subject by a camera are sessions"
                result.remarks[note].append(f"{one.videos}: {row['session']}")
            if "camera" not in one.roles:
                result.remarks[f"a camera without a name is {DEFAULT_CAMERA}"].append(one.videos)
            for problem in find_chapters(one.videos).problems:
                result.remarks[f"{problem.message}. {problem.remedy}"].append(one.videos)
            result.rows.append(row)
    order = ("subject", "session", "camera")
    result.rows.sort(key=lambda row: [natural_key(row[role]) for role in order])


def _match_sheets(result: Scan, sheets: Sequence[tuple[str, Roles]]) -> None:
    """Give each row the sheet that says most about it."""
    used = set[str]()
    for row in result.rows:
        best = best_sheets(row, sheets)
        if len(best) == 1:
            row["annotations"] = best[0]
        elif best:
            result.remarks["more than one sheet fits, none is taken"] += best
        else:
            result.remarks["no sheet has the name of the subject"].append(row["videos"])
        used.update(best)
    left = [path for path, _ in sheets if path not in used]
    if left:
        result.unplaced["the sheet fits no recording"] += left


def _propose_splits(result: Scan) -> None:
    """The last subjects test, those before validate, all others train."""
    subjects = sorted({row["subject"] for row in result.rows}, key=natural_key)
    if len(subjects) < FEWEST_SUBJECTS:
        result.remarks["splits are empty; to train, tune and test takes three subjects"] = subjects
        return
    tests, tuning = max(1, round(len(subjects) / 5)), max(1, round(len(subjects) / 10))
    names = ["Training"] * len(subjects)
    names[-tests - tuning :] = ["Validation"] * tuning + ["Test"] * tests
    split = dict(zip(subjects, names, strict=True))
    for row in result.rows:
        row["split"] = split[row["subject"]]
    note = "splits by the order of subjects, a proposal"
    result.remarks[note] = [f"{subject}: {split[subject]}" for subject in subjects]
