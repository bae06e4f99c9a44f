"""A trained model on a recording that nobody has labelled: what `predict_recording` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clapboard import artifacts
from clapboard.arrow import column, lists, repeated, texts
from clapboard.artifacts import ROWS
from clapboard.learning import devices
from clapboard.learning.inputs import inputs_of_recording
from clapboard.learning.manifest import read_classes
from clapboard.learning.recognition import load, recognised
from clapboard.learning.stored import StoredFrames, read_stored


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
    stored = read_stored(manifests)
    seen = inputs_of_recording(stored, settings, threads, features)
    answers = gathered(recognised(load(model, settings), seen), ROWS)
    tables = _tables(recording, stored, answers, classes)
    artifacts.write_parquet_parts(probabilities, tables, {"classes": classes})


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


def _tables(
    recording: str,
    stored: StoredFrames,
    answers: Iterable[NDArray[np.floating]],
    classes: tuple[str, ...],
) -> Iterator[pa.Table]:
    """Rows of the file: each of `answers` has shape (frames, classes)."""
    names, start = texts(classes), 0
    for part in answers:
        stop = start + len(part)
        yield pa.table(
            {
                "recording": repeated(recording, len(part)),
                "frame": column(stored.frames[start:stop]),
                "seconds": column(stored.seconds[start:stop]),
                "predicted": names.take(column(part.argmax(axis=1))),
                "probabilities": lists(part.astype(np.float32)),
            }
        )
        start = stop
