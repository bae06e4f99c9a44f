"""Making the index and the audit of a recording from its chapters (rule `index_recording`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from clapboard.artifacts import write_json
from clapboard.clock import parse_rate
from clapboard.problems import InputError, Problem, refuse
from clapboard.video.audit import audit_recording, audit_table
from clapboard.video.footage import Footage, damages, read_chapters
from clapboard.video.index import Chapter, Kind, RecordingIndex, common_time_base


def build_index(recording: str, footage: Sequence[Footage], kind: Kind) -> RecordingIndex:
    """Chain chapters: each begins one frame duration after the last frame of the one before.

    Args:
        recording: its id.
        footage: the chapters in order, each with at least one frame.
        kind: what all chapters are.
    """
    time_base = common_time_base(
        [unit for chapter in footage for unit in (chapter.packets.time_base, chapter.rate.step)]
    )
    length = sum((chapter.duration for chapter in footage), Fraction(0))
    if length / time_base > np.iinfo(np.int64).max:
        raise InputError([_no_common_clock(recording)])
    pts, start = [], 0
    for chapter in footage:
        pts.append(start + chapter.packets.pts * int(chapter.packets.time_base / time_base))
        start += int(chapter.duration / time_base)
    frames = [chapter.frames for chapter in footage]
    rates = {chapter.rate.rate for chapter in footage}
    return RecordingIndex(
        recording=recording,
        time_base=time_base,
        rate=rates.pop() if len(rates) == 1 else sum(frames) / length,
        pts=np.concatenate(pts),
        chapter=np.repeat(np.arange(1, len(footage) + 1, dtype=np.int16), frames),
        key=np.concatenate([chapter.packets.key for chapter in footage]),
        source_pts=np.concatenate([chapter.packets.source_pts for chapter in footage]),
        chapters=tuple(
            Chapter(
                number=number,
                file=chapter.info.file,
                kind=kind,
                time_base=chapter.packets.time_base,
                frames=chapter.frames,
                codec=chapter.info.codec,
                width=chapter.info.width,
                height=chapter.info.height,
                duration=chapter.duration,
                lost=chapter.packets.lost,
            )
            for number, chapter in enumerate(footage, start=1)
        ),
    )


def _no_common_clock(recording: str) -> Problem:
    return Problem(
        "no-common-clock",
        f"The chapters of {recording} count time in units that have no common measure",
        "Give the chapters of different cameras recordings of their own.",
    )


def write_index(
    recording: str,
    chapters: Sequence[str],
    kind: Kind,
    rate: str,
    index: str | os.PathLike[str],
    audit: str | os.PathLike[str],
    damaged: str = "refuse",
) -> None:
    """Write the index and the audit of a recording and print the audit's table.

    Args:
        recording: its id.
        chapters: files (for images: folders) in recording order.
        kind: ``video`` or ``images``.
        rate: frames per second of images, e.g. ``30000/1001``; unused for video.
        index: Parquet file to write.
        audit: JSON file to write.
        damaged: the key ``video.damaged``: ``refuse`` or ``skip``.

    Raises:
        InputError: chapters that cannot be read or do not belong together, all of them at once.
    """
    frames_a_second = parse_rate(rate) if rate else None
    footage, problems = read_chapters(chapters, kind, frames_a_second, recording)
    if kind == "video" and not problems:
        problems = damages(footage, skip=damaged == "skip")
    refuse(problems)
    built = build_index(recording, footage, kind)
    facts = audit_recording(built, footage)
    facts["warnings"] += map(str, problems)
    print(audit_table(facts), flush=True)  # noqa: T201 - the job's log
    write_json(audit, facts)
    built.write(index)
