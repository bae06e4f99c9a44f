"""Probabilities to a timeline, subtitles and a review list: what `write_timeline` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from clapboard import artifacts
from clapboard.annotations.placing import from_clap
from clapboard.annotations.predictions import predicted_sheet
from clapboard.annotations.sheet import Sheet
from clapboard.annotations.writing import write_sheet
from clapboard.clock import seconds_text
from clapboard.learning.decoders import GAP, Durations, learn_durations, median, viterbi
from clapboard.learning.fusion import fused
from clapboard.learning.manifest import read_examples
from clapboard.learning.protocol import Answers
from clapboard.learning.review import rank
from clapboard.learning.windows import stretches
from clapboard.problems import refuse
from clapboard.timing.sync import find_clap
from clapboard.video.index import RecordingIndex

UNKNOWN_DAY = datetime(2000, 1, 1)
"""The clap's date in the sheet of a recording whose wall-clock time nobody has noted."""

REVIEW = ("rank", "start", "stop", "doubt", "changed", "labels")


def write_timeline(
    probabilities: str | Path,
    index_file: str | Path,
    manifest: str | Path,
    labels: str | Path,
    settings: Mapping[str, Any],
    annotations: Mapping[str, Any],
    predictions: str | Path,
    sheet: str | Path,
    subtitles: str | Path,
    review: str | Path,
    sync: Mapping[str, Any],
    clap: str = "0",
    others: Sequence[Mapping[str, str]] = (),
) -> None:
    """Steady the answers and write them in the forms that people and programs use.

    Args:
        probabilities: what `clapboard.learning.prediction.predict` wrote.
        index_file: ``index/{recording}.parquet``.
        manifest: ``Data/manifest.parquet``, for lengths and order of procedures in Training.
        labels: ``Data/labels.csv``.
        settings: section ``prediction`` of the configuration.
        annotations: section ``annotations``.
        predictions: written; `probabilities` with `predicted` from the decoder.
        sheet: written; the timeline in the lab's sheet format.
        subtitles: written; the same as SubRip.
        review: written; CSV of the stretches to check, the most doubtful first.
        sync: section ``sync``: how to hear, with `others`, claps that the table leaves to be found.
        clap: where in the recording the sheet's time zero is, as in the table of recordings.
        others: `probabilities`, `index` and `clap` of the session's other cameras, to be averaged
            with this one's.

    Raises:
        InputError: with `others`, a clap that is to be found is not heard for sure.
    """
    table, metadata = artifacts.read_parquet(probabilities)
    classes = tuple(metadata["classes"])
    frames = table.drop_columns("probabilities").to_pandas().assign(split="Predict")
    known = _stacked(table)
    index = RecordingIndex.read(index_file)
    zero = clap_seconds(clap, index)
    if others:
        zero = common_clap(clap, index, sync)
        known = _with_others(frames, known, zero, others, sync)
        place = table.schema.get_field_index("probabilities")
        table = table.set_column(place, "probabilities", _listed(known))
    training = read_examples(manifest, labels, "", "Training")
    durations = learn_durations(training, len(classes))
    timeline = decoded(frames, known, settings, durations)

    names = pa.array(classes).take(pa.array(timeline))
    place = table.schema.get_field_index("predicted")
    artifacts.write_parquet(
        predictions, table.set_column(place, "predicted", names), {"classes": classes}
    )
    runs = predicted_sheet(predictions, index)
    runs = _with_confidence(_without(annotations["background"], runs), frames, known, timeline)
    write_sheet(runs, subtitles, "srt", annotations)
    write_sheet(from_clap(runs, zero, UNKNOWN_DAY), sheet, "lab", annotations)
    doubts = rank(frames["seconds"].to_numpy(), known, timeline, settings["review_seconds"])
    artifacts.write_csv(
        review,
        REVIEW,
        (
            [
                number,
                f"{doubt.start:.3f}",
                f"{doubt.stop:.3f}",
                f"{doubt.doubt:.4f}",
                f"{doubt.changed:.4f}",
                " | ".join(classes[label] for label in doubt.labels),
            ]
            for number, doubt in enumerate(doubts, start=1)
        ),
    )


def clap_seconds(clap: str, index: RecordingIndex) -> Fraction:
    """Where the clap is, seconds of the recording.

    ``auto`` without a time means the first frame: without a sheet nothing says what to listen for.

    Args:
        clap: as in the table of recordings: ``12.5``, ``frame 375``, ``auto`` or ``auto 12.5``.
        index: of the recording.
    """
    word, _, rest = clap.partition(" ")
    if word == "frame":
        return index.seconds(int(rest))
    return Fraction(rest or 0) if word == "auto" else Fraction(clap)


def common_clap(clap: str, index: RecordingIndex, sync: Mapping[str, Any]) -> Fraction:
    """Where the clap is that all cameras of a session have heard, seconds of the recording.

    What the table leaves to be found (``auto``) is listened for: with the first frame instead, the
    cameras would be averaged at different moments.

    Args:
        clap: as in the table of recordings.
        index: of the recording.
        sync: section ``sync`` of the configuration.

    Raises:
        InputError: no clap is heard for sure.
    """
    if not clap.startswith("auto"):
        return clap_seconds(clap, index)
    found, problems = find_clap(index, clap, sync)
    refuse(problems)
    seconds = seconds_text(found.time)
    print(f"{index.recording}: clap heard at {seconds} s", flush=True)  # noqa: T201 - the job's log
    return found.time


def _stacked(table: pa.Table) -> NDArray[np.float32]:
    """The probabilities of a table, shape (frames, classes)."""
    rows = table["probabilities"].combine_chunks()
    return rows.flatten().to_numpy(zero_copy_only=False).reshape(len(rows), -1)


def _listed(probabilities: NDArray[np.floating]) -> pa.Array:
    """Probabilities of shape (frames, classes) as a column of lists."""
    frames, classes = probabilities.shape
    borders = pa.array(np.arange(frames + 1) * classes, pa.int32())
    return pa.ListArray.from_arrays(borders, probabilities.astype(np.float32).ravel())


def _with_others(
    frames: pd.DataFrame,
    known: NDArray[np.floating],
    zero: Fraction,
    others: Sequence[Mapping[str, str]],
    sync: Mapping[str, Any],
) -> NDArray[np.floating]:
    """Probabilities averaged over the cameras of a session, at the same time after the clap."""
    tables, claps = [frames], {name: float(zero) for name in frames["recording"].unique()}
    answers = [known]
    for other in others:
        table = artifacts.read_parquet(other["probabilities"])[0]
        index = RecordingIndex.read(other["index"])
        claps[index.recording] = float(common_clap(other["clap"], index, sync))
        tables.append(table.drop_columns("probabilities").to_pandas())
        answers.append(_stacked(table))
    rows = pd.concat(tables, ignore_index=True).assign(subject="", session="")
    together = np.concatenate(answers)
    nothing = np.zeros(len(rows), np.int64)
    mean = fused(Answers(rows, nothing, nothing, together, known.shape[1]), claps).probabilities
    return mean[: len(frames)]


def decoded(
    frames: pd.DataFrame,
    probabilities: NDArray[np.floating],
    settings: Mapping[str, Any],
    durations: Durations,
) -> NDArray[np.int64]:
    """Class index of every frame after the decoder of ``prediction.decoder``.

    Args:
        frames: columns `recording`, `split`, `seconds`.
        probabilities: shape (frames, classes).
        settings: section ``prediction``.
        durations: from Training.
    """
    timeline = probabilities.argmax(axis=1)
    for stretch in stretches(frames, GAP):
        part = slice(stretch.start, stretch.stop)
        times = frames["seconds"].to_numpy()[part]
        step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
        if settings["decoder"] == "median":
            width = max(round(settings["median_seconds"] / step), 1)
            timeline[part] = median(probabilities[part], width)
        elif settings["decoder"] == "viterbi":
            timeline[part] = viterbi(probabilities[part], step, durations)
    return timeline


def _without(background: str, sheet: Sheet) -> Sheet:
    """The sheet without the stretches in which nothing happens."""
    kept = (entry for entry in sheet.annotations if entry.label != background)
    return replace(sheet, annotations=tuple(kept))


def _with_confidence(
    sheet: Sheet,
    frames: pd.DataFrame,
    probabilities: NDArray[np.floating],
    timeline: NDArray[np.int64],
) -> Sheet:
    """The sheet with the mean probability of each annotation's label as its comment."""
    seconds = frames["seconds"].to_numpy()
    sure = probabilities[np.arange(len(timeline)), timeline]
    entries = []
    for entry in sheet.annotations:
        ends = float(entry.start) - 1e-6, float(entry.stop) - 1e-6
        first, last = np.searchsorted(seconds, ends)
        share = float(sure[first:last].mean()) if last > first else 0.0
        entries.append(replace(entry, comment=f"{share:.0%}"))
    return replace(sheet, annotations=tuple(entries))
