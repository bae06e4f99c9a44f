"""What a model said about frames, as annotations."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from statistics import mode

import pyarrow.compute as pc

from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.artifacts import read_parquet
from clapboard.video.index import RecordingIndex


def predicted_sheet(path: str | os.PathLike[str], index: RecordingIndex) -> Sheet:
    """The predictions for one recording as a sheet with times of the recording.

    Args:
        path: a ``predictions.parquet`` (columns recording, frame, predicted).
        index: the recording; of its frames those in the file are taken.

    Returns:
        An annotation for each run of frames with one label; rows count the runs from 1.
    """
    table, _ = read_parquet(path, ["recording", "frame", "predicted"])
    mine = table.filter(pc.equal(table["recording"], index.recording)).sort_by("frame")
    frames, labels = mine["frame"].to_pylist(), mine["predicted"].to_pylist()
    annotations = tuple(
        Annotation(label, start, stop, row, label)
        for row, (label, start, stop) in enumerate(runs(frames, labels, index), start=1)
    )
    return Sheet(str(path), "video", annotations)


def runs(
    frames: Sequence[int], labels: Sequence[str], index: RecordingIndex
) -> Iterator[tuple[str, Fraction, Fraction]]:
    """Label, start and stop (seconds) of each run of equal labels.

    Frames follow each other when they are less than twice as far apart as most are, which is 1
    unless only every n-th frame was looked at. A run stops where the next one starts, or with its
    last frame before a gap.

    Args:
        frames: frame numbers, rising.
        labels: one label a frame.
        index: the recording.
    """
    step = mode(second - first for first, second in pairwise(frames)) if len(frames) > 1 else 1
    begin = 0
    for place in range(1, len(frames) + 1):
        last = frames[place - 1]
        follows = place < len(frames) and frames[place] - last < 2 * step
        if follows and labels[place] == labels[begin]:
            continue
        stop = index.seconds(frames[place]) if follows else _end(last, index)
        yield labels[begin], index.seconds(frames[begin]), stop
        begin = place


def _end(frame: int, index: RecordingIndex) -> Fraction:
    """When a frame gives way to the next one, seconds."""
    return index.seconds(frame + 1) if frame < len(index) else index.duration
