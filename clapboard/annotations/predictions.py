"""What a model said about frames, as annotations."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.arrow import numbers
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
    texts = ["recording", "predicted"]
    table, _ = read_parquet(path, ["frame", *texts], texts)
    mine = table.filter(pc.equal(table["recording"], index.recording)).sort_by("frame")
    labels = mine["predicted"].unify_dictionaries().combine_chunks()
    names = labels.dictionary.to_pylist()
    indices = numbers(pa.chunked_array([labels.indices]))
    return sheet_of_runs(str(path), numbers(mine["frame"]), indices, names, index)


def sheet_of_runs(
    file: str,
    frames: NDArray[np.integer],
    labels: NDArray[np.integer],
    names: Sequence[str],
    index: RecordingIndex,
) -> Sheet:
    """A label for each frame as a sheet with times of the recording; see `runs`.

    Args:
        file: where the labels are from.
        frames: frame numbers, rising, shape (frames,).
        labels: place in `names` of each frame's label, shape (frames,).
        names: the different labels.
        index: the recording.

    Returns:
        An annotation for each run of frames with one label; rows count the runs from 1.
    """
    annotations = tuple(
        Annotation(names[label], start, stop, row, names[label])
        for row, (label, start, stop) in enumerate(runs(frames, labels, index), start=1)
    )
    return Sheet(file, "video", annotations)


def runs(
    frames: NDArray[np.integer], labels: NDArray[np.integer], index: RecordingIndex
) -> Iterator[tuple[int, Fraction, Fraction]]:
    """Label, start and stop (seconds) of each run of equal labels.

    Frames follow each other when they are less than twice as far apart as most are, which is 1
    unless only every n-th frame was looked at. A run stops where the next one starts, or with its
    last frame before a gap.

    Args:
        frames: frame numbers, rising, shape (frames,).
        labels: one label a frame, shape (frames,).
        index: the recording.
    """
    if not len(frames):
        return
    steps = np.diff(frames)
    follows = steps < 2 * _most_frequent(steps)
    last_ones = np.flatnonzero(~follows | (np.diff(labels) != 0)).tolist()
    starts = [0, *(last + 1 for last in last_ones)]
    for begin, last in zip(starts, [*last_ones, len(frames) - 1], strict=True):
        goes_on = last + 1 < len(frames) and follows[last]
        number = int(frames[last])
        stop = index.seconds(int(frames[last + 1])) if goes_on else _end(number, index)
        yield int(labels[begin]), index.seconds(int(frames[begin])), stop


def _most_frequent(values: NDArray[np.integer]) -> int:
    """Of several as frequent ones the one that comes first; 1 if there is no value."""
    if not len(values):
        return 1
    known, first, count = np.unique(values, return_index=True, return_counts=True)
    return int(known[np.lexsort((first, -count))[0]])


def _end(frame: int, index: RecordingIndex) -> Fraction:
    """When a frame gives way to the next one, seconds."""
    return index.seconds(frame + 1) if frame < len(index) else index.duration
