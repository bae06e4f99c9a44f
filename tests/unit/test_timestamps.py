"""Wrong time stamps put right."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from clapboard.video import timestamps
from clapboard.video.timestamps import find_resets


def straighten(pts: list[int], segment: list[int] | None = None, step: int = 100) -> list[int]:
    parts = np.array(segment or [0] * len(pts))
    return timestamps.straighten(np.array(pts), parts, step)[0].tolist()


def test_straight_times_are_left_alone():
    assert straighten([40, 140, 200, 500]) == [0, 100, 160, 460]


def test_twins_at_the_end_follow_at_the_usual_distance():
    assert straighten([0, 100, 200, 200, 200]) == [0, 100, 200, 300, 400]


def test_more_twins_than_ticks_still_rise():
    assert straighten([0, 100, 100, 100, 101, 300]) == [0, 100, 101, 102, 103, 300]


def test_no_frames_have_no_times():
    times, moved = timestamps.straighten(np.zeros(0, np.int64), np.zeros(0, np.int64), 100)
    assert len(times) == len(moved) == 0


def test_a_single_early_time_is_no_reset():
    pts = np.array([0, 100, 200, 190, 400, 500])
    key = np.array([True] + [False] * 5)
    assert not find_resets(pts, key, reorders=False).any()
    assert straighten(pts.tolist()) == [0, 100, 200, 300, 400, 500]


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=200), st.integers(1, 5000))
def test_whatever_a_camera_wrote_time_runs_forward(pts, step):
    wrong = np.array(pts)
    resets = find_resets(wrong, np.ones(len(wrong), bool), reorders=False)
    times, _ = timestamps.straighten(wrong, np.cumsum(resets), step)
    assert times[0] == 0
    assert (np.diff(times) > 0).all()


@given(first=st.integers(3, 40), second=st.integers(3, 40), step=st.integers(1, 5000))
def test_a_reset_is_found_where_it_is(first, second, step):
    pts = np.concatenate((np.arange(first), np.arange(second))) * step
    resets = find_resets(pts, np.zeros(len(pts), bool), reorders=False)
    assert np.flatnonzero(resets).tolist() == [first]
    times, moved = timestamps.straighten(pts, np.cumsum(resets), step)
    assert times.tolist() == (np.arange(first + second) * step).tolist()
    assert not moved.any()
