"""The pretrained networks there are, and whether their weights can be had; no TensorFlow."""

from __future__ import annotations

import os
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from clapboard.problems import Problem
from clapboard.settings.model_settings import Backbone, Model

LITE = "efficientnet-lite0"
BLOCKS = {
    LITE: 16,
    "MobileNetV3Small": 11,
    "MobileNetV3Large": 15,
    "EfficientNetV2B0": 21,
    "EfficientNetV2B1": 27,
    "EfficientNetV2B2": 28,
    "EfficientNetV2B3": 32,
    "EfficientNetV2S": 40,
    "EfficientNetV2M": 57,
    "EfficientNetV2L": 79,
    "ConvNeXtTiny": 18,
    "ConvNeXtSmall": 36,
    "ConvNeXtBase": 36,
    "ConvNeXtLarge": 36,
    "ConvNeXtXLarge": 36,
}
"""All backbones, with the number of blocks that `fine_tune` counts from the end."""

APPLICATIONS = tuple(name for name in BLOCKS if name != LITE)
"""Those of Keras Applications that take pixel values as they are, and are the same network with
ImageNet's weights downloaded and from a file: EfficientNetB0 to B7 lack a layer with a file."""

SMALLEST = 32
"""Least sides of frames for a backbone, pixels."""

WEIGHTS = (".weights.h5", ".weights.json", ".keras", ".h5", ".hdf5")
"""Suffixes by which Keras knows what a file of weights is."""

NO_FILE = ("imagenet", "none")
"""What `weights` may say instead of naming a file."""

DOWNLOADS = "https://storage.googleapis.com/tensorflow/keras-applications/"
PATIENCE_SECONDS = 5


def uses_backbone(model: Model) -> bool:
    """Whether a model learns from the features of a pretrained network."""
    return model.architecture == "transfer" or getattr(model, "input", "") == "features"


def pretrained(models: Mapping[str, Model]) -> dict[str, dict[str, str]]:
    """Backbone and weights of each model that uses one, as `weights_problems` takes them."""
    return {
        name: {"backbone": model.backbone, "weights": model.weights}
        for name, model in models.items()
        if isinstance(model, Backbone) and uses_backbone(model)
    }


def too_many_blocks(wanted: int, there: int, backbone: str) -> list[Problem]:
    """What is said where a backbone has fewer blocks than are to be trained on.

    Args:
        wanted: key `fine_tune`.
        there: blocks of the backbone.
        backbone: its name.
    """
    if wanted <= there:
        return []
    message = f"{backbone} has {there} blocks"
    remedy = f"Set fine_tune to at most {there}."
    return [Problem("too-many-blocks", message, remedy, column="fine_tune", value=f"{wanted}")]


def weights_problems(models: Mapping[str, Mapping[str, str]]) -> list[Problem]:
    """Weights that cannot be had: no such file, or of no form that Keras reads; no network.

    Args:
        models: from `pretrained`.
    """
    problems = list[Problem]()
    reachable: bool | None = None
    for name, chosen in models.items():
        backbone, weights = chosen["backbone"], chosen["weights"]
        column = f"models.{name}.weights"
        if weights not in NO_FILE:
            if not os.access(weights, os.R_OK) or not Path(weights).is_file():
                message, remedy = "there is no such file that may be read", "Correct the path."
                problems.append(
                    Problem("missing-weights", message, remedy, column=column, value=weights)
                )
            elif not weights.endswith(WEIGHTS):
                message = "Keras reads weights from no file with this suffix"
                remedy = f"Name one that ends with {', '.join(WEIGHTS)}, made of this backbone."
                problems.append(
                    Problem("unknown-weights", message, remedy, column=column, value=weights)
                )
        elif weights == "imagenet" and backbone in APPLICATIONS and not _downloaded(backbone):
            reachable = _can_download() if reachable is None else reachable
            if not reachable:
                message = f"the ImageNet weights of {backbone} cannot be downloaded from here"
                remedy = (
                    "Fetch them where there is a network and set weights to the file, set weights "
                    f"to none, or take backbone {LITE}, which needs no download."
                )
                problems.append(Problem("no-download", message, remedy, column=column))
    return problems


def _downloaded(backbone: str) -> bool:
    """Whether Keras has the weights already: its files are called after the network."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    names = (re.sub(r"[\W_]", "", file.name.lower()) for file in home.glob("models/*"))
    return any(backbone.lower() in name and "notop" in name for name in names)


def _can_download() -> bool:
    """Whether the server of Keras' weights answers, whatever it answers."""
    request = urllib.request.Request(DOWNLOADS, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
