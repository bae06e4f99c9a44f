"""Names of frames: ``S1C2000123.jpg`` shows frame 123 of recording S1C2."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from clapboard.problems import Problem

DIGITS = 6
"""Frame numbers have at least so many digits in a name."""

_LAST_NUMBER = re.compile(r"\d+$", re.ASCII)


def file_name(recording: str, frame: int) -> str:
    """Name of a frame's picture; from frame 1,000,000 on it has more digits than six."""
    return f"{recording}{frame:0{DIGITS}d}.jpg"


def frame_number(stem: str, recording: str) -> int | None:
    """The frame number in the name of a picture, None when there is none.

    After the recording's id, digits from the sixth on are the number: ``S1C21000001`` is frame
    1,000,001 of S1C2 and frame 1 of S1C21. In any other name it is all digits at the end:
    ``thumb000123``, ``frame_123``.

    Args:
        stem: the name without suffix.
        recording: id of the recording that the picture is of.
    """
    own = stem[len(recording) :] if stem.lower().startswith(recording.lower()) else ""
    if len(own) >= DIGITS and own.isascii() and own.isdecimal():
        return int(own)
    digits = _LAST_NUMBER.search(stem)
    return int(digits[0]) if digits else None


def find_clashes(frames: Mapping[str, NDArray[np.int64]]) -> list[Problem]:
    """A problem for each two recordings of which frames would have the same name.

    Frame 1,000,001 of S1C2 would be called as frame 1 of S1C21 is.

    Args:
        frames: frame numbers by recording id.
    """
    problems = []
    for one, numbers in frames.items():
        long = numbers[numbers >= 10**DIGITS].tolist()
        for other in frames if long else ():
            if other == one or not other.startswith(one) or not other[len(one) :].isdecimal():
                continue
            names = {file_name(one, number) for number in long}
            shared = names & {file_name(other, number) for number in frames[other].tolist()}
            if shared:
                message = f"{len(shared)} frames of {one} and {other} would have the same name"
                remedy = "Rename a camera in the table of recordings so that neither id begins "
                remedy += "with the other, for example C02 instead of C2."
                problem = Problem("frame-name-clash", message, remedy, value=min(shared))
                problems.append(problem)
    return problems
