"""A trained model on a recording that nobody has labelled: what `predict_recording` does."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clapboard import artifacts
from clapboard.learning import devices, manifest
from clapboard.learning.inputs import make_inputs
from clapboard.learning.manifest import read_classes
from clapboard.learning.recognition import load, recognised

ROWS = 16_384
"""Answers that are written at once."""


def predict(
    recording: str,
    manifests: Sequence[str | Path],
    labels: str | Path,
    model: str | Path,
    settings: Mapping[str, Any],
    probabilities: str | Path,
    features: str | Path | None = None,
    threads: int = 0,
) -> None:
    """Recognise every stored frame of a recording.

    Args:
        recording: its id.
        manifests: its chapters in order, ``resized/{recording}/{chapter}/manifest.parquet``.
        labels: ``Data/labels.csv`` that the model was trained with.
        model: ``model.keras``.
        settings: the model's section of the configuration.
        probabilities: written; one row per frame: recording, frame, seconds, predicted (the most
            probable label), probabilities (a list in the order that the metadata give).
        features: the recording's feature file, for models that learn from features.
        threads: cores to use, 0 for all.

    Raises:
        InputError: a frame cannot be read or has no features.
    """
    devices.prepare(settings["seed"], threads)
    classes = read_classes(labels)
    frames = stored_frames(recording, manifests)
    files = {recording: str(features)} if features is not None else None
    seen = make_inputs(frames, settings, threads, files, covering=True)
    answers = gathered(recognised(load(model, settings), seen), ROWS)
    start = 0
    with artifacts.replacing(probabilities) as temporary, ExitStack() as stack:
        output: pq.ParquetWriter | None = None
        for part in answers:
            table = _table(frames.iloc[start : start + len(part)], part, classes)
            start += len(part)
            if output is None:
                writer = pq.ParquetWriter(temporary, table.schema, compression="zstd")
                output = stack.enter_context(writer)
            output.write_table(table)


def gathered(parts: Iterable[NDArray], rows: int) -> Iterator[NDArray]:
    """The same rows in order in fewer parts, each of at least so many but the last."""
    waiting: list[NDArray] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) >= rows:
            yield np.concatenate(waiting)
            waiting = []
    if waiting:
        yield np.concatenate(waiting)


def _table(
    frames: pd.DataFrame, answers: NDArray[np.floating], classes: tuple[str, ...]
) -> pa.Table:
    """Rows of the file: `answers` has shape (frames, classes)."""
    borders = pa.array(np.arange(len(answers) + 1) * len(classes), pa.int32())
    table = pa.table(
        {
            "recording": pa.array(frames["recording"]),
            "frame": pa.array(frames["frame"]),
            "seconds": pa.array(frames["seconds"]),
            "predicted": pa.array(np.array(classes)[answers.argmax(axis=1)]),
            "probabilities": pa.ListArray.from_arrays(borders, answers.astype(np.float32).ravel()),
        }
    )
    known = json.dumps({"classes": classes}).encode()
    return table.replace_schema_metadata({artifacts.METADATA_KEY: known})


def stored_frames(recording: str, manifests: Sequence[str | Path]) -> pd.DataFrame:
    """The frames in a recording's store, in the form of the dataset's examples, of no class."""
    frames = manifest.read_stored(manifests)
    frames["recording"], frames["split"], frames["class_index"] = recording, "Predict", 0
    return frames
