"""A figure stands out whatever it wears; the distance is the textbook's; the model saves."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")

from clapboard.learning.figure import FLOOR, distance, figure  # noqa: E402

WHITE = np.eye(3)
CLOTHES = [(0.2, 0, 0), (-0.05, 0.1, 0.1), (-0.4, -0.4, -0.4), (0, 0, -0.2)]


def frames(clothes, seed=0, light=WHITE):
    """A wall of varying brightness with somebody before it."""
    random = np.random.default_rng(seed)
    pictures = 0.5 + random.normal(0, 0.06, (2, 24, 20, 1)) + random.normal(0, 0.01, (2, 24, 20, 3))
    pictures[:, 6:18, 5:12] += clothes
    return (pictures @ light).astype(np.float32)


def found(pictures):
    inputs = keras.Input(pictures.shape[1:])
    return keras.Model(inputs, figure(inputs))(pictures).numpy()[..., 0]


@pytest.mark.parametrize("clothes", CLOTHES)
def test_figure_is_found_whatever_it_wears(clothes):
    shown = found(frames(np.array(clothes)))
    assert shown[:, 6:18, 5:12].mean() > 0.5
    shown[:, 6:18, 5:12] = 0
    assert shown.mean() < 0.02


def test_colour_of_the_light_does_not_matter():
    clothes = np.array([0.2, 0.0, -0.1])
    light = np.array([[0.9, 0.1, 0], [0, 0.8, 0.3], [0.2, 0, 1.1]])
    assert np.abs(found(frames(clothes, light=light)) - found(frames(clothes))).mean() < 0.02


def test_distance_agrees_with_the_inverse_of_the_covariance():
    pictures = frames(np.array([0.2, 0, 0.1]))
    weights = np.random.default_rng(1).random((*pictures.shape[:3], 1)).astype(np.float32)
    shown = distance(keras.ops.array(pictures), keras.ops.array(weights)).numpy()
    for picture, weight, values in zip(pictures, weights, shown, strict=True):
        pixels, shares = picture.reshape(-1, 3).astype(np.float64), weight.ravel() / weight.sum()
        apart = pixels - shares @ pixels
        inverse = np.linalg.inv((apart * shares[:, None]).T @ apart + FLOOR * np.eye(3))
        expected = np.sqrt(np.einsum("pi,ij,pj->p", apart, inverse, apart))
        np.testing.assert_allclose(values.ravel(), expected, rtol=2e-3, atol=2e-3)


def test_frame_of_one_colour_shows_nothing():
    assert found(np.full((1, 8, 8, 3), 0.3, np.float32)).max() == 0


def test_saved_model_needs_nothing_of_clapboard(tmp_path):
    inputs = keras.Input((24, 20, 3))
    keras.Model(inputs, figure(inputs)).save(tmp_path / "m.keras")
    pictures = frames(np.array([0.2, 0, 0]))
    loaded = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(loaded(pictures).numpy()[..., 0], found(pictures), atol=1e-6)
