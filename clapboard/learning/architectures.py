"""The networks: one function each, from the shape of their input and the number of classes.

They give logits; `with_probabilities` makes the model that is saved. Frames have values 0-255.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import layers

from clapboard.learning.each_frame import EachFrame
from clapboard.learning.figure import figure
from clapboard.problems import InputError, Problem

Settings = Mapping[str, Any]
Shape = tuple[int | None, ...]


def make_model(input_shape: Shape, num_classes: int, settings: Settings) -> keras.Model:
    """The network that ``settings["architecture"]`` names, with logits, not compiled.

    Args:
        input_shape: of an item without the batch: (height, width, 3) of a frame, (size,) of its
            features, or either with a leading number of frames (None: any) for a sequence.
        num_classes: at least 2.
        settings: one section of ``models`` in the configuration.

    Raises:
        InputError: the frames are too small for the network.
    """
    return ARCHITECTURES[settings["architecture"]](input_shape, num_classes, settings)


def with_probabilities(network: keras.Model) -> keras.Model:
    """The same network with class probabilities instead of logits, of its last stage if any."""
    logits = network.output
    if len(logits.shape) == 4:
        logits = logits[:, -1]
    # float32 whatever the policy: sums of half-precision exponentials overflow.
    probabilities = layers.Softmax(dtype="float32", name="probabilities")(logits)
    return keras.Model(network.input, probabilities, name=network.name)


def make_cnn(input_shape: Shape, num_classes: int, settings: Settings) -> keras.Model:
    """Convolutions, by default 16-32-64 filters with a pooling each, and a dense head."""
    frames = keras.Input(input_shape, name="frames")
    x = _convolutions(frames, settings)
    return keras.Model(frames, layers.Dense(num_classes, name="logits")(x), name="cnn")


def make_transfer(input_shape: Shape, num_classes: int, settings: Settings) -> keras.Model:
    """A dense head on the features of a backbone."""
    features = keras.Input(input_shape, name="features")
    x = layers.Dropout(settings["dropout"])(features)
    if settings["dense"]:
        x = layers.Dense(settings["dense"], activation="relu")(x)
        x = layers.Dropout(settings["dropout"])(x)
    return keras.Model(features, layers.Dense(num_classes, name="logits")(x), name="transfer")


def make_recurrent(input_shape: Shape, num_classes: int, settings: Settings) -> keras.Model:
    """Recurrent layers over consecutive frames; every frame gets its logits."""
    items, x = _sequence(input_shape, settings)
    cell = {"lstm": layers.LSTM, "gru": layers.GRU}[settings["architecture"]]
    for _ in range(settings["layers"]):
        layer = cell(settings["units"], return_sequences=True)
        x = layers.Bidirectional(layer)(x) if settings["bidirectional"] else layer(x)
        x = layers.Dropout(settings["dropout"])(x)
    logits = layers.Dense(num_classes, name="logits")(x)
    return keras.Model(items, logits, name=settings["architecture"])


def make_tcn(input_shape: Shape, num_classes: int, settings: Settings) -> keras.Model:
    """Stages of dilated convolutions over time; the output has one set of logits per stage.

    Abu Farha, Gall, "MS-TCN: multi-stage temporal convolutional network for action segmentation"
    (2019).
    """
    items, x = _sequence(input_shape, settings)
    stages: list[keras.KerasTensor] = []
    for stage in range(settings["stages"]):
        if stage:
            x = layers.Softmax()(stages[-1])
        x = layers.Dense(settings["units"])(x)
        for layer in range(settings["layers"]):
            x = _dilated_residual(x, 2**layer, settings)
        stages.append(layers.Dense(num_classes, name=f"logits_{stage + 1}")(x))
    logits = keras.ops.stack(stages, axis=1)
    return keras.Model(items, logits, name="tcn")


def _dilated_residual(x: keras.KerasTensor, dilation: int, settings: Settings) -> keras.KerasTensor:
    """What a frame, its neighbours `dilation` frames away and the layer below say together."""
    change = layers.Conv1D(
        settings["units"], 3, dilation_rate=dilation, padding="same", activation="relu"
    )(x)
    change = layers.Dense(settings["units"])(change)
    change = layers.Dropout(settings["dropout"])(change)
    return layers.Add()([x, change])


def _sequence(
    input_shape: Shape, settings: Settings
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """The input of a sequence model, and its frames as vectors."""
    items = keras.Input(input_shape, name=settings["input"])
    if settings["input"] == "features":
        return items, layers.Dropout(settings["dropout"])(items)
    frame = keras.Input(input_shape[1:], name="frame")
    look = keras.Model(frame, _convolutions(frame, settings), name="look")
    return items, EachFrame(look)(items)


def _convolutions(frames: keras.KerasTensor, settings: Settings) -> keras.KerasTensor:
    """A vector per frame: stages of convolutions, each halving the sides, and a dense layer."""
    _check_size(frames.shape[1:3], len(settings["filters"]))
    x = layers.Rescaling(1 / 255)(frames)
    if settings["colour"] == "gray":
        x = keras.ops.image.rgb_to_grayscale(x)
    if settings["colour"] == "figure":
        x = figure(x)
    if settings["standardise"]:
        each = layers.GroupNormalization(-1, epsilon=1e-4, center=False, scale=False)
        x = each(x)

    for filters in settings["filters"]:
        for _ in range(settings["convolutions"]):
            x = layers.Conv2D(filters, 3, padding="same")(x)
            if settings["batch_normalisation"]:
                x = layers.BatchNormalization(momentum=0.95)(x)
            x = layers.ReLU()(x)
        x = layers.MaxPooling2D()(x)

    pooling = {
        "none": layers.Flatten,
        "average": layers.GlobalAveragePooling2D,
        "maximum": layers.GlobalMaxPooling2D,
    }
    x = pooling[settings["pooling"]]()(x)
    if settings["dense"]:
        x = layers.Dense(settings["dense"], activation="relu")(x)
    return layers.Dropout(settings["dropout"])(x)


def _check_size(sides: tuple[int, int], stages: int) -> None:
    """Refuse frames that the poolings would leave nothing of."""
    if min(sides) >= 2**stages:
        return
    raise InputError(
        [
            Problem(
                "frames-too-small",
                f"{stages} stages, each halving the sides, need at least {2**stages} pixels",
                "Raise frames.size, or take fewer filters.",
                column="frames.size",
                value=f"{sides[0]} x {sides[1]}",
            )
        ]
    )


ARCHITECTURES = {
    "cnn": make_cnn,
    "transfer": make_transfer,
    "lstm": make_recurrent,
    "gru": make_recurrent,
    "tcn": make_tcn,
}
