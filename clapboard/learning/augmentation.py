"""Random changes of frames inside the training network, on the GPU when there is one.

The layer stands in front of the network only while it trains; the saved model is without it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

WHITE = 255.0


class Augmentation(keras.layers.Layer):
    """Shift, zoom, rotation, mirroring, light, contrast, colour, noise and erased patches.

    Input and output: (batch, height, width, 3) or (batch, frames, height, width, 3), values 0-255
    (the output may lie somewhat outside). The frames of a sequence are changed alike; of noise only
    the strength is the same.
    """

    def __init__(self, settings: Mapping[str, Any], seed: int) -> None:
        """Take the section ``augmentation`` of a model."""
        super().__init__(name="augmentation", dtype="float32")
        self._settings = settings
        self._generator = keras.random.SeedGenerator(seed)

    def call(self, frames: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Change the frames while training, else give them back as they are."""
        frames = tf.cast(frames, tf.float32)
        if not training:
            return frames
        shape = tf.shape(frames)
        sequence = frames.shape[1] if len(frames.shape) == 5 else 1
        flat = tf.reshape(frames, (-1, *frames.shape[-3:]))

        def draw(*size: int) -> tf.Tensor:
            values = keras.random.uniform((shape[0], *size), -1.0, 1.0, seed=self._generator)
            return tf.repeat(values, sequence, axis=0)

        flat = self._moved(flat, draw)
        flat = self._lit(flat, draw)
        if self._settings["noise"]:
            amount = self._settings["noise"] * WHITE * draw(1, 1, 1)
            flat += amount * keras.random.normal(tf.shape(flat), seed=self._generator)
        if self._settings["erase"]:
            flat = self._erased(flat, draw)
        return tf.reshape(flat, shape)

    def _moved(self, frames: tf.Tensor, draw: Any) -> tf.Tensor:
        """Rotation, zoom, mirroring and shift in one resampling; borders are repeated."""
        height, width = frames.shape[1:3]
        angle = draw() * math.radians(self._settings["rotation"])
        down = 1 + draw() * self._settings["zoom"]
        across = down * (1 + draw() * self._settings["zoom"] / 2)
        if self._settings["flip"]:
            across *= tf.where(draw() < 0, -1.0, 1.0)
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        a, b = across * tf.cos(angle), -down * tf.sin(angle)
        c, d = across * tf.sin(angle), down * tf.cos(angle)
        x = middle_x - a * middle_x - b * middle_y + draw() * self._settings["shift"] * width
        y = middle_y - c * middle_x - d * middle_y + draw() * self._settings["shift"] * height
        nothing = tf.zeros_like(a)
        return tf.raw_ops.ImageProjectiveTransformV3(
            images=frames,
            transforms=tf.stack([a, b, x, c, d, y, nothing, nothing], axis=1),
            output_shape=tf.constant([height, width]),
            fill_value=0.0,
            interpolation="BILINEAR",
            fill_mode="NEAREST",
        )

    def _lit(self, frames: tf.Tensor, draw: Any) -> tf.Tensor:
        """Contrast and colour about the frame's own mean, then light."""
        mean = tf.reduce_mean(frames, axis=(1, 2), keepdims=True)
        gain = 1 + draw(1, 1, 1) * self._settings["contrast"]
        light = mean * (1 + draw(1, 1, 3) * self._settings["colour"])
        return (frames - mean) * gain + light + draw(1, 1, 1) * self._settings["brightness"] * WHITE

    def _erased(self, frames: tf.Tensor, draw: Any) -> tf.Tensor:
        """A rectangle at a random place filled with the frame's mean."""
        height, width = frames.shape[1:3]
        down, across = (
            tf.abs(tf.range(size, dtype=tf.float32) - (draw(1) + 1) / 2 * size)
            < tf.abs(draw(1)) * self._settings["erase"] * size / 2
            for size in (height, width)
        )
        inside = down[:, :, None, None] & across[:, None, :, None]
        mean = tf.reduce_mean(frames, axis=(1, 2), keepdims=True)
        return tf.where(inside, mean, frames)
