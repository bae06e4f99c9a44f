"""Folders of one-action clips: a folder for each class, its videos are the examples."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

from clapboard.annotations.labels import resolve
from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.problems import Problem
from clapboard.sessions.suffixes import is_video


def read_folders(
    path: str | os.PathLike[str], settings: Mapping[str, Any]
) -> tuple[Sheet, list[Problem]]:
    """Every video in a subfolder of `path`, labelled with the subfolder's name from end to end.

    Rows are counted video by video in alphabetical order.
    """
    videos = [
        (folder.name, video)
        for folder in sorted(Path(path).iterdir())
        if folder.is_dir()
        for video in sorted(folder.iterdir())
        if is_video(video.name)
    ]
    zero = Fraction(0)
    annotations = tuple(
        Annotation(
            resolve(name, settings["aliases"]), zero, zero, row, name, clip=str(video), whole=True
        )
        for row, (name, video) in enumerate(videos, start=1)
    )
    if annotations:
        return Sheet(str(path), "video", annotations), []
    problem = Problem(
        "empty-sheet",
        "the folder has no subfolders with videos",
        "Make a folder for each class and put its clips there.",
        str(path),
    )
    return Sheet(str(path), "video"), [problem]
