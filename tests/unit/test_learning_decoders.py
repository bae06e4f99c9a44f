"""Steady timelines: flicker goes, short procedures stay, Viterbi finds the best path."""

import tracemalloc
from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter1d

from clapboard.learning.decoders import Durations, learn_durations, median, viterbi
from clapboard.learning.probabilities import Part
from clapboard.learning.review import rank


class Held:
    """Probabilities at hand."""

    def __init__(self, probabilities):
        self.probabilities = probabilities
        self.classes = tuple(map(str, range(probabilities.shape[1])))

    def part(self, start, stop):
        return self.probabilities[start:stop]


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
    assert median([sure(labels)], width)[:].tolist() == [0] * 30


def test_median_keeps_borders_and_decides_ties_by_probability():
    labels = np.array([0] * 10 + [1] * 10)
    assert median([sure(labels)], 5)[:].tolist() == labels.tolist()
    tie = np.array([[0.9, 0.1], [0.4, 0.6]])
    assert median([tie], 3)[:].tolist() == [0, 0]


def test_class_that_the_model_does_not_know_is_never_the_answer():
    """Though it would be cheap to go through it: all else is as good as impossible, too."""
    follows = np.array([[0, 0.5, 0.5], [1, 0, 0], [1, 0, 0]])
    durations = Durations(np.array([1e-9, 0.5, 0.5]), np.array([0.5, 9, 9]), follows)
    known = np.zeros((8, 3))
    known[:4, 1] = known[4:, 2] = 1
    assert viterbi([known], 0.5, durations)[:].tolist() == [1] * 4 + [2] * 4


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
        assert score(tuple(viterbi([probabilities], 0.5, durations)[:])) == pytest.approx(
            score(best)
        )


def test_viterbi_bridges_flicker_but_not_a_procedure():
    truth = np.array([0] * 40 + [1] * 30 + [2] * 40)
    durations = learn_durations(training(truth), 3)
    noisy = truth.copy()
    noisy[[10, 50, 51, 90]] = 2, 0, 0, 1
    assert viterbi([sure(noisy)], 0.5, durations)[:].tolist() == truth.tolist()


def whole_median(probabilities, width):
    """All frames at once, by SciPy."""
    width = min(width, 2 * len(probabilities) - 1)
    votes = np.eye(probabilities.shape[1])[probabilities.argmax(axis=1)]
    around = uniform_filter1d(votes, width, axis=0, mode="constant")
    mean = uniform_filter1d(probabilities.astype(np.float64), width, axis=0, mode="constant")
    return (np.round(around * width) + mean / 2).argmax(axis=1)


def whole_viterbi(probabilities, step, durations):
    """All frames at once."""
    evidence = np.log(np.maximum(probabilities, 1e-6)) - np.log(durations.prior)
    evidence[:, probabilities.max(axis=0) == 0] = -np.inf
    leave = np.clip(step / np.maximum(durations.seconds, 1e-6), 1e-6, 0.5)
    moves = np.log(np.maximum(durations.follows * leave[:, None], 1e-12))
    np.fill_diagonal(moves, np.log1p(-leave))
    best, came_from = np.log(durations.prior) + evidence[0], []
    for seen in evidence[1:]:
        scores = best[:, None] + moves
        came_from.append(scores.argmax(axis=0))
        best = scores.max(axis=0) + seen
    path = [best.argmax()]
    for before in reversed(came_from):
        path.append(before[path[-1]])
    return np.array(path[::-1])


def drawn(seed, frames, classes, rounded):
    """Random answers; rounded ones are often as probable as each other."""
    shares = np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), frames)
    return (np.round(shares * 4) / 4 if rounded else shares).astype(np.float32)


cut = {
    "seed": st.integers(0, 2**32),
    "frames": st.integers(1, 80),
    "together": st.integers(1, 90),
    "classes": st.integers(2, 7),
    "rounded": st.booleans(),
}


@given(**cut, width=st.integers(1, 120))
def test_median_does_not_depend_on_where_a_part_ends(
    seed, frames, together, classes, rounded, width
):
    known = drawn(seed, frames, classes, rounded)
    parts = Part(Held(known), range(frames), together)
    assert median(parts, width)[:].tolist() == whole_median(known, width).tolist()


@given(**cut)
def test_viterbi_does_not_depend_on_where_a_part_ends(seed, frames, together, classes, rounded):
    known = drawn(seed, frames, classes, rounded)
    labels = np.random.default_rng(seed).integers(0, classes, 200)
    durations = learn_durations(training(np.repeat(labels, 3)), classes)
    parts = Part(Held(known), range(frames), together)
    wanted = whole_viterbi(known, 0.5, durations)
    assert viterbi(parts, 0.5, durations)[:].tolist() == wanted.tolist()


class Steady(Held):
    """The same few answers over and over, each for long, which are never held whole."""

    def part(self, start, stop):
        return self.probabilities[np.arange(start, stop) // 400 % len(self.probabilities)]


@pytest.mark.parametrize("decoder", ["viterbi", "median"])
def test_a_longer_recording_takes_no_more_memory(decoder):
    said = Steady(drawn(0, 97, 12, rounded=False))
    durations = learn_durations(training(np.repeat(np.arange(12), 9)), 12)
    lengths, peaks = (4_000, 20_000), []
    for frames in lengths:
        parts = Part(said, range(frames), together=1_000)
        tracemalloc.start()
        if decoder == "viterbi":
            viterbi(parts, 0.5, durations)
        else:
            median(parts, 9)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / (lengths[1] - lengths[0]) < 0.5


@pytest.mark.parametrize("classes", [256, 257])
def test_many_classes_are_told_apart(classes):
    last = np.full(9, classes - 1)
    durations = learn_durations(training([0] * 4 + [classes - 1] * 4), classes)
    known = sure(last, count=classes)
    assert viterbi([known], 0.5, durations)[:].tolist() == last.tolist()
    assert median([known], 3)[:].tolist() == last.tolist()


def test_one_frame_has_a_timeline():
    durations = learn_durations(training([0, 1]), 2)
    assert viterbi([np.array([[0.1, 0.9]])], 0.5, durations)[:].tolist() == [1]
    assert median([np.array([[0.1, 0.9]])], 5)[:].tolist() == [1]


def test_review_ranks_the_least_sure_stretch_first():
    seconds = np.arange(0, 180, 1.0)
    probabilities = np.tile([0.98, 0.02], (180, 1))
    probabilities[60:120] = [0.55, 0.45]
    timeline = np.zeros(180, np.int64)
    doubts = rank(seconds, Held(probabilities), timeline, 60)
    assert [doubt.start for doubt in doubts] == [60, 0, 120]
    assert doubts[0].doubt == pytest.approx(0.9928, abs=1e-4)
    assert doubts[-1].stop == 179
    assert doubts[0].labels == (0,)


def test_review_says_how_much_the_decoder_changed():
    timeline = np.array([0, 0, 0, 1])
    said = Held(np.tile([0.4, 0.6], (4, 1)))
    (doubt,) = rank(np.arange(4.0), said, timeline, 60)
    assert doubt.changed == 0.75 and doubt.labels == (0, 1)
