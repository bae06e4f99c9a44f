"""Which part of a recognised recording is shown as video: what `draw_overlay` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clapboard.evaluation.overlay import Stretch, write_overlay
from clapboard.evaluation.timelines import segments
from clapboard.learning.probabilities import Said, Stored, certainty
from clapboard.learning.review import rank
from clapboard.parts import Rows, Runs, in_parts, joined, runs_of, steps
from clapboard.timing.gaps import GAP, unbroken, usual_step
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
    end = float(read_times(index_file).duration)
    shown = shown_stretches(said.seconds, said, timeline, end, background)
    start, stop = 0.0, end
    if settings["overlay"] == "clip":
        first = rank(said.seconds, said, timeline, settings["review_seconds"])[0]
        start, stop = first.start, min(first.start + settings["review_seconds"], end)
    write_overlay(video, shown, start, stop, ffmpeg, output)


def shown_stretches(
    seconds: Rows,
    said: Said,
    timeline: Runs,
    end: float,
    background: str = "",
) -> list[Stretch]:
    """The timeline without holes from 0 to `end`; nothing where nothing was looked at.

    Args:
        seconds: time of every frame, shape (frames,).
        said: of the frames.
        timeline: class index of every frame.
        end: of the video, seconds.
        background: label of the class for frames in which nothing happens.
    """
    found: list[Stretch] = []
    reached = 0.0
    ends = {run.stop: run for run in unbroken(seconds, GAP)}
    for part in segments(timeline, breaks=(run.start for run in ends.values())):
        label = said.classes[part.label]
        index = -1 if label == background else part.label
        start = seconds[part.start]
        if start > reached + 1e-6:
            found.append(Stretch(reached, start, "", -1, 0.0))
        if part.stop in ends:
            usual = usual_step(steps(seconds, ends[part.stop]))
            reached = min(seconds[part.stop - 1] + usual, end)
        else:
            reached = seconds[part.stop]
        sure = certainty(said, timeline, range(part.start, part.stop))
        found.append(Stretch(start, reached, label, index, sure.share))
    if reached < end - 1e-6:
        found.append(Stretch(reached, end, "", -1, 0.0))
    return found
