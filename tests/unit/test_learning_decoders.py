"""Steady timelines: flicker goes, short procedures stay, Viterbi finds the best path."""

from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest

from clapboard.learning.decoders import Durations, learn_durations, median, viterbi
from clapboard.learning.review import rank


def sure(classes, share=0.8, count=3):
    """Probabilities with `share` for the given class of each frame."""
    rest = (1 - share) / (count - 1)
    return np.eye(count)[classes] * (share - rest) + rest


def training(labels, step=0.5):
    return pd.DataFrame(
        {
            "recording": "S1C1",
            "split": "Training",
            "seconds": np.arange(len(labels)) * step,
            "class_index": labels,
        }
    )


def test_durations_are_those_of_training():
    found = learn_durations(training([0] * 10 + [1] * 4 + [0] * 20), 3)
    assert found.seconds.tolist() == pytest.approx([7.5, 2, 17 / 3])
    assert found.prior.sum() == pytest.approx(1)
    assert found.follows[0].tolist() == pytest.approx([0, 2 / 3, 1 / 3])
    assert np.diag(found.follows).tolist() == [0, 0, 0]


def test_a_gap_is_no_transition():
    set_ = training([0] * 5 + [1] * 5)
    set_.loc[5:, "seconds"] += 100
    assert learn_durations(set_, 2).follows.tolist() == [[0, 1], [1, 0]]
    assert learn_durations(set_, 3).follows[0].tolist() == [0, 0.5, 0.5]


@pytest.mark.parametrize("width", [3, 4, 5, 1000])
def test_median_removes_single_frames(width):
    labels = np.zeros(30, np.int64)
    labels[7] = 1
    assert median(sure(labels), width).tolist() == [0] * 30


def test_median_keeps_borders_and_decides_ties_by_probability():
    labels = np.array([0] * 10 + [1] * 10)
    assert median(sure(labels), 5).tolist() == labels.tolist()
    tie = np.array([[0.9, 0.1], [0.4, 0.6]])
    assert median(tie, 3).tolist() == [0, 0]


@pytest.mark.parametrize("block", [1, 7, 64])
@pytest.mark.parametrize("width", [1, 4, 31])
def test_long_recordings_are_decoded_alike_in_blocks(monkeypatch, block, width):
    random = np.random.default_rng(block * width)
    probabilities = random.dirichlet(np.ones(4), 150).astype(np.float32)
    durations = learn_durations(training(np.repeat([0, 1, 2, 3, 0], 9)), 4)
    seconds = np.arange(150) / 5
    whole = [median(probabilities, width), viterbi(probabilities, 0.2, durations)]
    doubts = rank(seconds, probabilities, whole[0], 4)
    monkeypatch.setattr("clapboard.learning.decoders.BLOCK", block)
    monkeypatch.setattr("clapboard.learning.review.BLOCK", block)
    assert median(probabilities, width).tolist() == whole[0].tolist()
    assert viterbi(probabilities, 0.2, durations).tolist() == whole[1].tolist()
    assert rank(seconds, probabilities, whole[0], 4) == doubts


def test_class_that_the_model_does_not_know_is_never_the_answer():
    """Though it would be cheap to go through it: all else is as good as impossible, too."""
    follows = np.array([[0, 0.5, 0.5], [1, 0, 0], [1, 0, 0]])
    durations = Durations(np.array([1e-9, 0.5, 0.5]), np.array([0.5, 9, 9]), follows)
    known = np.zeros((8, 3))
    known[:4, 1] = known[4:, 2] = 1
    assert viterbi(known, 0.5, durations).tolist() == [1] * 4 + [2] * 4


def test_viterbi_finds_the_best_of_all_paths():
    random = np.random.default_rng(0)
    durations = Durations(
        np.array([0.5, 0.3, 0.2]),
        np.array([2.0, 1.0, 3.0]),
        np.array([[0, 0.7, 0.3], [0.5, 0, 0.5], [0.9, 0.1, 0]]),
    )
    leave = 0.5 / durations.seconds
    for _ in range(20):
        probabilities = random.dirichlet(np.ones(3), 6)

        def score(path, probabilities=probabilities):
            total = np.log(durations.prior[path[0]])
            total += sum(np.log(probabilities[range(6), path] / durations.prior[list(path)]))
            for one, two in pairwise(path):
                share = 1 - leave[one] if one == two else durations.follows[one, two] * leave[one]
                total += np.log(share)
            return total

        best = max(product(range(3), repeat=6), key=score)
        assert score(tuple(viterbi(probabilities, 0.5, durations))) == pytest.approx(score(best))


def test_viterbi_bridges_flicker_but_not_a_procedure():
    truth = np.array([0] * 40 + [1] * 30 + [2] * 40)
    durations = learn_durations(training(truth), 3)
    noisy = truth.copy()
    noisy[[10, 50, 51, 90]] = 2, 0, 0, 1
    assert viterbi(sure(noisy), 0.5, durations).tolist() == truth.tolist()


def test_one_frame_has_a_timeline():
    durations = learn_durations(training([0, 1]), 2)
    assert viterbi(np.array([[0.1, 0.9]]), 0.5, durations).tolist() == [1]
    assert median(np.array([[0.1, 0.9]]), 5).tolist() == [1]


def test_review_ranks_the_least_sure_stretch_first():
    seconds = np.arange(0, 180, 1.0)
    probabilities = np.tile([0.98, 0.02], (180, 1))
    probabilities[60:120] = [0.55, 0.45]
    doubts = rank(seconds, probabilities, np.zeros(180, np.int64), 60)
    assert [doubt.start for doubt in doubts] == [60, 0, 120]
    assert doubts[0].doubt == pytest.approx(0.9928, abs=1e-4)
    assert doubts[-1].stop == 179
    assert doubts[0].labels == (0,)


def test_review_says_how_much_the_decoder_changed():
    (doubt,) = rank(np.arange(4.0), np.tile([0.4, 0.6], (4, 1)), np.array([0, 0, 0, 1]), 60)
    assert doubt.changed == 0.75 and doubt.labels == (0, 1)
