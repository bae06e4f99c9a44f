"""A trained model on a recording that nobody has labelled: what `predict_recording` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from clapboard import artifacts
from clapboard.learning import devices, manifest
from clapboard.learning.inputs import make_inputs
from clapboard.learning.manifest import read_classes
from clapboard.learning.recognition import load, recognise


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
    network = load(model, settings)
    answers = recognise(network, make_inputs(frames, settings, threads, files, covering=True))
    table = pa.table(
        {
            "recording": pa.array(frames["recording"]),
            "frame": pa.array(frames["frame"]),
            "seconds": pa.array(frames["seconds"]),
            "predicted": pa.array(np.array(classes)[answers.argmax(axis=1)]),
            "probabilities": pa.array(list(answers.astype(np.float32))),
        }
    )
    artifacts.write_parquet(probabilities, table, {"classes": classes})


def stored_frames(recording: str, manifests: Sequence[str | Path]) -> pd.DataFrame:
    """The frames in a recording's store, in the form of the dataset's examples, of no class."""
    frames = manifest.read_stored(manifests)
    frames["recording"], frames["split"], frames["class_index"] = recording, "Predict", 0
    return frames
