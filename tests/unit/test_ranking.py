"""Average precision of resampled frames against scikit-learn, frame by frame."""

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from clapboard.evaluation import ranking
from clapboard.evaluation.intervals import drawn


@settings(deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 80),
    st.integers(1, 6),
    st.sampled_from([None, 1]),
    st.sampled_from([np.float32, np.float64]),
)
def test_every_draw_agrees_with_scikit_learn(seed, frames, units, decimals, kind):
    random = np.random.default_rng(seed)
    true, unit = random.integers(0, 3, frames), random.integers(0, units, frames)
    probabilities = random.dirichlet(np.ones(4), frames).astype(kind)
    if decimals is not None:
        probabilities = probabilities.round(decimals)
    times = np.array([np.bincount(row, minlength=units) for row in drawn(units, seed, draws=8)])
    found = ranking.resampled_average_precision(true, probabilities, unit, times)
    assert found.shape == (8, 4)
    for draw, values in zip(times, found, strict=True):
        weights = draw[unit]
        for index, value in enumerate(values):
            if weights[true == index].sum():
                repeated = np.repeat(np.arange(frames), weights)
                expected = reference.average_precision_score(
                    true[repeated] == index, probabilities[repeated, index]
                )
                assert value == pytest.approx(expected, abs=1e-9)
            else:
                assert np.isnan(value)


def test_more_thresholds_than_fit_into_a_block():
    random = np.random.default_rng(1)
    true, unit = random.integers(0, 2, 3 * ranking.BLOCK), np.arange(3 * ranking.BLOCK) % 4
    probabilities = random.dirichlet(np.ones(2), len(true))
    (found,) = ranking.resampled_average_precision(
        true, probabilities, unit, np.array([[2, 0, 1, 1]])
    )
    weights = np.array([2, 0, 1, 1])[unit]
    for index in range(2):
        expected = reference.average_precision_score(
            true == index, probabilities[:, index], sample_weight=weights
        )
        assert found[index] == pytest.approx(expected, abs=1e-9)
