"""Which part of a recognised recording is shown as video: what `draw_overlay` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clapboard import artifacts
from clapboard.evaluation.overlay import Stretch, write_overlay
from clapboard.evaluation.timelines import segments
from clapboard.learning.decoders import GAP
from clapboard.learning.review import rank
from clapboard.learning.windows import stretches
from clapboard.video.index import RecordingIndex


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
    table, metadata = artifacts.read_parquet(predictions)
    frames = table.drop_columns("probabilities").to_pandas().assign(split="Predict")
    classes = metadata["classes"]
    numbers = {label: number for number, label in enumerate(classes)}
    timeline = frames["predicted"].map(numbers).to_numpy(np.int64)
    rows = table["probabilities"].combine_chunks()
    known = rows.flatten().to_numpy(zero_copy_only=False).reshape(len(rows), -1)
    end = float(RecordingIndex.read(index_file).duration)
    shown = shown_stretches(frames, known, timeline, classes, end, background)
    start, stop = 0.0, end
    if settings["overlay"] == "clip":
        first = rank(frames["seconds"].to_numpy(), known, timeline, settings["review_seconds"])[0]
        start, stop = first.start, min(first.start + settings["review_seconds"], end)
    write_overlay(video, shown, start, stop, ffmpeg, output)


def shown_stretches(
    frames: pd.DataFrame,
    probabilities: NDArray[np.floating],
    timeline: NDArray[np.int64],
    classes: list[str],
    end: float,
    background: str = "",
) -> list[Stretch]:
    """The timeline without holes from 0 to `end`; nothing where nothing was looked at."""
    seconds = frames["seconds"].to_numpy()
    sure = probabilities[np.arange(len(timeline)), timeline]
    found: list[Stretch] = []
    reached = 0.0
    for run in stretches(frames, GAP):
        usual = float(np.median(np.diff(seconds[run.start : run.stop]))) if len(run) > 1 else 0.0
        for part in segments(timeline[run.start : run.stop]):
            first, last = run.start + part.start, run.start + part.stop - 1
            label = classes[part.label]
            index = -1 if label == background else part.label
            if seconds[first] > reached + 1e-6:
                found.append(Stretch(reached, seconds[first], "", -1, 0.0))
            reached = seconds[last + 1] if last + 1 < run.stop else min(seconds[last] + usual, end)
            confidence = float(sure[first : last + 1].mean())
            found.append(Stretch(seconds[first], reached, label, index, confidence))
    if reached < end - 1e-6:
        found.append(Stretch(reached, end, "", -1, 0.0))
    return found
