"""What training lowers and shows, for frames and for sequences alike.

Targets are class indices; -1 means that there is no frame and counts nowhere. Predictions are
logits of shape (..., classes), or (batch, stages, frames, classes) for networks in stages.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

FLICKER_CAP = 16.0
"""Squared steps of the log-probability are counted up to here (Abu Farha and Gall, 2019: 4^2)."""


class FrameLoss(keras.losses.Loss):
    """Mean over frames of the weighted cross entropy or focal loss, plus the flicker loss.

    Focal loss: Lin, Goyal, Girshick, He, Dollar, "Focal loss for dense object detection" (2017).
    Flicker: truncated mean squared error of neighbouring log-probabilities, of Abu Farha, Gall,
    "MS-TCN: multi-stage temporal convolutional network for action segmentation" (2019).
    """

    def __init__(
        self,
        class_weights: ArrayLike,
        label_smoothing: float = 0.0,
        gamma: float = 0.0,
        flicker: float = 0.0,
    ) -> None:
        """Take the weights.

        Args:
            class_weights: shape (classes,).
            label_smoothing: share of the true class' certainty that is spread over all classes.
            gamma: exponent of the focal loss; 0 is cross entropy.
            flicker: weight of the flicker loss; 0 leaves it out.
        """
        super().__init__(name="loss")
        self._weights = np.asarray(class_weights, np.float32)
        self._label_smoothing, self._gamma, self._flicker = label_smoothing, gamma, flicker

    def call(self, true: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Loss of every frame, scaled so that Keras' mean is the mean over known frames."""
        logits = tf.cast(logits, tf.float32)
        true = _for_stages(tf.cast(true, tf.int64), logits)
        known = tf.cast(true >= 0, tf.float32)
        index = tf.maximum(true, 0)
        logs = tf.nn.log_softmax(logits)
        classes = len(self._weights)
        wanted = tf.one_hot(index, classes)
        smoothed = wanted * (1 - self._label_smoothing) + self._label_smoothing / classes
        losses = -tf.reduce_sum(smoothed * logs, axis=-1)
        if self._gamma:
            hit = tf.exp(tf.reduce_sum(wanted * logs, axis=-1))
            losses *= (1 - hit) ** self._gamma
        losses *= known * tf.gather(tf.constant(self._weights), index)
        if self._flicker:
            losses += self._flicker * _flicker(logs, known)
        count = mean_over_devices(tf.reduce_sum(known))
        return tf.math.divide_no_nan(losses * tf.cast(tf.size(losses), tf.float32), count)


def mean_over_devices(count: tf.Tensor) -> tf.Tensor:
    """The mean of a number over all devices that share a batch.

    The mean over devices of what each divides by it is the mean over the frames of the batch, also
    where one device has more of them than another.
    """
    device = tf.distribute.get_replica_context()
    if device is None or device.num_replicas_in_sync == 1:
        return count
    return device.all_reduce(tf.distribute.ReduceOp.MEAN, count)


def _flicker(logs: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    """Mean over classes of the truncated squared step from the frame before, per frame.

    The earlier frame is held constant, so that the loss pulls each frame to its past.
    """
    steps = logs[..., 1:, :] - tf.stop_gradient(logs[..., :-1, :])
    squared = tf.reduce_mean(tf.minimum(steps**2, FLICKER_CAP), axis=-1)
    squared *= known[..., 1:] * known[..., :-1]
    first = tf.zeros_like(squared[..., :1])
    return tf.concat([first, squared], axis=-1)


class FrameAccuracy(keras.metrics.Metric):
    """Share of known frames whose class has the highest logit (in the last stage)."""

    def __init__(self, name: str = "accuracy") -> None:
        """Begin with no frames."""
        super().__init__(name=name)
        self._right = self.add_weight(name="right", initializer="zeros")
        self._frames = self.add_weight(name="frames", initializer="zeros")

    def update_state(
        self, true: tf.Tensor, logits: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> None:
        """Count one batch; weights of frames do not matter here."""
        true = tf.cast(true, tf.int64)
        if len(logits.shape) == len(true.shape) + 2:
            logits = logits[:, -1]
        known = true >= 0
        right = known & (tf.argmax(logits, axis=-1) == true)
        self._right.assign_add(tf.reduce_sum(tf.cast(right, tf.float32)))
        self._frames.assign_add(tf.reduce_sum(tf.cast(known, tf.float32)))

    def result(self) -> tf.Tensor:
        """The share so far; 0 without frames."""
        return tf.math.divide_no_nan(self._right.value, self._frames.value)


def _for_stages(true: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The targets of every stage: the same for all."""
    if len(logits.shape) == len(true.shape) + 1:
        return true
    return tf.repeat(true[:, None], tf.shape(logits)[1], axis=1)
