"""Recordings and models made up for benchmarks.prediction and benchmarks.prediction_memory."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from clapboard import artifacts
from clapboard.arrow import lists
from clapboard.artifacts import ROWS
from clapboard.learning.durations import COLUMNS
from clapboard.settings.config import load
from clapboard.video.index import Chapter, RecordingIndex

CLASSES, FEATURES = 28, 576
RECORDING = "S1C1"
BACKBONE = "MobileNetV3Small"
SIDE = 224
"""Of the pictures by which the backbone's weights are made up, pixels."""
STEP = 1001 / 30000
HOUR = 107_892
"""Frames of an hour at 30000/1001 a second."""
SEGMENT = 5.0
"""Seconds between two changes of the procedure, where answers are made up."""


def write_answers(file: Path, count: int) -> None:
    """Made-up probabilities: another procedure every few seconds."""
    classes = [f"P{number:02d}" for number in range(CLASSES)]
    parts = (_made_up(range(start, min(start + ROWS, count)), classes)
             for start in range(0, count, ROWS))  # fmt: skip
    artifacts.write_parquet_parts(file, parts, {"classes": classes})


def _made_up(frames: range, classes: list[str]) -> pa.Table:
    """Some of the answers."""
    numbers = np.array(frames)
    true = numbers // round(SEGMENT / STEP) % CLASSES
    shares = np.full((len(frames), CLASSES), 0.1 / (CLASSES - 1), np.float32)
    shares[np.arange(len(frames)), true] = 0.9
    return pa.table(
        {
            "recording": [RECORDING] * len(frames),
            "frame": numbers + 1,
            "seconds": numbers * STEP,
            "predicted": np.array(classes)[true],
            "probabilities": lists(shares),
        }
    )


def write_clock(file: Path, count: int) -> None:
    """The index of a recording in one chapter."""
    rate, ticks = Fraction(30000, 1001), np.arange(count) * 1001
    unit = 1 / Fraction(30000)
    chapter = Chapter(1, "GH010001.MP4", "video", unit, count, "h264", 1920, 1080, count / rate)
    ones = np.ones(count, np.int16)
    clock = RecordingIndex(RECORDING, unit, ticks, (chapter,), rate, ones, ones > 0, ticks)
    clock.write(file)


def write_training(file: Path) -> None:
    """A labelled recording that shows every procedure once."""
    count = CLASSES * 100
    names = ["path", "split", "label", "recording", "subject", "session", "camera"]
    rows = [
        ("", "Training", f"P{number // 100:02d}", "S2C1", "S2", "", "C1") for number in range(count)
    ]
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    numbers = np.arange(1, count + 1)
    for name, values in (("frame", numbers), ("seconds", (numbers - 1) * STEP)):
        table = table.append_column(name, pa.array(values))
    artifacts.write_parquet(file, table)


def write_procedures(file: Path) -> None:
    """How long each of them was there."""
    rows = [["", f"P{number:02d}", 1, 100 * STEP] for number in range(CLASSES)]
    artifacts.write_csv(file, COLUMNS, rows)


def write_labels(file: Path) -> None:
    """Classes without a meaning."""
    names = [f"P{number:02d}" for number in range(CLASSES)]
    rows = [(number, name, name) for number, name in enumerate(names)]
    artifacts.write_csv(file, ["index", "label", "folder"], rows)


def model_settings(weights: Path, **more: Any) -> dict[str, Any]:
    """Settings of a model that learns from the features of the backbone with such weights."""
    chosen = {"architecture": "lstm", "backbone": BACKBONE, "weights": str(weights), **more}
    return load({"models": {"lstm": chosen}}).section("models")["lstm"]


def write_weights(file: Path) -> None:
    """Weights of the backbone: random ones that nobody has taught, but for their normalisations.

    Without statistics of the numbers that come to them these let all features shrink to nothing,
    which nobody may use, and processors are slow at numbers that small.
    """
    import keras

    from clapboard.learning.backbones import make_backbone

    settings = {"backbone": BACKBONE, "weights": "none", "seed": 1}
    network = make_backbone((SIDE, SIDE, 3), settings)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(np.random.default_rng(1).uniform(0, 255, (8, SIDE, SIDE, 3)), training=True)
    network.save_weights(file)


def write_model(settings: dict[str, Any], file: Path) -> None:
    """Save the network with random weights."""
    from clapboard.learning import architectures

    network = architectures.make_model((None, FEATURES), CLASSES, settings).plain
    architectures.with_probabilities(network).save(file)
