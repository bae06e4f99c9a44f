"""From the labelled set to a trained model: what the rule `train_model` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from clapboard import artifacts, plots
from clapboard.learning import architectures, data, devices, failures, inputs
from clapboard.learning.augmentation import Augmentation
from clapboard.learning.checkpoint import Checkpoint, identity
from clapboard.learning.losses import FrameAccuracy, FrameLoss
from clapboard.learning.manifest import (
    balanced_weights,
    class_counts,
    read_classes,
    read_examples,
)
from clapboard.problems import Problem, refuse

Settings = Mapping[str, Any]


def train(
    manifest: str | Path,
    labels: str | Path,
    data_folder: str | Path,
    settings: Settings,
    model: str | Path,
    history: str | Path,
    curves: str | Path,
    summary: str | Path,
    threads: int = 0,
    features: Mapping[str, str] | None = None,
    test_subject: str | None = None,
) -> None:
    """Train on the Training split, stop by the Validation split, keep the best weights.

    A run that was killed goes on after its last whole epoch, with the same result.

    Args:
        manifest: ``Data/manifest.parquet``.
        labels: ``Data/labels.csv``, which alone says what index a class has.
        data_folder: the folder that the paths of the manifest start from.
        settings: one section of ``models`` in the configuration.
        model: written; takes frames with values 0-255 (or features, if trained on them).
        history: written; one row per epoch.
        curves: written; loss and accuracy as a picture.
        summary: written; the network as text.
        threads: cores to use, 0 for all.
        features: feature file of every recording, for models that learn from features.
        test_subject: leave this subject out instead of using the splits of the manifest.

    Raises:
        InputError: a class without a training frame, no validation frame, frames that cannot be
            read, not enough memory.
    """
    devices.prepare(settings["seed"], threads)
    classes = read_classes(labels)
    examples = read_examples(manifest, labels, data_folder, test_subject=test_subject)
    training = _of_split(examples, "Training")
    validation = _of_split(examples, "Validation")
    refuse(_check(training, validation, classes, str(manifest), test_subject))

    record = Checkpoint(
        folder=Path(model).parent / "training",
        identity=identity({**settings, "test_subject": test_subject}, [manifest, labels]),
        patience=settings["patience"],
        seed=settings["seed"],
    )
    seen = inputs.make_inputs(training, settings, threads, features)
    held_out = inputs.make_inputs(validation, settings, threads, features)
    seen = seen.kept(settings["cache_mb"], record.folder / "training.cache")
    held_out = held_out.kept(settings["cache_mb"], record.folder / "validation.cache")

    keras.config.set_dtype_policy(devices.precision(settings["mixed_precision"]))
    with devices.strategy().scope():
        network = architectures.make_model(seen.shape, len(classes), settings)
        learner = _learner(network, settings, class_counts(training, len(classes)), seen.batches)
    if not record.finished(settings["epochs"]):
        with failures.explained(settings["batch_size"], seen.source, held_out.source):
            _fit(learner, seen, held_out, settings, record)
    record.restore_best(learner)

    rows = record.history
    with artifacts.replacing(model) as temporary:
        architectures.with_probabilities(network).save(temporary)
    artifacts.write_csv(
        history,
        ["epoch", *rows[0]],
        ([number, *row.values()] for number, row in enumerate(rows, start=1)),
    )
    plots.learning_curves(rows, record.best_epoch, curves)
    artifacts.write_text(summary, _summary(network))
    record.remove()


def _learner(
    network: keras.Model, settings: Settings, counts: np.ndarray, batches: int
) -> keras.Model:
    """The network as it trains: behind the augmentation, with loss, measure and optimiser.

    Args:
        network: gives logits.
        settings: of the model.
        counts: training frames per class, shape (classes,).
        batches: of an epoch.
    """
    items = keras.Input(network.input_shape[1:], name="items")
    x = items
    if inputs.sees_frames(settings):
        x = Augmentation(settings["augmentation"], settings["seed"])(x)
    learner = keras.Model(items, network(x), name="learner")

    rate = settings["learning_rate"]
    if settings["schedule"] == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, batches * settings["epochs"])
    balanced = settings["class_weights"] == "balanced"
    learner.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=settings["weight_decay"]),
        loss=FrameLoss(
            balanced_weights(counts) if balanced else np.ones(len(counts)),
            settings["label_smoothing"],
            settings["focal_gamma"] if settings["loss"] == "focal" else 0.0,
            settings.get("smoothing", 0.0),
        ),
        metrics=[FrameAccuracy()],
    )
    return learner


def _fit(
    learner: keras.Model,
    seen: inputs.Inputs,
    held_out: inputs.Inputs,
    settings: Settings,
    record: Checkpoint,
) -> None:
    """Run the epochs that are still to do."""
    record.restore_last(learner)
    batch_size = settings["batch_size"]
    callbacks: list[keras.callbacks.Callback] = [record]
    if settings["tensorboard"]:
        folder = record.folder.with_name("tensorboard")
        callbacks.append(keras.callbacks.TensorBoard(folder, write_graph=False))
    learner.fit(
        data.training_batches(
            seen.source, seen.items, seen.targets, batch_size, settings["seed"], record.epoch
        ),
        steps_per_epoch=seen.batches,
        validation_data=data.ordered_batches(
            held_out.source, held_out.items, held_out.targets, batch_size
        ),
        epochs=settings["epochs"],
        initial_epoch=record.epoch,
        callbacks=callbacks,
        shuffle=False,
        verbose=2,
    )


def _of_split(examples: pd.DataFrame, split: str) -> pd.DataFrame:
    return examples[examples["split"] == split].reset_index(drop=True)


def _check(
    training: pd.DataFrame,
    validation: pd.DataFrame,
    classes: tuple[str, ...],
    manifest: str,
    test_subject: str | None,
) -> list[Problem]:
    """What makes training impossible.

    Where one subject is left out, a class that only that subject shows cannot be learnt; that is
    a fact about the data which evaluation reports, and no reason to stop.
    """
    counts = class_counts(training, len(classes))
    problems = [
        Problem(
            "class-without-training-frame",
            "no Training subject shows this class",
            "Move a subject who shows it to Training, or drop it: annotations.unseen: drop.",
            file=manifest,
            column="label",
            value=label,
        )
        for label, count in zip(classes, counts, strict=True)
        if not count and test_subject is None
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
