"""How good a trained model is on subjects it has never seen: what `evaluate_model` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from clapboard import artifacts, plots
from clapboard.learning import data, devices, failures, protocol
from clapboard.learning.manifest import class_counts, read_classes, read_examples
from clapboard.metrics import confusion_matrix
from clapboard.problems import Problem, refuse


def evaluate(
    model: str | Path,
    manifest: str | Path,
    labels: str | Path,
    data_folder: str | Path,
    settings: Mapping[str, Any],
    predictions: str | Path,
    metrics: str | Path,
    confusion: str | Path,
    threads: int = 0,
) -> None:
    """Recognise every frame of the Test split and say how good that is, beside the baselines.

    Args:
        model: ``model.keras`` of this dataset.
        manifest: ``Data/manifest.parquet``.
        labels: ``Data/labels.csv``.
        data_folder: the folder that the paths of the manifest start from.
        settings: one section of ``models`` in the configuration.
        predictions: written; one row per test frame: recording, frame, seconds, true, predicted
            (labels), probabilities (a list, one per class in the order that the metadata give).
        metrics: written; see `clapboard.learning.protocol`.
        confusion: written; confusion matrix as a picture.
        threads: cores to use, 0 for all.

    Raises:
        InputError: there is no test frame, or frames cannot be read.
    """
    devices.prepare(settings["seed"], threads)
    classes = read_classes(labels)
    test = read_examples(manifest, labels, data_folder, "Test")
    refuse(_check(test, str(manifest)))
    training = read_examples(manifest, labels, data_folder, "Training")

    network = keras.models.load_model(model, compile=False)
    probabilities = predict(network, test, settings["batch_size"], threads)
    predicted = probabilities.argmax(axis=1)
    true = test["class_index"].to_numpy()

    names = np.array(classes)
    columns = {name: test[name] for name in ("recording", "frame", "seconds")}
    columns |= {"true": names[true], "predicted": names[predicted]}
    table = pa.table(columns).append_column("probabilities", pa.array(list(probabilities)))
    artifacts.write_parquet(predictions, table, {"classes": classes})

    counts = confusion_matrix(true, predicted, len(classes))
    trained = class_counts(training, len(classes))
    artifacts.write_json(
        metrics,
        {
            "split": "Test",
            "frames": len(test),
            "subjects": sorted(test["subject"].unique()),
            "classes": len(classes),
            "model": protocol.measures(counts),
            "baselines": protocol.baselines(counts, trained),
            "per_class": protocol.per_class(counts, classes),
        },
    )
    plots.confusion_matrix(counts, classes, confusion)


def predict(
    network: keras.Model, examples: pd.DataFrame, batch_size: int, threads: int = 0
) -> NDArray[np.float32]:
    """Class probabilities of every row, shape (rows, classes)."""
    pictures = data.Pictures(examples["file"].tolist(), threads)
    batches = data.ordered_batches(pictures, examples["class_index"].to_numpy(), batch_size)
    with failures.explained(batch_size, pictures):
        return network.predict(batches, verbose=2)


def _check(test: pd.DataFrame, manifest: str) -> list[Problem]:
    if not test.empty:
        return []
    return [
        Problem(
            "no-test-frame",
            "no frame is in the Test split, so nothing can be said about the model",
            "Give at least one subject the split Test.",
            file=manifest,
            column="split",
        )
    ]
