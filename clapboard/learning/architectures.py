"""The networks: one function each, from the shape of their input and the number of classes.

They give logits; `with_probabilities` makes the model that is saved. Frames have values 0-255.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
from keras import layers

from clapboard.learning.each_frame import EachFrame
from clapboard.learning.figure import figure
from clapboard.problems import InputError, Problem

Settings = Mapping[str, Any]
Shape = tuple[int | None, ...]
Tensor: TypeAlias = keras.KerasTensor
Wired: TypeAlias = Callable[[Tensor, Tensor | None], Tensor]
"""Layers as a function of a sequence and of which of its steps are frames (None: all)."""


@dataclass(frozen=True)
class Networks:
    """A network in two forms that share all their layers.

    Attributes:
        plain: from items to logits; sequences have no step that is not a frame. This is what is
            kept and used.
        learning: the same for what learns; of a sequence model it takes (items, known), where known
            says which steps are frames: shorter sequences of a batch are filled up, and what fills
            them must not say anything.
    """

    plain: keras.Model
    learning: keras.Model


def make_model(input_shape: Shape, num_classes: int, settings: Settings) -> Networks:
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


def with_probabilities(network: keras.Model, left_out: int | None = None) -> keras.Model:
    """The same network with class probabilities instead of logits, of its last stage if any.

    Args:
        network: gives logits.
        left_out: index that a class which the network does not know is to have, with probability 0.
    """
    logits = network.output
    if len(logits.shape) == 4:
        logits = logits[:, -1]
    # float32 whatever the policy: sums of half-precision exponentials overflow.
    probabilities = layers.Softmax(dtype="float32", name="probabilities")(logits)
    if left_out is not None:
        nothing = keras.ops.zeros_like(probabilities[..., :1])
        parts = [probabilities[..., :left_out], nothing, probabilities[..., left_out:]]
        parts = [part for part in parts if part.shape[-1]]
        probabilities = keras.ops.concatenate(parts, axis=-1)
    return keras.Model(network.input, probabilities, name=network.name)


def make_cnn(input_shape: Shape, num_classes: int, settings: Settings) -> Networks:
    """Convolutions, by default 16-32-64 filters with a pooling each, and a dense head."""
    frames = keras.Input(input_shape, name="frames")
    x = _convolutions(frames, settings)
    network = keras.Model(frames, layers.Dense(num_classes, name="logits")(x), name="cnn")
    return Networks(network, network)


def make_transfer(input_shape: Shape, num_classes: int, settings: Settings) -> Networks:
    """A dense head on the features of a backbone."""
    features = keras.Input(input_shape, name="features")
    x = layers.Dropout(settings["dropout"])(features)
    if settings["dense"]:
        x = layers.Dense(settings["dense"], activation="relu")(x)
        x = layers.Dropout(settings["dropout"])(x)
    network = keras.Model(features, layers.Dense(num_classes, name="logits")(x), name="transfer")
    return Networks(network, network)


def make_recurrent(input_shape: Shape, num_classes: int, settings: Settings) -> Networks:
    """Recurrent layers over consecutive frames; every frame gets its logits."""
    look = _look(input_shape, settings)
    cell = {"lstm": layers.LSTM, "gru": layers.GRU}[settings["architecture"]]
    steps = []
    for _ in range(settings["layers"]):
        layer = cell(settings["units"], return_sequences=True)
        layer = layers.Bidirectional(layer) if settings["bidirectional"] else layer
        steps.append((layer, layers.Dropout(settings["dropout"])))
    logits = layers.Dense(num_classes, name="logits")

    def wired(items: Tensor, known: Tensor | None) -> Tensor:
        x = look(items, known)
        for layer, dropout in steps:
            x = dropout(layer(x, mask=known))
        # Keras' own mask ends here, else the mean of the loss would be taken over frames twice.
        return _frames_only(logits(x), known)

    return _sequence_networks(wired, input_shape, settings)


def make_tcn(input_shape: Shape, num_classes: int, settings: Settings) -> Networks:
    """Stages of dilated convolutions over time; the output has one set of logits per stage.

    Abu Farha, Gall, "MS-TCN: multi-stage temporal convolutional network for action segmentation"
    (2019). As there, steps that are no frame are set to zero before every convolution, which is
    what it sees beyond the ends of a sequence.
    """
    look = _look(input_shape, settings)
    stages = [
        (
            layers.Dense(settings["units"]),
            [_dilated_residual(2**layer, settings) for layer in range(settings["layers"])],
            layers.Dense(num_classes, name=f"logits_{stage + 1}"),
        )
        for stage in range(settings["stages"])
    ]

    def wired(items: Tensor, known: Tensor | None) -> Tensor:
        x, found = look(items, known), list[Tensor]()
        for enter, residuals, logits in stages:
            x = enter(layers.Softmax()(found[-1]) if found else x)
            for residual in residuals:
                x = residual(x, known)
            found.append(logits(x))
        return keras.ops.stack(found, axis=1)

    return _sequence_networks(wired, input_shape, settings)


def _dilated_residual(dilation: int, settings: Settings) -> Wired:
    """What a frame, its neighbours `dilation` frames away and the layer below say together."""
    convolution = layers.Conv1D(
        settings["units"], 3, dilation_rate=dilation, padding="same", activation="relu"
    )
    dense, dropout = layers.Dense(settings["units"]), layers.Dropout(settings["dropout"])

    def wired(x: Tensor, known: Tensor | None) -> Tensor:
        x = _frames_only(x, known)
        return layers.Add()([x, dropout(dense(convolution(x)))])

    return wired


def _frames_only(x: Tensor, known: Tensor | None) -> Tensor:
    """The vectors of a sequence, zero where a step is no frame."""
    return x if known is None else x * keras.ops.cast(keras.ops.expand_dims(known, -1), x.dtype)


def _look(input_shape: Shape, settings: Settings) -> Wired:
    """The items of a sequence as vectors."""
    if settings["input"] == "features":
        dropout = layers.Dropout(settings["dropout"])
        return lambda items, known: dropout(items)
    frame = keras.Input(input_shape[1:], name="frame")
    each = EachFrame(keras.Model(frame, _convolutions(frame, settings), name="look"))
    return lambda items, known: each(items) if known is None else each(items, known=known)


def _sequence_networks(wired: Wired, input_shape: Shape, settings: Settings) -> Networks:
    """The same layers wired twice, see `Networks`."""
    items = keras.Input(input_shape, name=settings["input"])
    known = keras.Input(input_shape[:1], dtype="bool", name="known")
    name = settings["architecture"]
    return Networks(
        keras.Model(items, wired(items, None), name=name),
        keras.Model([items, known], wired(items, known), name=name),
    )


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
