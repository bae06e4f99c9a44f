"""Segment measures: the published reference's numbers, definitions, degenerate timelines."""

from functools import cache
from itertools import groupby, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clapboard.evaluation.timelines import Matches, Segment, edit_score, match_segments, segments

pairs = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), max_size=40)
timelines = st.lists(st.integers(0, 3), max_size=40).map(lambda values: np.array(values, np.int64))


def test_agrees_with_the_published_evaluation_of_ms_tcn():
    # Numbers of eval.py of MS-TCN (Abu Farha and Gall, 2019) on these very timelines.
    random = np.random.default_rng(42)
    scores, matches = [], {k: Matches(0, 0, 0) for k in (0.10, 0.25, 0.50)}
    for _ in range(20):
        true = np.repeat(random.integers(0, 5, 30), 10)
        noise = random.random(300) < 0.7
        predicted = np.where(noise, true, np.repeat(random.integers(0, 5, 60), 5))
        wanted, found = segments(true, background=0), segments(predicted, background=0)
        scores.append(edit_score(wanted, found))
        for overlap in matches:
            matches[overlap] += match_segments(wanted, found, overlap)
    assert np.mean(scores) == pytest.approx(0.20382103655303294, abs=1e-12)
    assert matches[0.10] == Matches(367, 1456, 0)
    assert matches[0.25] == Matches(327, 1496, 40)
    assert matches[0.50] == Matches(198, 1625, 169)
    assert matches[0.50].f1 == pytest.approx(0.18082191780821918, abs=1e-12)


@settings(deadline=None)
@given(timelines)
def test_segments_cover_the_timeline_in_order(timeline):
    found = segments(timeline)
    rebuilt = [segment.label for segment in found for _ in range(segment.start, segment.stop)]
    assert rebuilt == timeline.tolist()
    assert all(one.label != two.label for one, two in pairwise(found))


@settings(deadline=None)
@given(timelines, timelines)
def test_edit_score_is_the_levenshtein_distance(true, predicted):
    one, two = segments(true), segments(predicted)
    longer = max(len(one), len(two))
    expected = 1 - _distance(one, two) / longer if longer else np.nan
    assert edit_score(one, two) == pytest.approx(expected, abs=1e-9, nan_ok=True)
    assert edit_score(two, one) == pytest.approx(edit_score(one, two), abs=0, nan_ok=True)


@settings(deadline=None)
@given(pairs, st.sampled_from([None, 0]), st.sampled_from([0.1, 0.25, 0.5]))
def test_matches_are_those_of_the_published_rule(both, background, overlap):
    true, predicted = (np.array([pair[side] for pair in both], np.int64) for side in (0, 1))
    wanted, found = (segments(timeline, background) for timeline in (true, predicted))
    expected = _matches(_runs(true, background), _runs(predicted, background), overlap)
    matches = match_segments(wanted, found, overlap)
    assert matches == expected
    count = 2 * expected.hits + expected.invented + expected.missed
    if count:
        assert matches.f1 == pytest.approx(2 * expected.hits / count, abs=1e-9)
    else:
        assert np.isnan(matches.f1)


def test_flicker_costs_segments_but_hardly_any_frames():
    true, flicker = np.zeros(100, np.int64), np.zeros(100, np.int64)
    flicker[[20, 40, 60]] = 1
    wanted, found = segments(true), segments(flicker)
    assert edit_score(wanted, found) == pytest.approx(1 / 7)
    assert match_segments(wanted, found, 0.25) == Matches(1, 6, 0)


def test_a_gap_in_time_ends_a_segment():
    assert segments(np.array([1, 1, 1]), breaks=[2]) == [Segment(1, 0, 2), Segment(1, 2, 3)]


def test_background_is_not_a_segment():
    assert segments(np.array([0, 1, 1, 0]), background=0) == [Segment(1, 1, 3)]


def test_a_true_segment_is_found_once():
    wanted, found = segments(np.array([1] * 10)), [Segment(1, 0, 5), Segment(1, 5, 10)]
    assert match_segments(wanted, found, 0.5) == Matches(1, 1, 0)


def test_nothing_there():
    nothing = segments(np.array([0, 0]), background=0)
    something = [Segment(1, 0, 3)]
    assert nothing == segments(np.array([], np.int64)) == []
    assert np.isnan(edit_score(nothing, nothing))
    assert edit_score(nothing, something) == 0
    assert np.isnan(match_segments(nothing, nothing, 0.5).f1)
    assert match_segments(nothing, something, 0.5) == Matches(0, 1, 0)
    assert match_segments(something, nothing, 0.5) == Matches(0, 0, 1)


def _distance(one, two):
    """Levenshtein distance by its recursive definition."""

    @cache
    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        replaced = distance(i - 1, j - 1) + (one[i - 1].label != two[j - 1].label)
        return min(replaced, distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    return distance(len(one), len(two))


def _runs(timeline, background):
    """Label and frames of every run, by frame numbers."""
    numbered = groupby(enumerate(timeline.tolist()), lambda pair: pair[1])
    runs = [(label, {frame for frame, _ in run}) for label, run in numbered]
    return [(label, frames) for label, frames in runs if label != background]


def _matches(true, predicted, overlap):
    """Each predicted run looks at the true one of its label that it shares most with (Lea 2017)."""
    taken, invented = set(), 0
    for label, frames in predicted:
        shares = [
            len(frames & other) / len(frames | other) if name == label else 0
            for name, other in true
        ]
        best = int(np.argmax(shares)) if shares else -1
        if shares and shares[best] >= overlap and best not in taken:
            taken.add(best)
        else:
            invented += 1
    return Matches(len(taken), invented, len(true) - len(taken))
