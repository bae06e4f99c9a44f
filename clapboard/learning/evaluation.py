"""How good a trained model is on subjects it has never seen: what `evaluate_model` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pyarrow as pa

from clapboard import artifacts, plots
from clapboard.learning import devices, protocol
from clapboard.learning.inputs import make_inputs
from clapboard.learning.manifest import class_counts, read_classes, read_examples
from clapboard.learning.recognition import recognise
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
    features: Mapping[str, str] | None = None,
    test_subject: str | None = None,
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
        features: feature file of every recording, for models that learn from features.
        test_subject: test on this subject instead of the Test split of the manifest.

    Raises:
        InputError: there is no test frame, or frames cannot be read.
    """
    devices.prepare(settings["seed"], threads)
    classes = read_classes(labels)
    test = read_examples(manifest, labels, data_folder, "Test", test_subject)
    refuse(_check(test, str(manifest)))
    training = read_examples(manifest, labels, data_folder, "Training", test_subject)

    network = keras.models.load_model(model, compile=False)
    seen = make_inputs(test, settings, threads, features, covering=True)
    probabilities = recognise(network, seen)
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
