"""Bootstrap and paired comparison: coverage, symmetry, too few subjects."""

import numpy as np
import pytest

from clapboard.evaluation.intervals import bootstrap, paired_p_value


def test_interval_of_a_mean_is_near_the_textbook_one():
    random = np.random.default_rng(0)
    values = random.normal(size=100)
    low, high = bootstrap(lambda units: values[units].mean(), 100, seed=1)
    error = 1.96 * values.std() / 10
    assert low == pytest.approx(values.mean() - error, abs=0.03)
    assert high == pytest.approx(values.mean() + error, abs=0.03)


def test_same_seed_same_interval():
    values = np.arange(9.0)
    measure = lambda units: values[units].mean()  # noqa: E731
    assert bootstrap(measure, 9, seed=1).tolist() == bootstrap(measure, 9, seed=1).tolist()


def test_several_figures_at_once():
    values = np.arange(9.0)
    both = bootstrap(lambda units: (values[units].mean(), -values[units].mean()), 9, seed=1)
    assert both.shape == (2, 2)
    np.testing.assert_allclose(both[:, 0], -both[::-1, 1])


def test_one_subject_has_no_interval():
    assert np.isnan(bootstrap(lambda units: 1.0, 1, seed=1)).all()


def test_undefined_draws_are_left_out():
    assert np.isnan(bootstrap(lambda units: float("nan"), 3, seed=1)).all()
    low, high = bootstrap(lambda units: 1.0 if 0 in units else float("nan"), 3, seed=1)
    assert (low, high) == (1, 1)


def test_paired_p_value_counts_sign_patterns():
    assert paired_p_value(np.ones(9), seed=1) == 2 / 2**9
    assert paired_p_value(np.zeros(5), seed=1) == 1
    assert paired_p_value(np.array([1.0, -1.0]), seed=1) == 1
    assert paired_p_value(np.ones(30), seed=1) < 0.01
