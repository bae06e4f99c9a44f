"""What Snakemake remembers of how each file was made, so that it travels with the file.

Without it a second machine would judge by time stamps alone, and take a model for right after its
settings have changed. The layout is that of Snakemake 9: a JSON record per output in
``.snakemake/metadata/``, named by the output's path in base64.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clapboard import artifacts

RECORDS = Path(".snakemake", "metadata")
# Snakemake takes a folder of records alone for one of an old version.
INCOMPLETE = Path(".snakemake", "incomplete")
LONGEST_NAME = 255

Records = Mapping[str, Mapping[str, Any]]


def record_of(output: str | os.PathLike[str]) -> Path:
    """Where Snakemake keeps its record of an output, from the working directory."""
    name = urlsafe_b64encode(os.fspath(output).encode()).decode()
    step = LONGEST_NAME - 1
    parts = [name[start : start + step] for start in range(0, len(name), step)]
    return RECORDS.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])


def read_records(results: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The records of files below `results` and of the folders that they are in.

    Args:
        results: as the configuration names it.
        names: of files, relative to it.
    """
    outputs = {parent for name in names for parent in (Path(name), *Path(name).parents)}
    found = {}
    for output in sorted(outputs - {Path()}):
        path = record_of(results / output)
        if path.is_file():
            found[output.as_posix()] = json.loads(path.read_text(encoding="utf-8"))
    return found


def write_records(results: Path, records: Records, names: Iterable[str]) -> None:
    """Write those records whose output, or a file in it, is one of `names`."""
    wanted = {parent.as_posix() for name in names for parent in (Path(name), *Path(name).parents)}
    INCOMPLETE.mkdir(parents=True, exist_ok=True)
    for output, record in records.items():
        if output in wanted:
            text = json.dumps(record)
            artifacts.write_text(record_of(results / output), text)
