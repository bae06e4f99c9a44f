"""A pretrained backbone with a head of its own: joined, and trained on at its end."""

from __future__ import annotations

import re

import keras

from clapboard.learning.architectures import with_probabilities
from clapboard.problems import refuse
from clapboard.settings.backbones import too_many_blocks

HEAD = "transfer"
FINE_TUNING = 0.1
"""Share of the learning rate that the backbone's last blocks are trained on with."""

# Names of blocks in EfficientNet-Lite0, MobileNetV3, EfficientNet(V2) and ConvNeXt.
BLOCK = re.compile(r"blocks\.\d+|expanded_conv(_\d+)?|block\d+[a-z]|\w*stage_\d+_block_\d+")


def joined(backbone: keras.Model, head: keras.Model) -> keras.Model:
    """Frames with values 0-255 to the logits of the head."""
    frames = keras.Input(backbone.input_shape[1:], name="frames")
    return keras.Model(frames, head(backbone(frames)), name="joined")


def head_of(network: keras.Model) -> keras.Model:
    """The part of a saved model that takes features, with probabilities."""
    return with_probabilities(network.get_layer(HEAD))


def free_last_blocks(backbone: keras.Model, blocks: int) -> None:
    """Let only the last `blocks` blocks of the backbone learn, and what comes behind them.

    Normalisations keep their statistics: batches of a few subjects would spoil them.

    Raises:
        InputError: it does not have so many.
    """
    names = [match[0] if (match := BLOCK.match(layer.name)) else "" for layer in backbone.layers]
    order = list(dict.fromkeys(filter(None, names)))
    refuse(too_many_blocks(blocks, len(order), backbone.name))
    first = names.index(order[-blocks]) if blocks else len(names)
    backbone.trainable = True
    for place, layer in enumerate(backbone.layers):
        normalises = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = place >= first and not normalises
