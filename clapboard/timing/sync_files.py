"""The rules that place sheets on recordings: `audit/sync/`, and the drift of cameras."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import groupby
from typing import Any

from clapboard.annotations.placing import (
    AT_FIRST_FRAME,
    first_clap,
    in_recording,
    of_recording,
)
from clapboard.annotations.reading import read_sheet
from clapboard.annotations.sheet import Sheet
from clapboard.artifacts import read_json, write_csv, write_json
from clapboard.problems import Problem, refuse
from clapboard.timing.drift import (
    Check,
    beyond_limit,
    check_claps,
    drift,
    implausible,
    remaining,
)
from clapboard.timing.sync import Clap, Heard, find_clap, listen, taken_for_first
from clapboard.timing.waveform import draw_claps
from clapboard.video.index import RecordingIndex

CAMERA_COLUMNS = (
    "subject",
    "session",
    "reference",
    "recording",
    "claps",
    "seconds",
    "drift_ms",
    "drift_ppm",
)


def write_sync(
    recording: str,
    sheet_file: str,
    index_file: str | os.PathLike[str],
    clap: str,
    annotations: Mapping[str, Any],
    settings: Mapping[str, Any],
    sync: str | os.PathLike[str],
    plot: str | os.PathLike[str],
    subject: str = "",
) -> None:
    """Find the clap of a recording, measure its drift, and say how the sheet is placed on it.

    Sheets that count from the first frame of the recording, or of its clips, need no clap. Where
    the clap is all the same, in the sheet or in the table, is for comparing cameras.

    Args:
        recording: its id.
        sheet_file: the annotation sheet.
        index_file: the index of the recording.
        clap: as in the table of recordings.
        annotations: section ``annotations`` of the configuration.
        settings: section ``sync`` of the configuration.
        sync: JSON file to write.
        plot: PNG file to write.
        subject: whose rows to take from a sheet of several subjects.

    Raises:
        InputError: the sheet has errors, no clap is heard where it must be, it may be a later one,
            or a later clap is beyond the limit.
    """
    index = RecordingIndex.read(index_file)
    chapters = [chapter.file for chapter in index.chapters]
    sheet, problems = read_sheet(sheet_file, annotations, chapters)
    refuse(problems)
    sheet = of_recording(sheet, chapters, subject, clap)
    scale = Fraction(1)
    if sheet.origin == "video":
        found, checks = _seen_in_video(sheet, index, clap, settings)
    else:
        found, problems = find_clap(index, clap, settings)
        refuse(problems or taken_for_first(index, clap, found, sheet.claps))
        checks, limit = check_claps(index, found, sheet.claps, settings), settings["limit"]
        if settings["drift"] == "correct":
            slope = drift(checks) or Fraction(0)
            refuse(implausible(checks, slope, limit, sheet_file))
            scale += slope
        refuse(beyond_limit(checks, scale, limit, sheet_file))
    draw_claps(recording, found, checks, plot)
    facts = _facts(recording, found, checks, scale)
    print(sync_table(facts), flush=True)  # noqa: T201 - the job's log
    write_json(sync, facts)


def sync_table(facts: Mapping[str, Any]) -> str:
    """What was found about a clap as text for the log: where, how sure, and a line per clap."""
    sure = "" if facts["confidence"] is None else f", confidence {facts['confidence']:.3f}"
    how = f"{facts['method']}{sure}"
    lines = [f"{facts['recording']}: clap at {facts['clap_seconds']:.3f} s ({how})"]
    lines += [
        f"  sound at {heard['seconds']:.3f} s stands out by {heard['level_db']:.1f} dB"
        for heard in facts["candidates"]
    ]
    for clap in facts["claps"]:
        heard = "not heard" if clap["found"] is None else f"heard {clap['residual_ms']:+.1f} ms off"
        left = f", {clap['remaining_ms']:+.1f} ms after correction" if facts["corrected"] else ""
        lines.append(f"  clap of row {clap['row']} at {clap['expected']:.3f} s: {heard}{left}")
    if facts["drift_ppm"] is not None:
        lines.append(f"  drift {facts['drift_ppm']:+.1f} ppm")
    return "\n".join(lines)


def _seen_in_video(
    sheet: Sheet, index: RecordingIndex, clap: str, settings: Mapping[str, Any]
) -> tuple[Clap, list[Check]]:
    """The claps of a sheet that was made while watching this very recording or its clips.

    Its times need no correction; where its claps are, and what is heard there, is for comparing
    cameras. What the table says of the clap goes before a sheet that names clips; any other sheet
    is not of this recording then (`of_recording`).

    Raises:
        InputError: no clap is heard where it must be.
    """
    if clap != AT_FIRST_FRAME:
        given, problems = find_clap(index, clap, settings)
        refuse([*problems, *_after_the_end(given, index, clap)])
        return given, []
    placed = in_recording(sheet, Fraction(0), index)
    seen = first_clap(placed)
    if seen is None:
        return Clap(Fraction(0), "not needed", Heard(None, ())), []
    window = Fraction(str(settings["window"]))
    annotated = Clap(seen, "annotated", listen(index, seen - window, seen + window))
    marks = [replace(mark, start=mark.start - seen) for mark in placed.claps]
    return annotated, check_claps(index, annotated, marks, settings)


def _after_the_end(clap: Clap, index: RecordingIndex, value: str) -> list[Problem]:
    """What is said of a clap that is beyond the recording: no camera would be compared there."""
    if clap.time <= index.duration:
        return []
    message = f"{index.recording} ends before its clap, after {float(index.duration):.3f} s"
    remedy = "Correct the column clap of the recordings table."
    return [Problem("clap-beyond-video", message, remedy, column="clap", value=value)]


def _facts(recording: str, clap: Clap, checks: Sequence[Check], scale: Fraction) -> dict[str, Any]:
    """The JSON: `clap` and `scale` exact, as `framecsv` reads them; the rest rounded."""
    measured = drift(checks)
    return {
        "recording": recording,
        "clap": str(clap.time),
        "clap_seconds": _rounded(clap.time),
        "method": clap.method,
        **_heard(clap.heard),
        "scale": str(scale),
        "drift_ppm": None if measured is None else round(float(measured) * 1e6, 3),
        "corrected": scale != 1,
        "claps": [
            {
                "row": check.row,
                "sheet": _rounded(check.sheet),
                "expected": _rounded(check.expected),
                "found": _rounded(check.found),
                "residual_ms": _rounded(check.residual, 1000),
                "remaining_ms": _rounded(remaining(check, scale), 1000),
                **_heard(check.heard),
            }
            for check in checks
        ],
    }


def _heard(heard: Heard) -> dict[str, Any]:
    return {
        "confidence": heard.confidence if heard.sound else None,
        "candidates": [
            {"seconds": _rounded(candidate.time), "level_db": candidate.level}
            for candidate in heard.candidates
        ],
    }


def _rounded(value: Fraction | None, factor: int = 1) -> float | None:
    return None if value is None else round(float(value * factor), 6)


def write_camera_drift(
    recordings: Sequence[Mapping[str, str]],
    syncs: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
) -> None:
    """Compare the clocks of the cameras that filmed the same session, where two claps were heard.

    Args:
        recordings: id, subject and session of each recording.
        syncs: what `write_sync` wrote for each, in the same order.
        output: CSV file to write, one row per camera and the first camera of its session:
            by how much the camera's clock gained on the other's between first and last clap.
    """
    cameras = [
        (entry["subject"], entry["session"], entry["id"], _found(read_json(sync)))
        for entry, sync in zip(recordings, syncs, strict=True)
    ]
    rows = []
    for (subject, session), group in groupby(sorted(cameras), lambda camera: camera[:2]):
        (_, _, reference, first), *others = group
        for _, _, recording, found in others:
            common = sorted(first.keys() & found.keys())
            if len(common) > 1:
                elapsed = first[common[-1]] - first[common[0]]
                gained = found[common[-1]] - found[common[0]] - elapsed
                rows.append(
                    (
                        subject,
                        session,
                        reference,
                        recording,
                        len(common),
                        round(elapsed, 6),
                        round(gained * 1000, 3),
                        round(gained / elapsed * 1e6, 3),
                    )
                )
    write_csv(output, CAMERA_COLUMNS, rows)


def _found(facts: Mapping[str, Any]) -> dict[int, float]:
    """Where the claps of each row were heard, seconds."""
    return {clap["row"]: clap["found"] for clap in facts["claps"] if clap["found"] is not None}
