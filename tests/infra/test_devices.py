"""Training on all devices of a machine: a CPU that TensorFlow takes for two, against one."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from labelled_set import make_labelled_set

from clapboard.learning.sources import index_file

# TensorFlow divides a CPU only before it is used: each number of devices has a process of its own.
TRAIN = """
import json, sys
from pathlib import Path
import tensorflow as tf
count, cases, data, out = int(sys.argv[1]), json.loads(sys.argv[2]), *map(Path, sys.argv[3:5])
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
import numpy as np
from clapboard.learning import devices
from clapboard.learning.recognition import load_whole
from clapboard.learning.training import train
from clapboard.settings.config import load
if count > 1:
    names = [f"CPU:{number}" for number in range(count)]
    devices.strategy = lambda: devices.mirrored(*names)
features = {file.name.split(".")[0]: file for file in data.parent.glob("S?C1.npy")}
for name, given in cases.items():
    folder = out / name
    files = [folder / name for name in ("model.keras", "history.csv", "curves.png", "summary.txt")]
    settings = load({"models": {"m": given}}).section("models")["m"]
    inputs = data / "manifest.parquet", data / "labels.csv", data
    train(*inputs, settings, *files, code="", threads=1, features=features)
    weights = load_whole(files[0]).get_weights()
    np.save(folder / "weights.npy", np.concatenate([each.ravel() for each in weights]))
"""

STILL = dict.fromkeys(["shift", "zoom", "rotation", "brightness", "contrast", "colour"], 0)
ALIKE = {"epochs": 2, "keep": "last", "dropout": 0}
LOOK = {"augmentation": STILL, "filters": [4, 8], "dense": 16}
FRAMES = {"architecture": "cnn", **ALIKE, **LOOK}
WINDOWS = {"architecture": "lstm", "input": "frames", **ALIKE, **LOOK, "units": 4}
FEATURES = {"architecture": "tcn", **ALIKE, "window": 9, "stages": 2, "layers": 2, "units": 4}
TUNED = {"architecture": "transfer", **ALIKE, "augmentation": STILL, "weights": "none"}

# 48 frames of two subjects: 6 windows of 8, 8 of 7 of which some overlap, 6 stretches up to 9.
CASES = {
    "equal-shares": {**FRAMES, "batch_size": 12},
    "shares-that-differ": {**FRAMES, "batch_size": 15},
    "last-batch-of-one-frame": {**FRAMES, "batch_size": 47},
    "windows": {**WINDOWS, "window": 8, "stride": 8, "batch_size": 4},
    "last-batch-of-one-window": {**WINDOWS, "window": 8, "stride": 8, "batch_size": 5},
    "windows-that-overlap": {**WINDOWS, "window": 7, "stride": 7, "batch_size": 3},
    "stretches-of-features": {**FEATURES, "batch_size": 5},
    "fine-tuning": {**TUNED, "fine_tune": 1, "batch_size": 15},
}


def train(folder, count, data):
    """Train all cases on so many devices, each in a folder of its name; the folder of all."""
    out = folder / str(count)
    words = [sys.executable, "-c", TRAIN, str(count), json.dumps(CASES), data, out]
    done = subprocess.run(
        words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out


@pytest.mark.slow
def test_two_devices_learn_what_one_does(tmp_path):
    """The same steps and figures but for rounding, however the batches fall into shares.

    One test, since starting TensorFlow costs most of it.
    """
    data, random = make_labelled_set(tmp_path), np.random.default_rng(0)
    for subject in range(1, 5):
        file = tmp_path / f"S{subject}C1.npy"
        np.save(file, random.normal(0, 0.3, (24, 1280)).astype(np.float16))
        np.save(index_file(file), np.arange(1, 25))
    folders = [train(tmp_path, count, data) for count in (1, 2)]
    for case in CASES:
        weights, others = (np.load(folder / case / "weights.npy") for folder in folders)
        np.testing.assert_allclose(others, weights, atol=1e-5, err_msg=case)
        history, figures = (
            np.loadtxt(folder / case / "history.csv", delimiter=",", skiprows=1)
            for folder in folders
        )
        np.testing.assert_allclose(figures, history, atol=1e-5, err_msg=case)
