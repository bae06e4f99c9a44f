"""Which part of a recognised recording is shown as video: what `draw_overlay` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clapboard import artifacts
from clapboard.arrow import numbers
from clapboard.evaluation.overlay import Stretch, write_overlay
from clapboard.evaluation.timelines import segments
from clapboard.learning.decoders import GAP
from clapboard.learning.probabilities import Said, Stored, certainty, index_type, read_seconds
from clapboard.learning.review import rank
from clapboard.learning.windows import unbroken, usual_step
from clapboard.video.index import read_duration


def draw_overlay(
    video: str | Path,
    predictions: str | Path,
    index_file: str | Path,
    settings: Mapping[str, Any],
    ffmpeg: str,
    output: str | Path,
    background: str = "",
) -> None:
    """Write the most doubtful stretch of a recording, or all of it, with its timeline.

    Args:
        video: ``video/{recording}.mp4``.
        predictions: what `clapboard.learning.timeline.write_timeline` wrote.
        index_file: ``index/{recording}.parquet``.
        settings: section ``prediction`` of the configuration.
        ffmpeg: the key ``video.ffmpeg``.
        output: MP4 to write.
        background: label of the class for frames in which nothing happens.
    """
    said = Stored(predictions)
    seconds = read_seconds(predictions)
    labels, _ = artifacts.read_parquet(predictions, ["predicted"], ["predicted"])
    timeline = _numbered(labels["predicted"], said.classes)
    end = float(read_duration(index_file))
    shown = shown_stretches(seconds, said, timeline, end, background)
    start, stop = 0.0, end
    if settings["overlay"] == "clip":
        first = rank(seconds, said, timeline, settings["review_seconds"])[0]
        start, stop = first.start, min(first.start + settings["review_seconds"], end)
    write_overlay(video, shown, start, stop, ffmpeg, output)


def _numbered(labels: pa.ChunkedArray, classes: Sequence[str]) -> NDArray[np.integer]:
    """Class indices of a column of labels that is held as a dictionary, shape (rows,)."""
    kind = index_type(len(classes))
    index = {label: number for number, label in enumerate(classes)}
    parts = [np.empty(0, kind)]
    for chunk in labels.chunks:
        known = np.array([index[name] for name in chunk.dictionary.to_pylist()], kind)
        parts.append(known[numbers(pa.chunked_array([chunk.indices]))])
    return np.concatenate(parts)


def shown_stretches(
    seconds: NDArray[np.float64],
    said: Said,
    timeline: NDArray[np.integer],
    end: float,
    background: str = "",
) -> list[Stretch]:
    """The timeline without holes from 0 to `end`; nothing where nothing was looked at.

    Args:
        seconds: time of every frame, shape (frames,).
        said: of the frames.
        timeline: class index of every frame, shape (frames,).
        end: of the video, seconds.
        background: label of the class for frames in which nothing happens.
    """
    found: list[Stretch] = []
    reached = 0.0
    for run in unbroken(seconds, GAP):
        usual = usual_step(seconds[run.start : run.stop])
        for part in segments(timeline[run.start : run.stop]):
            first, last = run.start + part.start, run.start + part.stop - 1
            label = said.classes[part.label]
            index = -1 if label == background else part.label
            if seconds[first] > reached + 1e-6:
                found.append(Stretch(reached, seconds[first], "", -1, 0.0))
            reached = seconds[last + 1] if last + 1 < run.stop else min(seconds[last] + usual, end)
            confidence = float(certainty(said, timeline, range(first, last + 1)).share.mean())
            found.append(Stretch(seconds[first], reached, label, index, confidence))
    if reached < end - 1e-6:
        found.append(Stretch(reached, end, "", -1, 0.0))
    return found
