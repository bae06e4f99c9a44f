"""Folders of full-size pictures as input, in place of video.

The number in a picture's name is the number of its frame: frame n is shown (n - 1) / rate seconds
after frame 1. Numbers without a picture are frames without a picture, and those after them keep
their number and their time.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from clapboard.pictures.frame_names import file_name, frame_number
from clapboard.problems import InputError, Problem, Severity, refuse
from clapboard.sessions.suffixes import is_image
from clapboard.video.index import RecordingIndex

LAST_NUMBER = 50_000_000
"""The largest number believed to count frames: nine days at 60 a second."""

NAMED = 5
"""How many of many stretches without pictures a message names."""


def list_frames(folder: str | os.PathLike[str], recording: str) -> list[tuple[int, str]]:
    """The pictures of a folder by the number in their name; other files in it are passed over.

    Args:
        folder: the folder.
        recording: id of the recording that it shows, which its names may begin with.

    Returns:
        Pairs of number and file name, ascending.

    Raises:
        OSError: the folder cannot be read.
        InputError: a name without a number, or two with the same.
    """
    problems, names = [], defaultdict[int, list[str]](list)
    for path in sorted(Path(folder).iterdir()):
        if is_image(path.name):
            number = frame_number(path.stem, recording)
            if number is not None:
                names[number].append(path.name)
            else:
                message = "The name of the picture does not end in a frame number"
                remedy = f"Rename it like {file_name(recording, 123)}, or move it elsewhere."
                problem = Problem("picture-without-number", message, remedy, file=str(path))
                problems.append(problem)
    problems += [
        Problem(
            "picture-number-twice",
            f"Number {number} is there {len(same)} times: {', '.join(same[:3])}",
            "Keep one of them, or one recording to a folder.",
            file=str(folder),
            value=str(number),
        )
        for number, same in names.items()
        if len(same) > 1
    ]
    refuse(problems)
    return sorted((number, name) for number, (name,) in names.items())


def check_numbers(
    folder: str | os.PathLike[str], recording: str, frames: Sequence[tuple[int, str]]
) -> list[Problem]:
    """What is wrong or doubtful about the numbers of a folder's pictures.

    Counting begins at 1, or at 0 as FFmpeg may be told to; anything else is an error, since nobody
    can say how much of the recording came before.

    Args:
        folder: the folder.
        recording: id of the recording that it shows.
        frames: what `list_frames` found; at least one.
    """
    (first, name), (last, _) = frames[0], frames[-1]

    def problem(check: str, message: str, remedy: str, value: str, error: bool) -> Problem:
        severity: Severity = "error" if error else "warning"
        return Problem(check, message, remedy, str(folder), value=value, severity=severity)

    if first > 1:
        message = f"The first picture, {name}, has number {first} and not 1, so that its time is "
        message += "not known"
        remedy = f"Put frame 1 beside it ({file_name(recording, 1)} or 000001{Path(name).suffix}), "
        remedy += "or number the pictures from 1."
        return [problem("first-picture-number", message, remedy, name, True)]
    if last > LAST_NUMBER:
        message = f"The last picture has number {last}, which cannot be a count of frames"
        remedy = f"Number the pictures from 1 to {LAST_NUMBER} at most."
        return [problem("last-picture-number", message, remedy, frames[-1][1], True)]
    problems = []
    if first == 0:
        message = "The pictures are numbered from 0; frame 1 is picture 0, frame 2 picture 1"
        remedy = "Number them from 1 if frames and pictures are to have the same numbers."
        problems.append(problem("pictures-from-zero", message, remedy, name, False))
    missing = last - first + 1 - len(frames)
    if missing:
        message = f"{missing} numbers have no picture; these frames keep their time and get no "
        message += "label"
        remedy = "Bring the pictures back, unless they were left out on purpose."
        problems.append(problem("missing-pictures", message, remedy, _stretches(frames), False))
    return problems


def _stretches(frames: Sequence[tuple[int, str]]) -> str:
    """The first numbers without a picture: ``4-6, 9, ...``."""
    steps = pairwise(number for number, _ in frames)
    holes = [(before + 1, after - 1) for before, after in steps if after > before + 1]
    named = [str(one) if one == other else f"{one}-{other}" for one, other in holes[:NAMED]]
    return ", ".join([*named, "..."] if len(holes) > NAMED else named)


def read_frames(
    folder: str, index: RecordingIndex, chapter: int, frames: NDArray[np.int64], size: int = 0
) -> Iterator[tuple[int, VideoFrame]]:
    """Read frames of a chapter that is a folder of pictures.

    Args:
        folder: the chapter.
        index: the index of its recording.
        chapter: number of the chapter.
        frames: numbers of the wanted frames, all in the chapter.
        size: the pictures will be scaled down to this width and height, so that a JPEG may be
            decoded at the nearest half, quarter or eighth above it; 0 keeps them whole.

    Yields:
        Frame number and picture (RGB, upright), in the order of `frames`.

    Raises:
        InputError: pictures that are missing or unreadable.
    """
    names = dict(list_frames(folder, index.recording))
    for frame in frames.tolist():
        number = int(index.source_pts[frame - 1])
        if number not in names:
            raise InputError([_missing(folder, frame, number)])
        path = Path(folder) / names[number]
        try:
            with Image.open(path) as image:
                if size:
                    # Twice the size leaves the area filter enough to average over.
                    image.draft("RGB", (2 * size, 2 * size))
                upright = ImageOps.exif_transpose(image)
                yield frame, VideoFrame.from_ndarray(np.asarray(upright.convert("RGB")))
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
            raise InputError([_unreadable(path, error)]) from error


def _missing(folder: str, frame: int, number: int) -> Problem:
    return Problem(
        "missing-picture",
        f"The picture of frame {frame}, which the index lists, is gone",
        "Bring it back, or index the recording again.",
        file=folder,
        value=str(number),
    )


def _unreadable(path: Path, error: Exception) -> Problem:
    return Problem(
        "unreadable-picture",
        f"The picture cannot be read ({error})",
        "Replace it, or move it out of the folder.",
        file=str(path),
    )
