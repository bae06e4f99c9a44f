"""Training on all devices of a machine: a CPU that TensorFlow takes for two, against one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from labelled_set import make_labelled_set

# TensorFlow divides a CPU only before it is used: each training has a process of its own.
TRAIN = """
import sys
from pathlib import Path
import tensorflow as tf
count, batch_size = map(int, sys.argv[1:3])
data, out = map(Path, sys.argv[3:5])
(cpu,) = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
from clapboard.learning import devices
from clapboard.learning.training import train
from clapboard.settings.model_settings import Cnn
if count > 1:
    names = [f"CPU:{number}" for number in range(count)]
    devices.strategy = lambda: tf.distribute.MirroredStrategy(names)
still = dict.fromkeys(["shift", "zoom", "rotation", "brightness", "contrast", "colour"], 0)
chosen = Cnn(architecture="cnn", epochs=2, batch_size=batch_size, keep="last", dropout=0,
             augmentation=still)
files = [out / name for name in ("model.keras", "history.csv", "curves.png", "summary.txt")]
settings = chosen.model_dump(mode="json")
train(data / "manifest.parquet", data / "labels.csv", data, settings, *files, threads=1)
import keras, numpy as np
weights = keras.saving.load_model(files[0], compile=False).get_weights()
np.save(out / "weights.npy", np.concatenate([each.ravel() for each in weights]))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_labelled_set(tmp_path_factory.mktemp("set"))


def trained(data, out, devices, batch_size):
    """Weights of the model, and loss and accuracy of every epoch."""
    out.mkdir()
    words = [sys.executable, "-c", TRAIN, str(devices), str(batch_size), data, out]
    done = subprocess.run(
        words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return np.load(out / "weights.npy"), np.loadtxt(out / "history.csv", delimiter=",", skiprows=1)


# 48 frames: equal shares; shares that differ; a last batch of one frame for two devices.
@pytest.mark.parametrize(("batch_size", "figures"), [(12, 1e-5), (15, 0.01), (47, 0.01)])
def test_two_devices_learn_what_one_does(tmp_path, data, batch_size, figures):
    """The same steps but for rounding.

    Keras weighs the figures of batches by the places in them, also those that fill the last one up.
    """
    weights, history = trained(data, tmp_path / "one", 1, batch_size)
    others, other_history = trained(data, tmp_path / "two", 2, batch_size)
    np.testing.assert_allclose(others, weights, atol=1e-5)
    np.testing.assert_allclose(other_history, history, atol=figures)
