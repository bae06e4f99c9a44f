"""The networks: one function each, from the shape of a frame and the number of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from clapboard.problems import InputError, Problem, did_you_mean

DIVISIONS = 8
"""Three poolings halve the sides, so a frame needs at least this many pixels each way."""


def make_model(
    input_shape: tuple[int, int, int], num_classes: int, settings: Mapping[str, Any]
) -> keras.Model:
    """The network that ``settings["architecture"]`` names, not compiled.

    Args:
        input_shape: (height, width, channels) of a frame with values 0-255.
        num_classes: at least 2.
        settings: one section of ``models`` in the configuration.

    Raises:
        InputError: no such architecture, or the frames are too small for it.
    """
    architecture = settings["architecture"]
    if architecture not in ARCHITECTURES:
        raise InputError(
            [
                Problem(
                    "unknown-architecture",
                    "there is no such architecture",
                    did_you_mean(architecture, ARCHITECTURES),
                    column="architecture",
                    value=architecture,
                )
            ]
        )
    return ARCHITECTURES[architecture](input_shape, num_classes, settings)


def make_cnn(
    input_shape: tuple[int, int, int], num_classes: int, settings: Mapping[str, Any]
) -> keras.Model:
    """Three convolutions, 16-32-64 filters, each with a pooling, and a dense head."""
    if min(input_shape[:2]) < DIVISIONS:
        raise InputError(
            [
                Problem(
                    "frames-too-small",
                    f"a cnn needs frames of at least {DIVISIONS} x {DIVISIONS} pixels",
                    "Raise frames.size.",
                    column="frames.size",
                    value=str(input_shape[:2]),
                )
            ]
        )
    frames = keras.Input(input_shape, name="frames")
    x = layers.Rescaling(1 / 255)(frames)

    for filters in (16, 32, 64):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x)

    x = layers.Flatten()(x)
    x = layers.Dense(128, activation="relu")(x)
    x = layers.Dropout(settings["dropout"])(x)

    # float32 whatever the policy: sums of half-precision exponentials overflow.
    probabilities = layers.Dense(num_classes, activation="softmax", dtype="float32")(x)
    return keras.Model(frames, probabilities, name="cnn")


ARCHITECTURES = {"cnn": make_cnn}
