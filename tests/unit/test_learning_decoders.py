"""Steady timelines: flicker goes, short procedures stay, Viterbi finds the best path."""

import tracemalloc
from fractions import Fraction
from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import uniform_filter1d

from clapboard.evaluation.timelines import segments
from clapboard.learning.decoders import Durations, _skipping, median, viterbi
from clapboard.learning.durations import Seen, durations_of
from clapboard.learning.lessons import taught_shares
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


def learnt(labels, classes, step=0.5):
    """Durations of a single stretch of frames."""
    found = [(str(one.label), (one.stop - one.start) * step) for one in segments(np.array(labels))]
    before = ["", *(label for label, _ in found)]
    rows = (
        Seen(earlier, label, 1, time) for earlier, (label, time) in zip(before, found, strict=False)
    )
    return durations_of(rows, list(map(str, range(classes))))


EQUAL = np.full(3, 1 / 3)
LENGTHS = np.array([60.0, 12.0, 5.0])
"""Mean seconds of a segment: much of the first class between some of the others."""


def session(random, frames, step=0.5):
    """Labels of a long session, its segments of many lengths."""
    labels: list[int] = []
    while len(labels) < frames:
        found = 0 if labels and labels[-1] else random.choice([1, 2], p=[0.6, 0.4])
        for label in (0, found):
            labels += [label] * max(round(random.gamma(4, LENGTHS[label] / 4) / step), 1)
    return np.array(labels[:frames])


def calibrated(random, labels, taught, apart=1.5):
    """What a perfect model answers that was taught classes with these shares.

    Of every class a cloud of points, at equal distances; by Bayes' rule.
    """
    places = np.eye(3) * apart
    seen = places[labels] + random.normal(size=(len(labels), 3))
    likely = np.exp(-((seen[:, None] - places) ** 2).sum(axis=2) / 2) * taught
    return (likely / likely.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("class_weights", ["balanced", "none"])
@pytest.mark.parametrize("apart", [1, 1.5, 2, 3])
def test_viterbi_says_more_than_single_frames_of_unequal_classes(class_weights, apart):
    random = np.random.default_rng(0)
    seen = session(random, 40_000)
    training = pd.DataFrame({"class_index": seen})
    durations, taught = learnt(seen, 3), taught_shares(lambda: training, 3, class_weights)
    assert durations.shares.max() > 0.85 and durations.shares.min() < 0.04
    truth = session(random, 6_000)
    model = EQUAL if class_weights == "balanced" else durations.shares
    known = calibrated(random, truth, model, apart)
    found, single = viterbi([known], 0.5, durations, taught)[:], known.argmax(axis=1)
    assert (found == truth).mean() > max((single == truth).mean(), 0.95)
    recalls = [
        np.mean([(said == truth)[truth == label].mean() for label in range(3)])
        for said in (found, single)
    ]
    assert recalls[0] > recalls[1]


def test_class_that_no_frame_speaks_for_is_not_found_for_being_rare():
    durations = learnt([0] * 490 + [1] * 10, 2)
    known = np.tile([0.96, 0.04], (200, 1))
    assert not viterbi([known], 0.5, durations, np.array([0.5, 0.5]))[:].any()
    # Of a model that was taught so many of each, the same answer speaks for the rare one.
    assert viterbi([known], 0.5, durations, durations.shares)[:].all()


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
    assert viterbi([known], 0.5, durations, EQUAL)[:].tolist() == [1] * 4 + [2] * 4


@pytest.mark.parametrize("segments_learnt", [20, 2000])
def test_a_background_that_the_model_ignores_does_not_hold_procedures_apart(segments_learnt):
    """In Training something always lies between them; the model says one after the other."""
    random = np.random.default_rng(0)

    def order(count):
        found = [0]
        while len(found) < count:
            found.append((found[-1] + random.choice([1, 2])) % 3)
        return np.array(found)

    procedures = order(segments_learnt)
    labels = np.stack([procedures, np.full_like(procedures, 3)], axis=1).ravel()
    durations = learnt(np.repeat(labels, 20), 4)
    truth = np.repeat(order(60), 20)
    answers = np.pad(calibrated(random, truth, EQUAL, apart=0.7), ((0, 0), (0, 1)))
    single = (answers.argmax(axis=1) == truth).mean()
    found = (viterbi([answers], 0.5, durations, np.full(4, 0.25))[:] == truth).mean()
    assert single < 0.6 and found > 0.75


def test_what_follows_an_unknown_class_follows_what_was_before_it():
    follows = np.array([[0, 0.1, 0.9, 0], [0.3, 0, 0, 0.7], [0, 0.5, 0, 0.5], [0.5, 0.5, 0, 0]])
    for unknown in ([2], [2, 3]):
        known = np.setdiff1d(range(4), unknown)
        random, ways = np.random.default_rng(1), np.zeros((4, 4))
        for start in known:
            for _ in range(4000):
                at = random.choice(4, p=follows[start])
                while at in unknown:
                    at = random.choice(4, p=follows[at])
                ways[start, at] += at != start
        ways /= np.maximum(ways.sum(axis=1, keepdims=True), 1)
        found = _skipping(follows, np.isin(range(4), unknown))
        np.testing.assert_allclose(found, ways, atol=0.03)


def test_viterbi_finds_the_best_of_all_paths():
    random = np.random.default_rng(0)
    durations = Durations(
        np.array([0.5, 0.3, 0.2]),
        np.array([2.0, 1.0, 3.0]),
        np.array([[0, 0.7, 0.3], [0.5, 0, 0.5], [0.9, 0.1, 0]]),
    )
    leave, taught = 0.5 / durations.seconds, np.array([0.2, 0.2, 0.6])
    for _ in range(20):
        probabilities = random.dirichlet(np.ones(3), 6)

        def score(path, probabilities=probabilities):
            total = np.log(durations.shares[path[0]])
            total += sum(np.log(probabilities[range(6), path] / taught[list(path)]))
            for one, two in pairwise(path):
                share = 1 - leave[one] if one == two else durations.follows[one, two] * leave[one]
                total += np.log(share)
            return total

        best = max(product(range(3), repeat=6), key=score)
        found = viterbi([probabilities], 0.5, durations, taught)[:]
        assert score(tuple(found)) == pytest.approx(score(best))


def test_viterbi_bridges_flicker_but_not_a_procedure():
    truth = np.array([0] * 40 + [1] * 30 + [2] * 40)
    durations = learnt(truth, 3)
    noisy = truth.copy()
    noisy[[10, 50, 51, 90]] = 2, 0, 0, 1
    assert viterbi([sure(noisy)], 0.5, durations, EQUAL)[:].tolist() == truth.tolist()


def whole_median(probabilities, width):
    """All frames at once, by SciPy."""
    width = min(width, 2 * len(probabilities) - 1)
    votes = np.eye(probabilities.shape[1])[probabilities.argmax(axis=1)]
    around = uniform_filter1d(votes, width, axis=0, mode="constant")
    mean = uniform_filter1d(probabilities.astype(np.float64), width, axis=0, mode="constant")
    return (np.round(around * width) + mean / 2).argmax(axis=1)


def whole_viterbi(probabilities, step, durations, taught):
    """All frames at once."""
    evidence = np.log(np.maximum(probabilities, 1e-6)) - np.log(taught)
    unknown = probabilities.max(axis=0) == 0
    evidence[:, unknown] = -np.inf
    leave = np.clip(step / np.maximum(durations.seconds, 1e-6), 1e-6, 0.5)
    follows = _skipping(durations.follows, unknown)
    moves = np.log(np.maximum(follows * leave[:, None], 1e-12))
    np.fill_diagonal(moves, np.log1p(-leave))
    best, came_from = np.log(durations.shares) + evidence[0], []
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
    random = np.random.default_rng(seed)
    durations = learnt(np.repeat(random.integers(0, classes, 200), 3), classes)
    parts, taught = Part(Held(known), range(frames), together), random.dirichlet(np.ones(classes))
    wanted = whole_viterbi(known, 0.5, durations, taught)
    assert viterbi(parts, 0.5, durations, taught)[:].tolist() == wanted.tolist()


class Steady(Held):
    """The same few answers over and over, each for long, which are never held whole."""

    def part(self, start, stop):
        return self.probabilities[np.arange(start, stop) // 400 % len(self.probabilities)]


@pytest.mark.parametrize("decoder", ["viterbi", "median"])
def test_a_longer_recording_takes_no_more_memory(decoder):
    said = Steady(drawn(0, 97, 12, rounded=False))
    durations = learnt(np.repeat(np.arange(12), 9), 12)
    lengths, peaks = (4_000, 20_000), []
    for frames in (lengths[0], *lengths):  # what the first one needs besides is no answer
        parts = Part(said, range(frames), together=1_000)
        tracemalloc.start()
        if decoder == "viterbi":
            viterbi(parts, 0.5, durations, durations.shares)
        else:
            median(parts, 9)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # A part, here of 1,000 frames, leaves some hundred bytes.
    assert (peaks[-1] - peaks[-2]) / (lengths[1] - lengths[0]) < 1


@pytest.mark.parametrize("classes", [256, 257])
def test_many_classes_are_told_apart(classes):
    last = np.full(9, classes - 1)
    durations = learnt([0] * 4 + [classes - 1] * 4, classes)
    known = sure(last, count=classes)
    assert viterbi([known], 0.5, durations, durations.shares)[:].tolist() == last.tolist()
    assert median([known], 3)[:].tolist() == last.tolist()


def test_one_frame_has_a_timeline():
    durations = learnt([0, 1], 2)
    known = np.array([[0.1, 0.9]])
    assert viterbi([known], 0.5, durations, durations.shares)[:].tolist() == [1]
    assert median([np.array([[0.1, 0.9]])], 5)[:].tolist() == [1]


def following(row):
    """Until when an answer stands of frames that are a second apart."""
    return Fraction(row + 1)


def test_review_ranks_the_least_sure_stretch_first():
    seconds = np.arange(0, 180, 1.0)
    probabilities = np.tile([0.98, 0.02], (180, 1))
    probabilities[60:120] = [0.55, 0.45]
    timeline = np.zeros(180, np.int64)
    doubts = rank(seconds, Held(probabilities), timeline, following, 60)
    assert [doubt.start for doubt in doubts] == [60, 0, 120]
    assert doubts[0].entropy == pytest.approx(0.6881, abs=1e-4)
    assert [doubt.stop for doubt in doubts] == [120, 60, 180]
    assert doubts[0].labels == (0,)


def test_a_frame_on_the_border_of_stretches_of_broken_length_belongs_to_the_later_one():
    """3.3 is the third multiple of 1.1, but not of floats."""
    seconds = np.array([0, 0.5, 1.1, 2.2, 3.0, 3.3])
    probabilities = np.tile([0.98, 0.02], (6, 1))
    probabilities[5] = [0.55, 0.45]
    doubts = rank(seconds, Held(probabilities), np.zeros(6, np.int64), lambda _: Fraction(4), 1.1)
    assert [doubt.start for doubt in doubts] == pytest.approx([3.3, 0, 1.1, 2.2])
    assert doubts[0].entropy == pytest.approx(0.6881, abs=1e-4)


def test_review_says_how_much_the_decoder_changed():
    timeline = np.array([0, 0, 0, 1])
    said = Held(np.tile([0.4, 0.6], (4, 1)))
    (doubt,) = rank(np.arange(4.0), said, timeline, following, 60)
    assert (doubt.start, doubt.stop) == (0, 4)
    assert doubt.changed == 0.75 and doubt.labels == (0, 1)
