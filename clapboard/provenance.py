"""What Snakemake remembers of how each file was made, so that it travels with the file.

Without it a second machine would judge by time stamps alone, and take a model for right after its
settings have changed. The layout is that of Snakemake 9: a JSON record per output in
``.snakemake/metadata/``, named by the output's path in base64.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from clapboard import artifacts

RECORDS = Path(".snakemake", "metadata")
# What is being written; Snakemake takes a folder of records alone for one of an old version.
INCOMPLETE = Path(".snakemake", "incomplete")
LONGEST_NAME = 255

Records = Mapping[str, Mapping[str, Any]]


def record_of(output: str | os.PathLike[str]) -> Path:
    """Where Snakemake keeps its record of an output, from the working directory."""
    name = urlsafe_b64encode(os.fspath(output).encode()).decode()
    step = LONGEST_NAME - 1
    parts = [name[start : start + step] for start in range(0, len(name), step)]
    return RECORDS.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])


def read_records(
    results: Path, names: Iterable[str], at: Path = Path()
) -> dict[str, dict[str, Any]]:
    """The records of files below `results` and of the folders that they are in.

    Args:
        results: as the configuration names it.
        names: of files, relative to it.
        at: the working directory whose records are read, or a copy of them.
    """
    records = ((output, read_record(results, output, at)) for output in sorted(_outputs(names)))
    return {output: record for output, record in records if record is not None}


def read_record(results: Path, output: str, at: Path = Path()) -> dict[str, Any] | None:
    """The record of one output; None if there is none. Arguments as of `read_records`.

    Snakemake writes records in place: a kill or a full disk leaves half of one, which it takes for
    none, too.
    """
    path = at / record_of(results / output)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def record_around(
    record: Callable[[str], Mapping[str, Any] | None], name: str
) -> Mapping[str, Any] | None:
    """The record of a file, or of the folder around it that is one result, if there is one.

    Args:
        record: gives that of an output.
        name: of the file, which need not be there, relative to the results folder.
    """
    outputs = (name, *map(str, PurePosixPath(name).parents))
    return next((found for found in map(record, outputs) if found is not None), None)


def inputs(results: Path, record: Mapping[str, Any] | None) -> set[str]:
    """What an output was made from, as names below `results`; raw material is not in it.

    Args:
        results: as the configuration names it.
        record: of the output; None: nothing is known.
    """
    below = PurePosixPath(results.as_posix())
    paths = map(PurePosixPath, (record or {}).get("input") or ())
    return {path.relative_to(below).as_posix() for path in paths if path.is_relative_to(below)}


def write_records(results: Path, records: Records, names: Iterable[str]) -> None:
    """Write those records whose output, or a file in it, is one of `names`."""
    wanted = _outputs(names)
    INCOMPLETE.mkdir(parents=True, exist_ok=True)
    for output, record in records.items():
        if output in wanted:
            artifacts.write_text(record_of(results / output), json.dumps(record))


def forget_records(results: Path, names: Iterable[str]) -> None:
    """Remove the records of files, which go or become others, and of the folders around them."""
    for output in _outputs(names):
        record_of(results / output).unlink(missing_ok=True)


def later(records: Records, others: Records) -> dict[str, Mapping[str, Any]]:
    """Those records that are of a later job than the other of the same output, if there is one."""
    return {
        output: record
        for output, record in records.items()
        if output not in others or _ended(record) > _ended(others[output])
    }


def _ended(record: Mapping[str, Any]) -> float:
    """When the job had made the output, in seconds since 1970."""
    return record.get("endtime") or 0.0


def unfinished(results: Path, names: Iterable[str], at: Path = Path()) -> set[str]:
    """Those files that a job is writing, or was when it was killed, themselves or their folder.

    Takes the arguments of `read_records`.
    """
    marks = {path.relative_to(at) for path in (at / INCOMPLETE).rglob("*") if path.is_file()}
    return {
        name
        for name in names
        if marks and any(_mark_of(results / output) in marks for output in _outputs([name]))
    }


def changed(records: Records, others: Records, names: Iterable[str]) -> set[str]:
    """Those files that have another record in one than in the other, themselves or their folder."""
    known = records.keys() | others.keys()
    other = {output for output in known if records.get(output) != others.get(output)}
    return {name for name in names if other and other & _outputs([name])}


def folders(records: Records, names: Iterable[str]) -> set[str]:
    """Folders around some files that are one result each."""
    names = set(names)
    return (_outputs(names) - names) & records.keys()


@contextmanager
def bringing(results: Path, whole: Iterable[str], files: Iterable[str]) -> Iterator[None]:
    """Mark folders as incomplete, as Snakemake does, until the block ends without error.

    It takes a folder for made when it is there, whatever is missing in it.

    Args:
        results: as the configuration names it.
        whole: folders that are one result each, which will be whole.
        files: what is brought; an older mark of it goes too.
    """
    marks = [_mark_of(results / output) for output in whole]
    for mark in marks:
        artifacts.write_text(mark, json.dumps({"external_jobid": None}))
    yield
    for mark in [*marks, *(_mark_of(results / name) for name in files)]:
        mark.unlink(missing_ok=True)


def _mark_of(output: str | os.PathLike[str]) -> Path:
    """Where Snakemake marks an output that is being written."""
    return INCOMPLETE / record_of(output).relative_to(RECORDS)


def _outputs(names: Iterable[str]) -> set[str]:
    """What may be an output: files and the folders that they are in."""
    paths = {path for name in names for path in (Path(name), *Path(name).parents)}
    return {path.as_posix() for path in paths - {Path()}}
