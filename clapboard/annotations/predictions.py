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
from clapboard.parts import Rows, Runs, runs_of, steps
from clapboard.problems import InputError, Problem
from clapboard.sessions.chapters import natural_key
from clapboard.timing.gaps import GAP, longest_step, unbroken, usual_step
from clapboard.video.index import RecordingIndex, Times

NAMED = 5
"""Recordings that a message names at most."""


def predicted_sheet(path: str | os.PathLike[str], index: RecordingIndex) -> Sheet:
    """The predictions for one recording as a sheet with times of the recording.

    Args:
        path: a ``predictions.parquet`` (columns recording, frame, predicted).
        index: the recording; of its frames those in the file are taken.

    Returns:
        An annotation for each run of frames with one label; rows count the runs from 1.

    Raises:
        InputError: nothing in the file is about the recording.
    """
    texts = ["recording", "predicted"]
    table, _ = read_parquet(path, ["frame", *texts], texts)
    mine = table.filter(pc.equal(table["recording"], index.recording)).sort_by("frame")
    if not len(mine):
        raise InputError([_about_others(str(path), index.recording, table["recording"])])
    labels = mine["predicted"].unify_dictionaries().combine_chunks()
    names = labels.dictionary.to_pylist()
    indices = runs_of(numbers(pa.chunked_array([labels.indices])))
    frames = numbers(mine["frame"])
    seconds = index.pts[frames - 1] * float(index.time_base)
    return sheet_of(str(path), spans(indices, Sampled(frames, seconds, index)), names)


def _about_others(file: str, recording: str, found: pa.ChunkedArray) -> Problem:
    """Predictions for other recordings only, or for none."""
    others = sorted(found.unique().to_pylist(), key=natural_key)
    named = ", ".join(others[:NAMED]) or "no recording"
    rest = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
    return Problem(
        "no-predictions",
        f"the file says nothing about this recording; it is about {named}{rest}",
        "Export one that it is about, or give a file about this one: of a recording with the split "
        "Predict predictions/{model}/{recording}/predictions.parquet, of a test subject models/"
        "{model}/predictions.parquet (with evaluation: loso without/{subject}/ of that folder).",
        file,
        column="recording",
        value=recording,
    )


class Sampled:
    """The frames of a recording of which something is said, and until when it stands.

    Attributes:
        frames: their numbers, rising, shape (frames,).
        index: the recording.
        gaps: rows before which is a gap, as the decoders see it (`clapboard.timing.gaps`); the
            first row is one of them.
    """

    def __init__(self, frames: Rows, seconds: Rows, index: Times) -> None:
        """Take numbers and times of the frames, each of shape (frames,), and the recording."""
        self.frames = frames
        self.index = index
        self.gaps = frozenset(stretch.start for stretch in unbroken(seconds, GAP))
        usual = usual_step(steps(seconds))
        # The median of steps of 12 and 13 ticks is 12 on all machines; times are not exact.
        self._usual = int(usual / float(index.time_base) + 1e-6) * index.time_base
        self._longest = longest_step(usual, GAP)

    def start(self, row: int) -> Fraction:
        """When the frame of a row is shown, seconds."""
        return self.index.seconds(int(self.frames[row]))

    def stop(self, row: int) -> Fraction:
        """Until when stands what is said of the frame of a row, seconds.

        Until the next of the frames; where none follows, or only after a gap, for the usual step
        between them, or as long as the frame itself is shown where that is longer and no gap. Never
        after the end of the recording.
        """
        if row + 1 < len(self.frames) and row + 1 not in self.gaps:
            return self.start(row + 1)
        start = self.start(row)
        itself = self._gives_way(int(self.frames[row])) - start
        alone = not self._usual
        longer = self._usual < itself <= self._longest
        stands = itself if alone or longer else self._usual
        return min(start + stands, self.index.duration)

    def _gives_way(self, frame: int) -> Fraction:
        """When a frame gives way to the next one of the recording, seconds."""
        index = self.index
        return index.seconds(frame + 1) if frame < len(index) else index.duration


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


def spans(labels: Runs, sampled: Sampled) -> Iterator[Span]:
    """Each run of frames with one label; gaps end it, too.

    Args:
        labels: a number for each frame.
        sampled: the frames.
    """
    for label, start, stop in labels.cut(sampled.gaps):
        yield Span(label, range(start, stop), sampled.start(start), sampled.stop(stop - 1))
