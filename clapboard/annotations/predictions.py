"""What a model said about frames, as annotations."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.arrow import numbers
from clapboard.artifacts import read_parquet
from clapboard.parts import Rows, Runs, runs_of
from clapboard.timing.gaps import GAP, unbroken
from clapboard.video.index import RecordingIndex, Times


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
    indices = runs_of(numbers(pa.chunked_array([labels.indices])))
    frames = numbers(mine["frame"])
    seconds = index.pts[frames - 1] * float(index.time_base)
    return sheet_of(str(path), spans(frames, seconds, indices, index), names)


class Span(NamedTuple):
    """What is said of frames that follow each other.

    Attributes:
        label: place of their label among the names.
        rows: of the frames.
        start: seconds.
        stop: seconds.
    """

    label: int
    rows: range
    start: Fraction
    stop: Fraction


def sheet_of(file: str, every: Iterable[Span], names: Sequence[str]) -> Sheet:
    """What is said of a recording's frames as a sheet with times of the recording.

    Args:
        file: where the labels are from.
        every: in order.
        names: the different labels.

    Returns:
        An annotation for each; rows count them from 1.
    """
    annotations = tuple(
        Annotation(names[one.label], one.start, one.stop, row, names[one.label])
        for row, one in enumerate(every, start=1)
    )
    return Sheet(file, "video", annotations)


def spans(frames: Rows, seconds: Rows, labels: Runs, index: Times) -> Iterator[Span]:
    """Each run of frames with one label.

    A run stops where the next one starts, or with its last frame before a gap
    (`clapboard.timing.gaps`), as the decoders see it.

    Args:
        frames: frame numbers, rising, shape (frames,).
        seconds: their times, shape (frames,).
        labels: a number for each frame.
        index: the recording.
    """
    gaps = {stretch.start for stretch in unbroken(seconds, GAP)}
    for label, start, stop in labels.cut(gaps):
        last = int(frames[stop - 1])
        goes_on = stop < len(frames) and stop not in gaps
        end = index.seconds(int(frames[stop])) if goes_on else _end(last, index)
        yield Span(label, range(start, stop), index.seconds(int(frames[start])), end)


def _end(frame: int, index: Times) -> Fraction:
    """When a frame gives way to the next one, seconds."""
    return index.seconds(frame + 1) if frame < len(index) else index.duration
