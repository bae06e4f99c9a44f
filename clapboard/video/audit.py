"""What a recording's chapters are like: rates, holes, joins, and whether one is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from clapboard.sessions.chapters import gopro_name
from clapboard.video.footage import Footage
from clapboard.video.index import RecordingIndex

# A distance of this many usual ones is a hole; variable rates leave more room.
HOLE = {True: Fraction(3, 2), False: Fraction(7, 4)}

LISTED_HOLES = 500

# Creation times are whole seconds, and cameras need a moment to open the next file.
CLOCK_TOLERANCE = Fraction(3)


def audit_recording(index: RecordingIndex, footage: Sequence[Footage]) -> dict[str, Any]:
    """Everything found about a recording's chapters, as it is written to JSON (seconds as float).

    Args:
        index: of the recording.
        footage: its chapters, in order.
    """
    chapters = [_chapter(index, number, part) for number, part in enumerate(footage, start=1)]
    for (previous, part), facts in zip(pairwise(footage), chapters[1:], strict=True):
        facts["join"] = _join(previous, part)
    return {
        "recording": index.recording,
        "frames": len(index),
        "rate": str(index.rate),
        "duration": _seconds(index.duration),
        "chapters": chapters,
        "warnings": [text for facts in chapters for text in _warnings(facts, chapters[0])],
    }


def _chapter(index: RecordingIndex, number: int, part: Footage) -> dict[str, Any]:
    holes = list(_holes(index, number, part))
    sound = part.info.sound
    end = part.packets.start + part.duration
    return {
        "number": number,
        "file": part.info.file,
        "codec": part.info.codec,
        "width": part.info.width,
        "height": part.info.height,
        "frames": part.frames,
        "rate": str(part.rate.rate),
        "constant_rate": part.rate.constant,
        "duration": _seconds(part.duration),
        "first_timestamp": _seconds(part.packets.start),
        "created": part.info.created,
        "sound_longer_by": None if sound is None else _seconds(sound - end),
        "hole_count": len(holes),
        "hole_seconds": round(sum(hole["seconds"] for hole in holes), 9),
        "holes": holes[:LISTED_HOLES],
        "oddities": part.packets.oddities,
        "decoded_by_counting": not index.dated(number),
        "join": None,
    }


def _holes(index: RecordingIndex, number: int, part: Footage) -> Iterator[dict[str, Any]]:
    """Places where frames are missing, in numbers and seconds of the recording."""
    step = part.rate.step
    limit = HOLE[part.rate.constant] * step / part.packets.time_base
    first = index.chapter_frames(number).start
    rows = np.flatnonzero(index.pictured[first - 1 :][: part.frames])
    distances = np.diff(part.packets.pts[rows])
    for place in np.flatnonzero(distances > float(limit)):
        missing = int(distances[place]) * part.packets.time_base - step
        frame = first + int(rows[place])
        yield {
            "after_frame": frame,
            "at": _seconds(index.seconds(frame) + step),
            "seconds": _seconds(missing),
            "frames": round(missing / step),
        }


def _join(previous: Footage, part: Footage) -> dict[str, Any]:
    """How a chapter follows the one before, as far as names and creation times tell."""
    before, after = gopro_name(previous.info.file), gopro_name(part.info.file)
    follows = None
    if before and after:
        follows = (before.recording, before.family, before.chapter + 1) == (
            after.recording,
            after.family,
            after.chapter,
        )
    gap = None
    # Cameras that stamp all chapters with the start of the recording tell nothing.
    if previous.info.created and part.info.created and previous.info.created != part.info.created:
        began, ended = map(datetime.fromisoformat, (previous.info.created, part.info.created))
        gap = (ended - began).total_seconds() - float(previous.duration)
    return {"numbers_follow": follows, "clock_gap": None if gap is None else round(gap, 3)}


def _warnings(facts: dict[str, Any], first: dict[str, Any]) -> Iterator[str]:
    """What a person should look at, one sentence each."""
    where = f"chapter {facts['number']} ({facts['file']})"
    if facts["hole_count"]:
        holes = "1 hole" if facts["hole_count"] == 1 else f"{facts['hole_count']} holes"
        yield f"{where}: {holes}, {facts['hole_seconds']:.3f} s in all"
    for oddity, count in facts["oddities"].items():
        yield f"{where}: {count} {oddity}"
    if facts["rate"] != first["rate"] and facts["constant_rate"]:
        yield f"{where}: {facts['rate']} frames per second, not {first['rate']} as before"
    join = facts["join"]
    if join and join["numbers_follow"] is False:
        yield f"{where}: does not follow the chapter before by its name"
    if join and join["clock_gap"] is not None and abs(join["clock_gap"]) > CLOCK_TOLERANCE:
        yield (
            f"{where}: began {join['clock_gap']:+.1f} s from the end of the chapter before by the "
            "camera's clock; a chapter may be missing or out of order"
        )


def _seconds(value: Fraction) -> float:
    return round(float(value), 9)


def audit_table(facts: dict[str, Any]) -> str:
    """The audit as text for the log: a line per chapter, then the warnings."""
    rows = [["chapter", "frames", "rate", "seconds", "holes", "size", "codec", "file"]]
    for chapter in facts["chapters"]:
        rows.append(
            [
                str(chapter["number"]),
                str(chapter["frames"]),
                chapter["rate"]
                if chapter["constant_rate"]
                else f"~{float(Fraction(chapter['rate'])):.3f}",
                f"{chapter['duration']:.3f}",
                str(chapter["hole_count"]),
                f"{chapter['width']}x{chapter['height']}",
                chapter["codec"],
                chapter["file"],
            ]
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    total = f"{facts['recording']}: {facts['frames']} frames, {facts['duration']:.3f} s"
    return "\n".join([total, *lines, *(f"warning: {text}" for text in facts["warnings"])])
