"""The loss against its formulas, written once more in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from clapboard.learning.architectures import make_model
from clapboard.learning.learner import make_learner
from clapboard.learning.losses import FrameLoss
from clapboard.settings.config import load

CLASSES = 3
WEIGHTS = np.array([0.5, 1.0, 4.0])
EQUAL = np.ones(CLASSES)


def log_probabilities(logits):
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def frame_loss(true, logits, weights, smoothing=0.0, gamma=0.0):
    """Of one frame: cross entropy with a smoothed target (Szegedy, 2016), focal (Lin, 2017)."""
    logs = log_probabilities(logits)
    target = np.full(CLASSES, smoothing / CLASSES)
    target[true] += 1 - smoothing
    hard = (1 - np.exp(logs[true])) ** gamma
    return weights[true] * hard * -(target @ logs)


def truncated_error(logits, cap=4.0):
    """T-MSE of one sequence (Abu Farha and Gall, 2019, equations 8 to 10), shape (frames, classes).

    The sum over steps is divided by the number of frames, as there.
    """
    logs = log_probabilities(logits)
    frames, classes = logs.shape
    total = 0.0
    for step in range(1, frames):
        for label in range(classes):
            total += min(abs(logs[step, label] - logs[step - 1, label]), cap) ** 2
    return total / (frames * classes)


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.mark.parametrize("weights", [EQUAL, WEIGHTS], ids=["equal", "weighted"])
@pytest.mark.parametrize(
    ("smoothing", "gamma"), [(0.0, 0.0), (0.1, 0.0), (0.0, 2.0), (0.0, 0.5), (0.2, 2.0)]
)
def test_loss_of_frames_is_the_mean_of_the_formula(random, weights, smoothing, gamma):
    logits = random.normal(0, 2, (40, CLASSES))
    true = random.integers(0, CLASSES, 40)
    losses = [
        frame_loss(*frame, weights, smoothing, gamma) for frame in zip(true, logits, strict=True)
    ]
    found = FrameLoss(weights, smoothing, gamma)(true, logits)
    assert float(found) == pytest.approx(np.mean(losses), rel=1e-5)


def test_a_class_counts_as_often_as_it_weighs(random):
    logits = random.normal(0, 2, (12, CLASSES))
    for label, weight in enumerate(WEIGHTS):
        true = np.full(12, label)
        ratio = float(FrameLoss(WEIGHTS)(true, logits)) / float(FrameLoss(EQUAL)(true, logits))
        assert ratio == pytest.approx(weight, rel=1e-5)


def test_flicker_is_the_truncated_error_of_every_stage(random):
    """Some steps are larger than what is counted of them, some smaller."""
    logits = random.normal(0, 4, (2, 3, 10, CLASSES))
    steps = np.abs(np.diff(log_probabilities(logits), axis=2))
    assert (steps > 4).any() and (steps < 4).any()
    true = random.integers(0, CLASSES, (2, 10))
    plain = float(FrameLoss(WEIGHTS)(true, logits))
    with_flicker = float(FrameLoss(WEIGHTS, flicker=0.15)(true, logits))
    errors = [truncated_error(stage) for sequence in logits for stage in sequence]
    assert with_flicker - plain == pytest.approx(0.15 * np.mean(errors), rel=1e-4)
    losses = [
        frame_loss(label, frame, WEIGHTS)
        for labels, stages in zip(true, logits, strict=True)
        for stage in stages
        for label, frame in zip(labels, stage, strict=True)
    ]
    assert plain == pytest.approx(np.mean(losses), rel=1e-5)


def test_flicker_pulls_a_frame_to_its_past_and_never_the_other_way():
    """As in equation 9, in which the frame before is a constant."""
    logits = tf.Variable([[[1.0, 0.0, -1.0], [0.0, 1.0, 0.5]]])
    nothing_else = FrameLoss(np.zeros(CLASSES), flicker=1.0)
    with tf.GradientTape() as tape:
        loss = nothing_else(np.array([[0, 1]]), logits)
    before, after = tape.gradient(loss, logits)[0].numpy()
    np.testing.assert_array_equal(before, 0)
    assert np.abs(after).min() > 0.01


@pytest.mark.parametrize(
    ("chosen", "weights", "smoothing", "gamma"),
    [
        ({"class_weights": "none"}, EQUAL, 0, 0),
        ({"class_weights": "none", "focal_gamma": 3}, EQUAL, 0, 0),
        ({"class_weights": "none", "loss": "focal", "focal_gamma": 3}, EQUAL, 0, 3),
        ({"class_weights": "none", "label_smoothing": 0.1}, EQUAL, 0.1, 0),
        # 60 frames over 3 classes: each class weighs 20 / its frames.
        ({"class_weights": "balanced"}, np.array([20 / 10, 20 / 20, 20 / 30]), 0, 0),
    ],
)
def test_settings_choose_the_loss(random, chosen, weights, smoothing, gamma):
    given = {"architecture": "transfer", "weights": "none", **chosen}
    settings = load({"models": {"m": given}}).section("models")["m"]
    network = make_model((4,), CLASSES, settings).learning
    learner = make_learner(network, settings, np.array([10, 20, 30]), 1)
    logits = random.normal(0, 2, (8, CLASSES)).astype(np.float32)
    true = random.integers(0, CLASSES, 8)
    losses = [
        frame_loss(*frame, weights, smoothing, gamma) for frame in zip(true, logits, strict=True)
    ]
    found = learner.compute_loss(y=tf.constant(true), y_pred=tf.constant(logits))
    assert float(found) == pytest.approx(np.mean(losses), rel=1e-5)
