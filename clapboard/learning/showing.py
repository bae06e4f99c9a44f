"""Which part of a recognised recording is shown as video: what `draw_overlay` does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from clapboard.annotations.predictions import Sampled, Span, spans
from clapboard.evaluation.overlay import Stretch, write_overlay
from clapboard.learning.probabilities import Said, Stored, certainty
from clapboard.learning.review import rank
from clapboard.parts import Runs, in_parts, joined, numbers, runs_of
from clapboard.video.index import read_times


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
    timeline = joined(map(runs_of, in_parts(said.predicted)))
    index = read_times(index_file)
    sampled = Sampled(numbers([predictions], "frame"), said.seconds, index)
    start, stop = 0.0, float(index.duration)
    shown = shown_stretches(spans(timeline, sampled), said, timeline, stop, background)
    if settings["overlay"] == "clip":
        length = settings["review_seconds"]
        first = rank(said.seconds, said, timeline, sampled.stop, length)[0]
        start, stop = first.start, first.stop
    write_overlay(video, shown, start, stop, ffmpeg, output)


def shown_stretches(
    found: Iterable[Span],
    said: Said,
    timeline: Runs,
    end: float,
    background: str = "",
) -> list[Stretch]:
    """The timeline without holes from 0 to `end`; nothing where nothing was looked at.

    Args:
        found: runs of frames with one label.
        said: of the frames.
        timeline: class index of every frame.
        end: of the video, seconds.
        background: label of the class for frames in which nothing happens.
    """
    shown: list[Stretch] = []
    reached = 0.0
    for one in found:
        label = said.classes[one.label]
        index = -1 if label == background else one.label
        start, stop = float(one.start), float(one.stop)
        if start > reached + 1e-6:
            shown.append(Stretch(reached, start, "", -1, 0.0))
        sure = certainty(said, timeline, one.rows)
        shown.append(Stretch(start, stop, label, index, sure.share))
        reached = stop
    if reached < end - 1e-6:
        shown.append(Stretch(reached, end, "", -1, 0.0))
    return shown
