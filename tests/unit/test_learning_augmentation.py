"""What random changes do to training frames, seen on a white square in the middle of black."""

import numpy as np
import pytest

from clapboard.settings.config import load

SIZE, BATCH = 33, 64
STILL = dict.fromkeys(("shift", "zoom", "rotation", "brightness", "contrast", "colour"), 0.0)


def changed(frames, **given):
    from clapboard.learning.augmentation import Augmentation

    known = load({"models": {"m": {"architecture": "cnn", "augmentation": STILL | given}}})
    layer = Augmentation(known.section("models")["m"]["augmentation"], seed=1)
    return np.asarray(layer(frames, training=True))


@pytest.fixture(scope="module")
def frames():
    frames = np.zeros((BATCH, SIZE, SIZE, 3), np.float32)
    frames[:, 14:19, 14:19] = 255
    return frames


def moves(frames):
    """Pixels by which the square's middle lies off the frame's, down and across, per frame."""
    light = frames[..., 0] / frames[..., 0].sum(axis=(-2, -1), keepdims=True)
    places = np.arange(SIZE) - SIZE // 2
    down = (light.sum(axis=-1) * places).sum(axis=-1)
    return down, (light.sum(axis=-2) * places).sum(axis=-1)


def test_nothing_changes_when_everything_is_switched_off(frames):
    np.testing.assert_allclose(changed(frames), frames, atol=1e-3)


def test_frames_are_shifted_as_far_as_is_said_and_no_further(frames):
    far = 0.2 * SIZE
    down, across = moves(changed(frames, shift=0.2))
    for moved in (down, across):
        assert abs(moved).max() == pytest.approx(far, abs=0.1 * far)
        assert moved.min() < -far / 2 < far / 2 < moved.max(), "to both sides"
        assert len(np.unique(moved.round(2))) > BATCH / 2, "each by itself"
    assert not np.allclose(down, across)


def test_frames_of_a_sequence_change_alike(frames):
    sequences = np.stack([frames] * 3, axis=1)
    given = {"shift": 0.2, "zoom": 0.3, "rotation": 20, "contrast": 0.3, "erase": 0.3}
    given |= {"brightness": 0.2, "colour": 0.3, "flip": True}
    one, two, three = np.moveaxis(changed(sequences, **given), 1, 0)
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, three)
    assert not np.allclose(one[0], one[1])


def test_mirroring_leaves_half_of_the_frames(frames):
    lopsided = frames.copy()
    lopsided[:, :, :16] = 128
    mirrored = (changed(lopsided, flip=True)[:, 0, -1, 0] > 100).sum()
    assert 0.25 * BATCH < mirrored < 0.75 * BATCH
