"""What a machine must have for a run: memory on the GPU, disk, cores.

Estimates on the safe side, from the configuration and the plan alone; `cloud.gpu` and `cloud.disk`
overrule them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from clapboard.planning.price import Price
from clapboard.problems import InputError, Problem
from clapboard.settings.config import Config

GPUS = {"T4": 16, "L4": 24, "A10G": 24, "L40S": 48, "H100": 80}
"""GPUs that EC2 rents one by one, and their memory in GB; cheap ones first.

Machines of the kinds g4dn, g6, g5, g6e, and p5 (p5.4xlarge).
"""

CHOICES = 3
RUNTIME_GB = 2.0
"""Taken by CUDA, cuDNN and TensorFlow before anything is trained."""

BACKBONE_MB = 200
"""Of one frame of 224 pixels while a backbone is trained; the widest of Keras Applications' small
networks."""

SYSTEM_GB = 80
"""Operating system with CUDA (45), environment (8), and what the two need while they install."""

ROOM = 1.3
DISK_STEP = 50
HOURS = 2.0
"""So long may extraction take at most, by the plan's measurement, before more cores are asked."""

USUAL_SIZE = 224
"""Pixels of a picture, the default."""

CORE_SECONDS_PER_BYTE = 130 / 1e9
"""Decoding of a camera's 30 Mbit/s at 30 frames a second, 16 ms a frame (docs/performance.md)."""


@dataclass(frozen=True)
class Needs:
    """What to ask for.

    Attributes:
        gpus: GPUs that will do, each as a name and a count; the cheapest that is free is taken.
        disk: gigabytes.
        cores: at least so many.
    """

    gpus: Mapping[str, int]
    disk: int
    cores: int


def needs_of(
    config: Config, price: Price | None = None, video_bytes: int = 0, joined_bytes: int = 0
) -> Needs:
    """What a run of this configuration needs.

    Args:
        config: the configuration.
        price: of the plan; None when nothing was planned, then the disk must be configured.
        video_bytes: of all chapters that the node reads.
        joined_bytes: of what the targets have made of them as videos.

    Raises:
        InputError: no GPU has the memory that a model needs.
    """
    disk = disk_of(config, price, video_bytes, joined_bytes)
    return Needs(gpus_of(config), disk, cores_of(price))


def gpus_of(config: Config) -> dict[str, int]:
    """The GPUs asked for, or those on which every model fits.

    Raises:
        InputError: there is none.
    """
    if config.cloud.gpu != "auto":
        name, _, count = config.cloud.gpu.partition(":")
        return {name: int(count or 1)}
    sizes = {
        name: memory_of(settings, config.frames.size)
        for name, settings in config.section("models").items()
    }
    largest = max(sizes, key=lambda name: sizes[name], default="")
    wanted = sizes.get(largest, 0.0)
    fitting = [name for name, memory in GPUS.items() if memory >= wanted]
    if not fitting:
        problem = Problem(
            "too-big-for-gpu",
            f"the model needs about {wanted:.0f} GB on the GPU, and the largest has "
            f"{max(GPUS.values())}",
            "Lower `batch_size` (or `window`), or name several GPUs: cloud.gpu.",
            column=f"models.{largest}",
        )
        raise InputError([problem])
    return dict.fromkeys(fitting[:CHOICES], 1)


def memory_of(settings: Mapping[str, Any], size: int) -> float:
    """Gigabytes on the GPU while a model trains, estimated.

    Activations (kept for the backward pass, and their gradients), weights four times (value,
    gradient, and the two moments of AdamW), all in single precision, and `RUNTIME_GB`.

    Args:
        settings: of the model.
        size: width and height of a frame in pixels.
    """
    architecture, batch = settings["architecture"], settings["batch_size"]
    frames = batch * settings.get("window", 1)
    values = weights = 0.0
    if architecture == "cnn" or settings.get("input") == "frames":
        per_frame, weights = _convolutions(settings, size)
        values = frames * per_frame
    elif settings.get("fine_tune"):
        values = frames * BACKBONE_MB * 1e6 / 4 * (size / 224) ** 2
        weights = 30e6
    if "units" in settings:
        width = settings["units"] * (4 if architecture in ("lstm", "gru") else 3)
        values += frames * width * settings["layers"] * settings.get("stages", 1) * 4
    return RUNTIME_GB + (values + 4 * weights) * 4 / 1e9


def _convolutions(settings: Mapping[str, Any], size: int) -> tuple[float, float]:
    """Values kept for one frame, and weights, of the convolutional network."""
    side, channels, values, weights = float(size), 3.0, 3.0 * size**2, 0.0
    for filters in settings["filters"]:
        layers = settings["convolutions"] * (3 if settings["batch_normalisation"] else 2)
        values += 2 * filters * side**2 * layers
        weights += 9 * filters * (channels + filters * (settings["convolutions"] - 1))
        side, channels = side / 2, filters
    seen = channels * (side**2 if settings["pooling"] == "none" else 1)
    return values, weights + seen * max(settings["dense"], 1)


def disk_of(config: Config, price: Price | None, video_bytes: int, joined_bytes: int = 0) -> int:
    """Gigabytes of disk: videos, joined videos, pictures, kept frames of training, and room.

    Args:
        config: the configuration.
        price: of the pictures.
        video_bytes: of all chapters.
        joined_bytes: of the videos made of them. A target has to ask for these: a run with results
            in a bucket, as all on rented machines, joins none by itself.

    Raises:
        InputError: it is neither configured nor planned.
    """
    if config.cloud.disk:
        return config.cloud.disk
    if price is None:
        problem = Problem(
            "unknown-size",
            "there is no recording with a sheet from which the size could be counted",
            "Fill in the table of recordings, or set the size: cloud.disk.",
            column="cloud.disk",
        )
        raise InputError([problem])
    kept = sum(settings["cache_mb"] for settings in config.section("models").values()) * 1e6
    # Pictures twice: as files, and packed for the bucket.
    gigabytes = (video_bytes + joined_bytes + 2 * price.bytes + kept) / 1e9
    return ceil((SYSTEM_GB + ROOM * gigabytes) / DISK_STEP) * DISK_STEP


def price_of_bytes(video_bytes: int, size: int = USUAL_SIZE) -> Price:
    """What videos cost of which nothing but their bytes is known: every frame decoded and kept.

    A picture of 224 pixels has some 16 kB, a frame of a camera's 30 Mbit/s 125 kB, so that pictures
    as large as the videos are plenty; of videos below 4 Mbit/s they may be larger.

    Args:
        video_bytes: of all chapters.
        size: width and height of the pictures in pixels.
    """
    larger = max(1.0, (size / USUAL_SIZE) ** 2)
    return Price(
        bytes=round(larger * video_bytes), core_seconds=CORE_SECONDS_PER_BYTE * video_bytes
    )


def cores_of(price: Price | None) -> int:
    """Cores with which extraction is done within `HOURS`, by the plan's measurement."""
    wanted = price.core_seconds / 3600 / HOURS if price else 0.0
    return next((cores for cores in (4, 8, 16) if cores >= wanted), 32)
