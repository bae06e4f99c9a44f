"""A first table of recordings from a folder tree: `clapboard scan FOLDER`.

Subject, camera and session are read from names of folders and files (`clapboard.sessions.naming`),
sheets are matched by subject. What was assumed is said, and what has no place is listed.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clapboard.artifacts import write_text
from clapboard.problems import Problem, refuse
from clapboard.sessions.chapters import chain_problems, find_chapters, natural_key, path_remedy
from clapboard.sessions.naming import Roles, as_role, best_sheets
from clapboard.sessions.recordings import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from clapboard.sessions.survey import Footage, survey

COLUMNS = REQUIRED_COLUMNS + OPTIONAL_COLUMNS
DEFAULT_TABLE = "config/recordings.tsv"
DEFAULT_CAMERA = "C1"

FEWEST_SUBJECTS = 3


@dataclass
class Scan:
    """What a folder tree gave.

    Attributes:
        rows: of the table.
        remarks: what was assumed, and the files or folders it was assumed of.
        unplaced: why files have no row, and the files.
        problems: what is wrong with rows, and what stands under `videos` in them.
        to_fill: columns that only a person can fill in, written also when they are empty.
    """

    rows: list[dict[str, str]]
    remarks: dict[str, list[str]]
    unplaced: dict[str, list[str]]
    problems: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    to_fill: set[str] = field(default_factory=lambda: {"clap"})


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
    told = {"assumed": found.remarks, "not placed": found.unplaced, "problem": found.problems}
    for title, notes in told.items():
        for note, places in notes.items():
            say(f"{title}: {note}:")
            for place in places:
                say(f"    {place}")
    if not found.rows:
        say("no recording was found; nothing is written")
        return 1
    write_text(output, as_text(found))
    say(f"{len(found.rows)} recordings written to {output}; look at every cell before you start")
    return 0


def scan(folder: Path) -> Scan:
    """Recordings below `folder`, as far as names tell.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        message, remedy = "there is no such folder", path_remedy(str(folder))
        refuse([Problem("missing-folder", message, remedy, file=str(folder))])
    seen = survey(folder)
    result = Scan([], seen.remarks, seen.unplaced)
    _fill(result, seen.footage)
    _match_sheets(result, seen.sheets)
    _propose_splits(result)
    return result


def as_text(found: Scan) -> str:
    """The table as tab-separated text, without optional columns that stay empty."""
    needed = {*REQUIRED_COLUMNS, *found.to_fill}
    columns = [name for name in COLUMNS if name in needed or any(row[name] for row in found.rows)]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _no_formula(row[name]) for name in columns} for row in found.rows)
    return text.getvalue()


def _no_formula(cell: str) -> str:
    """A path that a spreadsheet program would take for a formula, as a path all the same."""
    return f"./{cell}" if cell.startswith(("=", "+", "-", "@")) else cell


def _fill(result: Scan, footage: Sequence[Footage]) -> None:
    """One row per footage; several of one subject and camera become sessions."""
    names = dict[tuple[str, object], str]()
    same = defaultdict[object, list[Footage]](list)
    for one in footage:
        if "subject" not in one.roles or not one.roles["subject"].name:
            result.unplaced["no name on the way says which subject"] += one.files
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
            chapters = find_chapters(one.videos)
            if chapters.kind == "images":
                result.to_fill.add("rate")
            for problem in chapters.problems or chain_problems(one.files):
                result.problems[f"{problem.message}. {problem.remedy}"].append(one.videos)
            result.rows.append(row)
    order = ("subject", "session", "camera")
    result.rows.sort(key=lambda row: [natural_key(row[role]) for role in order])


def _match_sheets(result: Scan, sheets: Sequence[tuple[str, Roles]]) -> None:
    """Give each row the sheet that says most about it, unless several sessions would share it."""
    used = set[str]()
    users = defaultdict[tuple[str, str], list[dict[str, str]]](list)
    for row in result.rows:
        best = best_sheets(row, sheets)
        if len(best) == 1:
            users[row["subject"], best[0]].append(row)
        elif best:
            result.remarks["more than one sheet fits, none is taken"] += best
        else:
            result.remarks["no sheet has the name of the subject"].append(row["videos"])
        used.update(best)
    for (_, sheet), rows in users.items():
        if len({row["session"] for row in rows}) == 1:
            for row in rows:
                row["annotations"] = sheet
        else:
            reason = "the sheet fits several sessions of a subject, and each needs its own"
            result.unplaced[reason].append(sheet)
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
