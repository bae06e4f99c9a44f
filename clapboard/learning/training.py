"""From the labelled set to a trained model: what the rule `train_model` does."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any

import keras
import pandas as pd

from clapboard import artifacts, plots
from clapboard.learning import architectures, checkpoint, data, devices, failures
from clapboard.learning.manifest import (
    balanced_weights,
    class_counts,
    read_classes,
    read_examples,
)
from clapboard.problems import Problem, refuse


def train(
    manifest: str | Path,
    labels: str | Path,
    data_folder: str | Path,
    settings: Mapping[str, Any],
    model: str | Path,
    history: str | Path,
    curves: str | Path,
    summary: str | Path,
    threads: int = 0,
) -> None:
    """Train on the Training split, stop by the Validation split, keep the best weights.

    A run that was killed goes on after its last whole epoch, with the same result.

    Args:
        manifest: ``Data/manifest.parquet``.
        labels: ``Data/labels.csv``, which alone says what index a class has.
        data_folder: the folder that the paths of the manifest start from.
        settings: one section of ``models`` in the configuration.
        model: written; takes frames with values 0-255.
        history: written; one row per epoch.
        curves: written; loss and accuracy as a picture.
        summary: written; the network as text.
        threads: cores to use, 0 for all.

    Raises:
        InputError: a class without a training frame, no validation frame, frames that cannot be
            read, not enough memory.
    """
    devices.prepare(settings["seed"], threads)
    classes = read_classes(labels)
    training = read_examples(manifest, labels, data_folder, "Training")
    validation = read_examples(manifest, labels, data_folder, "Validation")
    refuse(_check(training, validation, classes, str(manifest)))

    keras.config.set_dtype_policy(devices.precision(settings["mixed_precision"]))
    pictures = data.Pictures(training["file"].tolist(), threads)
    with devices.strategy().scope():
        network = architectures.make_model(pictures.shape, len(classes), settings)
        network.compile(
            optimizer=keras.optimizers.Adam(settings["learning_rate"]),
            loss=keras.losses.SparseCategoricalCrossentropy(),
            metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        )

    record = checkpoint.Checkpoint(
        folder=Path(model).parent / "training",
        identity=checkpoint.identity(settings, [manifest, labels]),
        patience=settings["patience"],
        seed=settings["seed"],
    )
    if not record.finished(settings["epochs"]):
        held_out = data.Pictures(validation["file"].tolist(), threads)
        with failures.explained(settings["batch_size"], pictures, held_out):
            _fit(network, pictures, held_out, training, validation, settings, record, len(classes))
    record.restore_best(network)

    rows = record.history
    with artifacts.replacing(model) as temporary:
        network.save(temporary)
    artifacts.write_csv(
        history,
        ["epoch", *rows[0]],
        ([number, *row.values()] for number, row in enumerate(rows, start=1)),
    )
    plots.learning_curves(rows, record.best_epoch, curves)
    artifacts.write_text(summary, _summary(network))
    record.remove()


def _fit(
    network: keras.Model,
    pictures: data.Pictures,
    held_out: data.Pictures,
    training: pd.DataFrame,
    validation: pd.DataFrame,
    settings: Mapping[str, Any],
    record: checkpoint.Checkpoint,
    classes: int,
) -> None:
    """Run the epochs that are still to do."""
    batch_size = settings["batch_size"]
    record.restore_last(network)
    targets = training["class_index"].to_numpy()
    weights = None
    if settings["class_weights"] == "balanced":
        weights = dict(enumerate(balanced_weights(class_counts(training, classes)).tolist()))
    network.fit(
        data.training_batches(pictures, targets, batch_size, settings["seed"], record.epoch),
        steps_per_epoch=ceil(len(targets) / batch_size),
        validation_data=data.ordered_batches(
            held_out, validation["class_index"].to_numpy(), batch_size
        ),
        epochs=settings["epochs"],
        initial_epoch=record.epoch,
        class_weight=weights,
        shuffle=False,
        callbacks=[record],
        verbose=2,
    )


def _check(
    training: pd.DataFrame, validation: pd.DataFrame, classes: tuple[str, ...], manifest: str
) -> list[Problem]:
    """What makes training impossible."""
    problems = [
        Problem(
            "class-without-training-frame",
            "no Training subject shows this class",
            "Move a subject who shows it to Training, or drop it: annotations.unseen: drop.",
            file=manifest,
            column="label",
            value=label,
        )
        for label, count in zip(classes, class_counts(training, len(classes)), strict=True)
        if not count
    ]
    if len(classes) < 2:
        problems.append(
            Problem(
                "one-class",
                "there is nothing to tell apart: the set has fewer than two classes",
                "Annotate a second procedure, or set annotations.background.",
                file=manifest,
            )
        )
    if validation.empty:
        problems.append(
            Problem(
                "no-validation-frame",
                "no frame is in the Validation split, so nothing says when to stop",
                "Give at least one subject the split Validation.",
                file=manifest,
                column="split",
            )
        )
    return problems


def _summary(network: keras.Model) -> str:
    """The layers with their output shapes and numbers of weights, as plain text."""
    rows = [
        (layer.name, type(layer).__name__, str(layer.output.shape), f"{layer.count_params():,}")
        for layer in network.layers
    ]
    rows.append((network.name, "all layers", "", f"{network.count_params():,}"))
    return "".join(f"{a:<28}{b:<24}{c:<28}{d:>14}\n" for a, b, c, d in rows)
