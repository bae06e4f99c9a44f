"""Frame measures against scikit-learn, and where nothing is there to measure."""

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from sklearn.calibration import calibration_curve

from clapboard.evaluation import metrics

CLASSES = 5
frames = st.shared(st.integers(1, 60), key="frames")
labels = st_numpy.arrays(np.int64, frames, elements=st.integers(0, CLASSES - 1))


@settings(deadline=None)
@given(true=labels, predicted=labels)
def test_frame_measures_agree_with_scikit_learn(true, predicted):
    confusion = metrics.confusion_matrix(true, predicted, CLASSES)
    shown = np.unique(true)
    options = {"labels": np.arange(CLASSES), "average": None, "zero_division": 0}
    np.testing.assert_array_equal(
        confusion, reference.confusion_matrix(true, predicted, labels=np.arange(CLASSES))
    )
    expected = {
        metrics.recall: reference.recall_score(true, predicted, **options),
        metrics.precision: reference.precision_score(true, predicted, **options),
        metrics.f1: reference.f1_score(true, predicted, **options),
        metrics.jaccard: reference.jaccard_score(true, predicted, **options),
    }
    for measure, values in expected.items():
        np.testing.assert_allclose(measure(confusion)[shown], values[shown], atol=1e-12)
    averages = {"labels": shown, "zero_division": 0}
    assert metrics.accuracy(confusion) == pytest.approx(
        reference.accuracy_score(true, predicted), abs=1e-12
    )
    assert metrics.balanced_accuracy(confusion) == pytest.approx(
        reference.recall_score(true, predicted, average="macro", **averages), abs=1e-12
    )
    assert metrics.macro_f1(confusion) == pytest.approx(
        reference.f1_score(true, predicted, average="macro", **averages), abs=1e-12
    )
    assert metrics.weighted_f1(confusion) == pytest.approx(
        reference.f1_score(true, predicted, average="weighted", zero_division=0), abs=1e-12
    )


def test_class_absent_from_truth_is_left_out_of_averages():
    confusion = metrics.confusion_matrix(np.array([0, 0, 1, 1]), np.array([0, 2, 1, 1]), 4)
    assert metrics.present(confusion).tolist() == [True, True, False, False]
    assert metrics.balanced_accuracy(confusion) == 0.75
    assert metrics.macro_f1(confusion) == pytest.approx((2 / 3 + 1) / 2)


def test_no_frames_is_undefined_not_zero():
    confusion = metrics.confusion_matrix(np.array([], np.int64), np.array([], np.int64), 3)
    for measure in (metrics.accuracy, metrics.balanced_accuracy, metrics.macro_f1):
        assert np.isnan(measure(confusion))
    assert np.isnan(metrics.weighted_f1(confusion))


def test_one_class_only():
    zeros = np.zeros(4, np.int64)
    confusion = metrics.confusion_matrix(zeros, zeros, 1)
    assert metrics.accuracy(confusion) == metrics.balanced_accuracy(confusion) == 1
    assert metrics.macro_f1(confusion) == metrics.weighted_f1(confusion) == 1


def test_blind_guessing_is_what_many_draws_give():
    counts, shares = np.array([600.0, 300, 100]), np.array([0.2, 0.5, 0.3])
    random = np.random.default_rng(0)
    true = np.repeat(np.arange(3), counts.astype(int) * 100)
    drawn = metrics.confusion_matrix(true, random.choice(3, len(true), p=shares), 3)
    expected = metrics.constant_confusion(counts, shares)
    assert metrics.accuracy(drawn) == pytest.approx(metrics.accuracy(expected), abs=0.01)
    assert metrics.macro_f1(drawn) == pytest.approx(metrics.macro_f1(expected), abs=0.01)


@pytest.mark.parametrize(
    ("true", "predicted"), [([0, 1], [0]), ([0, 3], [0, 0]), ([0, 0], [-1, 0])]
)
def test_labels_that_do_not_fit_are_refused(true, predicted):
    with pytest.raises(ValueError, match=r"labels|class indices"):
        metrics.confusion_matrix(np.array(true), np.array(predicted), 3)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 80), st.sampled_from([None, 1]))
def test_average_precision_agrees_with_scikit_learn(seed, frames, decimals):
    random = np.random.default_rng(seed)
    true = random.integers(0, 4, frames)
    probabilities = random.dirichlet(np.ones(5), frames)
    if decimals is not None:
        probabilities = probabilities.round(decimals)
    values = metrics.average_precision(true, probabilities)
    for index in range(5):
        if (true == index).any():
            expected = reference.average_precision_score(true == index, probabilities[:, index])
            assert values[index] == pytest.approx(expected, abs=1e-9)
        else:
            assert np.isnan(values[index])


def test_calibration_error_is_the_gap_between_confidence_and_accuracy():
    sure = np.tile([0.9, 0.1], (10, 1))
    assert _error(np.zeros(10, np.int64), sure) == pytest.approx(0.1)
    assert _error(np.array([1] + [0] * 9), sure) == pytest.approx(0, abs=1e-12)
    assert np.isnan(_error(np.array([], np.int64), np.zeros((0, 2))))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 20))
def test_calibration_error_agrees_with_its_definition(seed, bins):
    true, probabilities, confidence, right = _drawn(seed)
    expected = 0.0
    for low in np.arange(bins) / bins:
        inside = (confidence > low) & (confidence <= low + 1 / bins)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert _error(true, probabilities, bins) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 20))
def test_calibration_error_agrees_with_scikit_learns_curve(seed, bins):
    true, probabilities, confidence, right = _drawn(seed)
    accuracy, meant = calibration_curve(right, confidence, n_bins=bins, strategy="uniform")
    inside = np.histogram(confidence, np.linspace(0, 1, bins + 1))[0]
    expected = np.average(np.abs(accuracy - meant), weights=inside[inside > 0])
    assert _error(true, probabilities, bins) == pytest.approx(expected, abs=1e-9)


def _drawn(seed):
    """Random labels and answers, how sure these are, and whether they are right."""
    random = np.random.default_rng(seed)
    true, probabilities = random.integers(0, 3, 50), random.dirichlet(np.ones(3), 50)
    return true, probabilities, probabilities.max(axis=1), probabilities.argmax(axis=1) == true


def _error(true, probabilities, bins=15):
    return metrics.expected_calibration_error(metrics.calibration(true, probabilities, bins))
