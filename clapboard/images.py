"""Folders of full-size pictures as input, in place of video."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from clapboard.index import RecordingIndex
from clapboard.problems import InputError, Problem, refuse

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})

# Clapboard's own names end in six digits right after the recording id, whose last character is a
# digit too (S1C2000123 is frame 123); other names keep the number apart from what precedes it.
NUMBER = re.compile(r"(?:(?<=[A-Za-z])\d+(?=\d{6}$)|(?<!\d)(?=\d))(\d+)$", re.ASCII)


def list_frames(folder: str | os.PathLike[str]) -> list[tuple[int, str]]:
    """The pictures of a folder by frame number; other files in it are passed over.

    The number is what the name ends in: ``thumb000123.jpg``, ``frame_123.png`` and
    ``S1C2000123.jpg`` are frame 123.

    Returns:
        Pairs of frame number and file name, ascending.

    Raises:
        OSError: the folder cannot be read.
        InputError: a name without a number, or two with the same.
    """
    problems, names = [], defaultdict[int, list[str]](list)
    for path in sorted(Path(folder).iterdir()):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            match = NUMBER.search(path.stem)
            if match:
                names[int(match[1])].append(path.name)
            else:
                problems.append(
                    Problem(
                        "picture-without-number",
                        "The name of the picture does not end in a frame number",
                        "Rename it like S1C2000123.jpg, or move it out of the folder.",
                        file=str(path),
                    )
                )
    problems += [
        Problem(
            "picture-number-twice",
            f"Frame {number} is there {len(same)} times: {', '.join(same[:3])}",
            "Keep one of them, or one recording to a folder.",
            file=str(folder),
            value=str(number),
        )
        for number, same in names.items()
        if len(same) > 1
    ]
    refuse(problems)
    return sorted((number, name) for number, (name,) in names.items())


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
    names = dict(list_frames(folder))
    for frame in frames.tolist():
        number = int(index.source_pts[frame - 1])
        if number not in names:
            raise InputError([_missing(folder, number)])
        path = Path(folder) / names[number]
        try:
            with Image.open(path) as image:
                if size:
                    # Twice the size leaves the area filter enough to average over.
                    image.draft("RGB", (2 * size, 2 * size))
                upright = ImageOps.exif_transpose(image)
                yield frame, VideoFrame.from_ndarray(np.asarray(upright.convert("RGB")))
        except (UnidentifiedImageError, OSError) as error:
            raise InputError([_unreadable(path, error)]) from error


def _missing(folder: str, number: int) -> Problem:
    return Problem(
        "missing-picture",
        f"The picture of frame {number}, which the index lists, is gone",
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
