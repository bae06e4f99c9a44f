"""Results of another machine, brought here as they are there, with Snakemake's records of them.

All is laid beside the results first. Then, as in a pull (`clapboard.s3.pulling`), what is replaced
goes, records are written, and the files come: wherever it is killed, no file is here with the
record of another. Of a run that goes on there, what a job is just making is left for the next time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import datetime
from pathlib import Path

from clapboard import provenance, running
from clapboard.cloud.ssh import Machine

SNAKEMAKE = provenance.RECORDS.parent
ONLY_RECORDS = (
    *(f"--include=/{kind.name}/***" for kind in (provenance.RECORDS, provenance.INCOMPLETE)),
    "--exclude=*",
)

HALVES = ".rsync-partial"
PICTURES = ("/resized/", "/frames/", "/framedata/", "/shards/", "/video/", "/Data/*/*/")
# The last two: copies of raw material, and that the folder is in line with a bucket, which is true
# only where it was written.
NEVER_FETCHED = (".lock", ".partial-*", f"{HALVES}/", "/sources/", "/.mirror.json")


def fetch_results(machine: Machine, results: str, pictures: bool, screen: bool) -> Path | None:
    """Bring the results; a file that is replaced here is kept beside them.

    Args:
        machine: where they are, in its folder.
        results: the folder, as the configuration names it.
        pictures: frames and videos, too.
        screen: whether to show how far it is.

    Returns:
        The folder with what was replaced; None if nothing was.

    Raises:
        InputError: a run works here, or files could not be fetched.
    """
    running.hold(results)
    home = Path(results)
    # Each is brought in line with the machine when a fetch that was stopped is begun again.
    beside = Path(f"{home.resolve()}-fetching{'-pictures' if pictures else ''}")
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before"), Path(folder, "after")
        _fetch_records(machine, before)
        left_out = [*NEVER_FETCHED, *(() if pictures else PICTURES)]
        options = [f"--exclude={pattern}" for pattern in left_out]
        options += ["--prune-empty-dirs", "--delete", f"--link-dest={home.resolve()}"]
        machine.fetch(results, beside, options, screen)
        _fetch_records(machine, after)

        names = _names(beside)
        records = provenance.read_records(home, names, after)
        names -= provenance.changed(records, provenance.read_records(home, names, before), names)
        for moment in (before, after):
            names -= provenance.unfinished(home, names, moment)
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    kept = Path(f"{results}-replaced-{stamp}").absolute()
    _take(home, beside, names, records, kept)
    shutil.rmtree(beside)
    return kept if kept.exists() else None


def _fetch_records(machine: Machine, into: Path) -> None:
    """Bring what Snakemake has noted there, if it has."""
    if machine.has(str(SNAKEMAKE)):
        machine.fetch(str(SNAKEMAKE), into / SNAKEMAKE, ONLY_RECORDS, screen=False)


def _names(folder: Path) -> set[str]:
    """All files and links below a folder."""
    found = set()
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != HALVES]
        links = [name for name in folders if Path(place, name).is_symlink()]
        found |= {Path(place, name).relative_to(folder).as_posix() for name in (*files, *links)}
    return found


def _take(
    home: Path, beside: Path, names: set[str], records: provenance.Records, kept: Path
) -> None:
    """Replace what is not the same here, by its size and time stamp; keep what was replaced.

    A folder that is one result keeps no file here that it has not there.
    """
    same = {name for name in names if _facts(home / name) == _facts(beside / name)}
    anew = names - same
    whole = provenance.folders(records, names)
    outlived = {f"{folder}/{name}" for folder in whole for name in _names(home / folder)} - _names(
        beside
    )
    replaced = outlived | {name for name in anew if _facts(home / name)}
    later = provenance.later(records, provenance.read_records(home, same))
    with provenance.bringing(home, provenance.folders(records, anew | outlived), anew):
        for name in sorted(replaced):
            _move(home / name, kept / name)
        provenance.forget_records(home, anew | outlived)
        provenance.write_records(home, later, same)
        provenance.write_records(home, records, anew)
        for name in sorted(anew):
            _move(beside / name, home / name)


def _facts(path: Path) -> tuple[int, int] | None:
    """Size and time stamp of a file or link; None if there is none."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_size, status.st_mtime_ns


def _move(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, to)
