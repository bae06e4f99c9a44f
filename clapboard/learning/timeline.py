"""Probabilities to a timeline, subtitles and a review list: what `write_timeline` does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clapboard import artifacts
from clapboard.annotations.placing import from_clap
from clapboard.annotations.predictions import Sampled, Span, sheet_of, spans
from clapboard.annotations.sheet import Sheet
from clapboard.annotations.writing import write_sheet
from clapboard.arrow import column, lists, texts
from clapboard.learning.claps import placed
from clapboard.learning.decoders import Durations, median, viterbi
from clapboard.learning.durations import read_durations
from clapboard.learning.folds import as_trained
from clapboard.learning.fusion import Camera, Together
from clapboard.learning.lessons import taught_shares
from clapboard.learning.manifest import of_split, read_examples
from clapboard.learning.probabilities import Part, Said, Stored, certainty
from clapboard.learning.review import rank
from clapboard.parts import Rows, Runs, joined, numbers, runs_of, steps
from clapboard.timing.gaps import GAP, unbroken, usual_step
from clapboard.video.index import read_times

UNKNOWN_DAY = datetime(2000, 1, 1)
"""The clap's date in the sheet of a recording whose wall-clock time nobody has noted."""

REVIEW = ("rank", "start", "stop", "doubt", "changed", "labels")


def write_timeline(
    probabilities: str | Path,
    index_file: str | Path,
    manifest: str | Path,
    labels: str | Path,
    procedures: str | Path,
    settings: Mapping[str, Any],
    taught: Mapping[str, Any],
    annotations: Mapping[str, Any],
    predictions: str | Path,
    sheet: str | Path,
    subtitles: str | Path,
    review: str | Path,
    sync: Mapping[str, Any],
    clap: str = "0",
    others: Sequence[Mapping[str, str]] = (),
    ignored: str = "",
) -> None:
    """Steady the answers and write them in the forms that people and programs use.

    Args:
        probabilities: what `clapboard.learning.prediction.predict` wrote.
        index_file: ``index/{recording}.parquet``.
        manifest: ``Data/manifest.parquet``, for how frequent classes are in what teaches.
        labels: ``Data/labels.csv``.
        procedures: what `clapboard.learning.durations.write_durations` wrote of Training.
        settings: section ``prediction`` of the configuration.
        taught: what decides by which frames the model was taught, and how they weigh:
            ``class_weights`` and ``teach_validation`` of the model, and ``lend``, see
            `clapboard.learning.folds.as_trained`.
        annotations: section ``annotations``.
        predictions: written; `probabilities` with `predicted` from the decoder.
        sheet: written; the timeline in the lab's sheet format.
        subtitles: written; the same as SubRip.
        review: written; CSV of the stretches to check, the most doubtful first.
        sync: section ``sync``: how to hear, with `others`, claps that the table leaves to be found.
        clap: where in the recording the sheet's time zero is, as in the table of recordings.
        others: `probabilities`, `index` and `clap` of the session's other cameras, to be averaged
            with this one's.
        ignored: label that the model never says.

    Raises:
        InputError: with `others`, a clap that is to be found is not heard for sure.
    """
    recording, zero = placed(index_file, clap, sync if others else None)
    own = Stored(probabilities)
    said: Said = own
    if others:
        cameras = (
            _camera(other["probabilities"], *placed(other["index"], other["clap"], sync))
            for other in others
        )
        said = Together(_camera(probabilities, recording, zero), list(cameras))
    classes = said.classes

    def teaching() -> pd.DataFrame:
        examples = read_examples(manifest, labels, "")
        examples["split"] = as_trained(examples, taught["teach_validation"], taught["lend"])
        return of_split(examples, "Training")

    shares = taught_shares(teaching, len(classes), taught["class_weights"])
    durations = read_durations(procedures, classes)
    timeline = decoded(own.seconds, said, settings, durations, shares)

    tables = _with_timeline(probabilities, timeline, said if others else None, classes)
    artifacts.write_parquet_parts(predictions, tables, {"classes": classes})
    frames = numbers([probabilities], "frame")
    sampled = Sampled(frames, own.seconds, read_times(index_file))
    found = list(spans(timeline, sampled))
    runs = _without(annotations["background"], sheet_of(str(predictions), found, classes))
    runs = _with_confidence(runs, found, said, timeline)
    write_sheet(runs, subtitles, "srt", annotations)
    write_sheet(from_clap(runs, zero, UNKNOWN_DAY), sheet, "lab", annotations)
    doubts = rank(own.seconds, said, timeline, sampled.stop, settings["review_seconds"])
    no_idea = log(len(set(classes) - {ignored}))
    artifacts.write_csv(
        review,
        REVIEW,
        (
            [
                number,
                f"{doubt.start:.3f}",
                f"{doubt.stop:.3f}",
                f"{doubt.entropy / no_idea:.4f}",
                f"{doubt.changed:.4f}",
                " | ".join(classes[label] for label in doubt.labels),
            ]
            for number, doubt in enumerate(doubts, start=1)
        ),
    )


def _camera(answers: str | Path, recording: str, clap: Fraction) -> Camera:
    """What was said of a recording, on the clock of its session."""
    said = Stored(answers)
    return Camera(recording, said.seconds, float(clap), said)


def decoded(
    seconds: Rows,
    said: Said,
    settings: Mapping[str, Any],
    durations: Durations,
    taught: NDArray[np.float64],
) -> Runs:
    """Class index of every frame after the decoder of ``prediction.decoder``.

    Args:
        seconds: time of every frame, shape (frames,).
        said: of the frames.
        settings: section ``prediction``.
        durations: from Training.
        taught: from `clapboard.learning.lessons.taught_shares`, shape (classes,).
    """

    def steadied(stretch: range) -> Runs:
        step = usual_step(steps(seconds, stretch)) or 1.0
        part = Part(said, stretch)
        if settings["decoder"] == "median":
            return median(part, max(round(settings["median_seconds"] / step), 1))
        if settings["decoder"] == "viterbi":
            return viterbi(part, step, durations, taught)
        return joined(runs_of(shares.argmax(axis=1)) for shares in part)

    return joined(map(steadied, unbroken(seconds, GAP)))


def _with_timeline(
    answers: str | Path,
    timeline: Runs,
    averaged: Said | None,
    classes: tuple[str, ...],
) -> Iterator[pa.Table]:
    """The rows of `answers` in parts, `predicted` from the timeline.

    Args:
        answers: file with a column `probabilities`.
        timeline: class index of every row.
        averaged: stands for its probabilities, if given.
        classes: labels by index.
    """
    names = texts(classes)
    with pq.ParquetFile(answers) as file:
        fields = file.schema_arrow.names
        start = 0
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, use_threads=False)
            stop = start + len(table)
            place = fields.index("predicted")
            table = table.set_column(place, "predicted", names.take(column(timeline[start:stop])))
            if averaged is not None:
                known = averaged.part(start, stop).astype(np.float32)
                place = fields.index("probabilities")
                table = table.set_column(place, "probabilities", lists(known))
            start = stop
            yield table


def _without(background: str, sheet: Sheet) -> Sheet:
    """The sheet without the stretches in which nothing happens."""
    kept = (entry for entry in sheet.annotations if entry.label != background)
    return replace(sheet, annotations=tuple(kept))


def _with_confidence(sheet: Sheet, found: Sequence[Span], said: Said, timeline: Runs) -> Sheet:
    """The sheet with the mean probability of each annotation's label as its comment.

    Args:
        sheet: of some of the spans; rows count all of them from 1.
        found: all spans.
        said: of the frames.
        timeline: class index of every frame.
    """
    entries = []
    for entry in sheet.annotations:
        sure = certainty(said, timeline, found[entry.row - 1].rows)
        entries.append(replace(entry, comment=f"{sure.share:.0%}"))
    return replace(sheet, annotations=tuple(entries))
