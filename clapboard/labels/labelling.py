"""From intervals to one label a frame.

`FrameRange` already says which frames an interval holds, by presentation time; here it is decided
which label wins where intervals overlap, what becomes of frames without any, and the frames that
sampling keeps are marked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clapboard import artifacts
from clapboard.annotations.labels import normalise
from clapboard.arrow import column, texts
from clapboard.labels import sampling
from clapboard.labels.framecsv import FrameRange, read_framecsv
from clapboard.problems import Problem, refuse
from clapboard.video.index import RecordingIndex

BACKGROUND_ROW = 0

# The interval whose key is smallest has the frame.
_PRECEDENCE: Mapping[str, Callable[[FrameRange], tuple[Fraction, int]]] = {
    "refuse": lambda interval: (interval.start, interval.row),
    "first": lambda interval: (interval.start, interval.row),
    "last": lambda interval: (-interval.start, -interval.row),
    "shortest": lambda interval: (interval.stop - interval.start, interval.row),
}


@dataclass(frozen=True)
class FrameLabels:
    """The labelled frames of one recording, in order.

    Attributes:
        frames: frame numbers, int64, rising.
        codes: index into `labels` for each frame, int32.
        rows: row of the sheet that gave each frame its label, int32; 0 for background.
        labels: the labels that occur, sorted.
    """

    frames: NDArray[np.int64]
    codes: NDArray[np.int32]
    rows: NDArray[np.int32]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frames)


def label_frames(
    ranges: Sequence[FrameRange],
    index: RecordingIndex,
    overlaps: str = "refuse",
    background: str = "",
    ignore: Sequence[str] = (),
    file: str = "",
) -> FrameLabels:
    """The label of every frame that has one.

    Marks (claps) are never a class. Frames of an ignored label get no label, and they are not
    background either, since something is known to happen in them; a label beside an ignored one
    has the frame.

    Args:
        ranges: the intervals of one recording.
        index: the frames of that recording.
        overlaps: who has a frame that several intervals hold: ``refuse`` (an error when their
            labels differ), ``first`` (the interval that starts first), ``last`` (the one that
            starts last) or ``shortest``. Between equals the upper row wins, in a row what is
            written first; with ``last`` it is the other way round.
        background: class of the frames that no interval holds; empty: they get no label.
        ignore: labels that are left out.
        file: the sheet, for messages.

    Raises:
        InputError: intervals of different labels share frames and `overlaps` is ``refuse``.
    """
    ignored = {normalise(label) for label in ignore}
    inside = [interval for interval in ranges if interval.first_frame and not interval.mark]
    kept = [interval for interval in inside if interval.procedure not in ignored]
    if overlaps == "refuse":
        refuse(find_overlaps(kept, file))

    names = {interval.procedure for interval in kept}
    if background:
        background = normalise(background)
        names.add(background)
    labels = tuple(sorted(names))
    code = {label: number for number, label in enumerate(labels)}

    codes = np.full(len(index), code[background] if background else -1, dtype=np.int32)
    rows = np.full(len(index), BACKGROUND_ROW, dtype=np.int32)
    for interval in inside:
        codes[_frames(interval)] = -1
    # Of intervals in one row that are equal in all else, the one written first counts as upper.
    in_order = kept if overlaps == "last" else kept[::-1]
    for interval in sorted(in_order, key=_PRECEDENCE[overlaps], reverse=True):
        codes[_frames(interval)] = code[interval.procedure]
        rows[_frames(interval)] = interval.row
    codes[~index.pictured] = -1
    at = np.flatnonzero(codes >= 0)
    return FrameLabels(at + 1, codes[at], rows[at], labels)


def find_overlaps(ranges: Sequence[FrameRange], file: str = "") -> list[Problem]:
    """One problem for each interval that shares frames with an earlier one of another label."""
    problems = []
    furthest: dict[str, FrameRange] = {}
    inside = [interval for interval in ranges if interval.first_frame and not interval.mark]
    for interval in sorted(inside, key=lambda interval: (interval.start, interval.row)):
        for label, earlier in furthest.items():
            shared = min(_last(earlier), _last(interval)) - (interval.first_frame or 0) + 1
            if label != interval.procedure and shared > 0:
                problems.append(
                    Problem(
                        check="overlap",
                        message=f"{interval.procedure} in row {interval.row} shares {shared} "
                        f"frame{'s' if shared > 1 else ''} with {label} in row {earlier.row}",
                        remedy="Correct the times, or set annotations.overlaps to first, last or "
                        "shortest.",
                        file=file,
                        row=interval.row,
                    )
                )
        held = furthest.get(interval.procedure)
        if held is None or _last(interval) > _last(held):
            furthest[interval.procedure] = interval
    return problems


def write_labels(
    framecsv_file: str | os.PathLike[str],
    index_file: str | os.PathLike[str],
    annotations: Mapping[str, Any],
    frames: Mapping[str, Any],
    output: str | os.PathLike[str],
    siblings: Sequence[tuple[str, str]] = (),
    sheet: str = "",
) -> None:
    """Write ``labels/{recording}.parquet``: label and selection of every labelled frame.

    Args:
        framecsv_file: the intervals of the recording.
        index_file: its frames.
        annotations: config section ``annotations``.
        frames: config section ``frames``.
        output: file to write, columns ``frame, chapter, label, row, selected``.
        siblings: (framecsv, index) of the subject's other recordings; used only when
            ``frames.max_per_label_and_subject`` is set, so that all of them share one limit.
        sheet: the annotation sheet, for messages.

    Raises:
        InputError: see `label_frames` and `sampling.select`.
    """

    def labelled(framecsv: str | os.PathLike[str], index: RecordingIndex) -> FrameLabels:
        return label_frames(
            read_framecsv(framecsv),
            index,
            overlaps=annotations["overlaps"],
            background=annotations["background"],
            ignore=annotations["ignore"],
            file=sheet or str(framecsv),
        )

    index = RecordingIndex.read(index_file)
    labels = labelled(framecsv_file, index)
    beside = []
    if frames["max_per_label_and_subject"]:
        for framecsv, other in siblings:
            other_index = RecordingIndex.read(other)
            beside.append((labelled(framecsv, other_index), other_index))
    selected = sampling.select(labels, index, frames, beside)
    names = texts(labels.labels)
    table = pa.table(
        {
            "frame": column(labels.frames),
            "chapter": column(index.chapter[labels.frames - 1]),
            "label": pa.DictionaryArray.from_arrays(column(labels.codes), names).cast(pa.string()),
            "row": column(labels.rows),
            "selected": column(selected),
        }
    )
    artifacts.write_parquet(output, table, {"recording": index.recording})


def _frames(interval: FrameRange) -> slice:
    """Places of the interval's frames in an array of all frames."""
    return slice((interval.first_frame or 1) - 1, interval.last_frame)


def _last(interval: FrameRange) -> int:
    return interval.last_frame or 0
