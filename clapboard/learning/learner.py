"""A network as it trains: loss, optimiser, augmentation, epochs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from clapboard.learning import data, nodes
from clapboard.learning.augmentation import Augmentation
from clapboard.learning.checkpoint import Checkpoint
from clapboard.learning.inputs import Inputs, sees_frames
from clapboard.learning.losses import FrameAccuracy, FrameLoss, mean_over_devices
from clapboard.learning.manifest import balanced_weights

Settings = Mapping[str, Any]


class Learner(keras.Model):
    """A network that shows the mean loss over items, on any number of devices.

    Keras weighs the loss of a batch by the places in it, and so those that fill it up to equal
    shares, see `clapboard.learning.data`: several devices would show another loss than one, and
    might stop at another epoch.
    """

    def __init__(self, *wiring: Any, **more: Any) -> None:
        """Take what `keras.Model` takes."""
        super().__init__(*wiring, **more)
        # Keras shows the last measure of a name; its own is before it.
        self._mean = keras.metrics.Mean(name="loss")

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        """The loss of this device's share of a batch, counted on the way."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        first = y if len(y.shape) == 1 else y[:, 0]
        items = mean_over_devices(tf.reduce_sum(tf.cast(first != data.FILLED, tf.float32)))
        devices = tf.distribute.get_strategy().num_replicas_in_sync
        self._mean.update_state(loss * devices, sample_weight=items)
        return loss


def make_learner(
    network: keras.Model, settings: Settings, counts: NDArray[np.int64], batches: int
) -> Learner:
    """The network as it trains: behind the augmentation, with loss, measure and optimiser.

    Args:
        network: gives logits of items, or of (items, known), see `architectures.Networks`.
        settings: of the model.
        counts: training frames per class, shape (classes,).
        batches: of an epoch.
    """
    shape, *_ = (tensor.shape for tensor in network.inputs)
    items = keras.Input(shape[1:], name="items")
    inputs = [items, *(keras.Input(one.shape[1:], dtype=one.dtype) for one in network.inputs[1:])]
    x = items
    if sees_frames(settings):
        x = Augmentation(settings["augmentation"], settings["seed"])(x)
    logits = network([x, *inputs[1:]] if len(inputs) > 1 else x)
    learner = Learner(inputs if len(inputs) > 1 else items, logits, name="learner")

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


def fit(
    learner: keras.Model,
    seen: Inputs,
    held_out: Inputs | None,
    settings: Settings,
    record: Checkpoint,
) -> None:
    """Run the epochs that are still to do, each judged by what is held out, if anything is."""
    record.restore_last(learner)
    batch_size = settings["batch_size"]
    callbacks: list[keras.callbacks.Callback] = [record]
    if settings["tensorboard"]:
        folder = record.folder.parent / "tensorboard" / record.folder.name
        if not record.epoch and folder.exists():
            shutil.rmtree(folder)  # of a training with other settings
        callbacks.append(keras.callbacks.TensorBoard(folder, write_graph=False))
    shares = learner.distribute_strategy.num_replicas_in_sync
    batches = data.training_batches(
        seen.source, seen.items, seen.targets, batch_size, settings["seed"], record.epoch, shares
    )
    judged = held_out and data.ordered_batches(
        held_out.source, held_out.items, held_out.targets, batch_size, shares
    )
    if shares > 1:
        nodes.build(learner, seen.items.ndim)
    if nodes.workers() > 1:
        batches, judged = nodes.shared(batches), judged and nodes.shared(judged)
    learner.fit(
        batches,
        steps_per_epoch=seen.batches,
        validation_data=judged,
        epochs=settings["epochs"],
        initial_epoch=record.epoch,
        callbacks=callbacks,
        shuffle=False,
        verbose=2,
    )


def summary_of(network: keras.Model) -> str:
    """The layers with their output shapes and numbers of weights, as plain text."""
    rows = [
        (layer.name, type(layer).__name__, str(layer.output.shape), f"{layer.count_params():,}")
        for layer in network.layers
    ]
    rows.append((network.name, "all layers", "", f"{network.count_params():,}"))
    return "".join(f"{a:<28}{b:<24}{c:<28}{d:>14}\n" for a, b, c, d in rows)
