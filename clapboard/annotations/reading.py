"""Any annotation file as a `Sheet`: the format is found out here, or forced by the config."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from clapboard.annotations.lab import read_lab
from clapboard.annotations.sheet import Sheet
from clapboard.annotations.tables import read_delimited
from clapboard.problems import Problem


def read_sheet(
    path: str | os.PathLike[str], settings: Mapping[str, Any]
) -> tuple[Sheet, list[Problem]]:
    """Read an annotation sheet of any known format.

    Nothing is raised for bad content: what can be read is in the sheet, all the rest in the
    problems. Whoever needs a clean sheet calls `clapboard.problems.refuse` on them.

    Args:
        path: the file.
        settings: section `annotations` of the config.

    Returns:
        The sheet, its labels normalised and aliased, and everything wrong with the file.
    """
    table, problems = read_delimited(path)
    if table is None:
        return Sheet(str(path), "clap"), problems
    sheet, found = read_lab(table, settings)
    return sheet, problems + found
