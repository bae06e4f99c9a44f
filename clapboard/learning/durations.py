"""How long procedures last in Training, and which follows which: what `learn_durations` does.

Counted are all labels, before sampling leaves frames out: of a label that is thinned more than
others single frames would remain. No TensorFlow.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa

from clapboard import artifacts
from clapboard.arrow import numbers
from clapboard.clock import seconds_text
from clapboard.labels.sampling import grid
from clapboard.learning.decoders import Durations
from clapboard.parts import runs_of
from clapboard.timing.gaps import GAP, usual_step
from clapboard.video.index import RecordingIndex

COLUMNS = ("before", "label", "segments", "seconds")


@dataclass(frozen=True)
class Seen:
    """Segments of a label behind those of another one.

    Attributes:
        before: label of the segments before them; empty: nothing is known of what was before.
        label: of the segments.
        segments: how many there are.
        seconds: of all of them together.
    """

    before: str
    label: str
    segments: int
    seconds: Fraction


def write_durations(
    labels: Sequence[str | Path],
    indexes: Sequence[str | Path],
    every: int | str,
    output: str | Path,
) -> None:
    """Count the segments of recordings.

    Args:
        labels: ``labels/{recording}.parquet`` of each.
        indexes: ``index/{recording}.parquet`` of each.
        every: key ``frames.every``, see `segments`.
        output: written; CSV with the fields of `Seen`.
    """
    found = defaultdict[tuple[str, str], list[Fraction]](list)
    for labels_file, index_file in zip(labels, indexes, strict=True):
        for before, label, seconds in segments(labels_file, index_file, every):
            found[before, label].append(seconds)
    rows = (
        [before, label, len(lengths), seconds_text(sum(lengths, Fraction(0)))]
        for (before, label), lengths in sorted(found.items())
    )
    artifacts.write_csv(output, COLUMNS, rows)


def segments(
    labels: str | Path, index_file: str | Path, every: int | str
) -> Iterator[tuple[str, str, Fraction]]:
    """The segments of a recording in order: label before, label, seconds.

    What lies between two labelled frames without a label is no gap where prediction would see none:
    up to `GAP` times the usual step between the frames that it looks at. Behind a gap nothing is
    known of what was before, and the label before is empty.

    Args:
        labels: ``labels/{recording}.parquet``.
        index_file: ``index/{recording}.parquet``.
        every: key ``frames.every``: by which frames of any recording are looked at.
    """
    index = RecordingIndex.read(index_file)
    table, _ = artifacts.read_parquet(labels, ["frame", "label"], repeating=["label"])
    if not len(table):
        return
    column = table["label"].unify_dictionaries().combine_chunks()
    names, codes = column.dictionary.to_pylist(), numbers(pa.chunked_array([column.indices]))
    ticks = index.pts[numbers(table["frame"]) - 1]
    frame = usual_step([np.diff(index.pts)])
    looked_at = usual_step([np.diff(index.pts[grid(index, every)])])
    longest = GAP * max(looked_at, frame) if looked_at else math.inf
    breaks = (np.flatnonzero(np.diff(ticks) > longest) + 1).tolist()
    apart, before = {0, *breaks}, ""
    for code, start, stop in runs_of(codes).cut(breaks):
        length = int(ticks[stop - 1] - ticks[start]) + Fraction(frame)
        yield "" if start in apart else before, names[code], length * index.time_base
        before = names[code]


def read_durations(path: str | Path, classes: Sequence[str]) -> Durations:
    """What `write_durations` wrote, for classes in the order of their index.

    Args:
        path: the CSV file.
        classes: labels by index; others count for nothing.
    """
    rows = artifacts.read_csv(path)
    return durations_of(
        (
            Seen(row["before"], row["label"], int(row["segments"]), Fraction(row["seconds"]))
            for row in rows
        ),
        classes,
    )


def durations_of(seen: Iterable[Seen], classes: Sequence[str]) -> Durations:
    """Lengths, order and shares from what was seen, as if a little more of all had been.

    Every follower is seen once more than it was, every class for a second more. A class without a
    segment gets the mean length of all.

    Args:
        seen: of all labels.
        classes: labels by index; others count for nothing.
    """
    place = {label: number for number, label in enumerate(classes)}
    lengths, counts = np.zeros(len(classes)), np.zeros(len(classes))
    follows = np.ones((len(classes), len(classes)))
    for one in seen:
        if one.label not in place:
            continue
        label = place[one.label]
        lengths[label] += float(one.seconds)
        counts[label] += one.segments
        if one.before in place:
            follows[place[one.before], label] += one.segments
    np.fill_diagonal(follows, 0)
    usual = lengths.sum() / max(counts.sum(), 1)
    mean = np.where(counts > 0, lengths / np.maximum(counts, 1), usual)
    shares = lengths + 1
    rows = follows.sum(axis=1, keepdims=True)
    return Durations(shares / shares.sum(), mean, follows / np.maximum(rows, 1))
