from collections import Counter
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clapboard.labels.labelling import FrameLabels
from clapboard.labels.sampling import decoding_cost, grid, per_second, select, shares
from clapboard.video.index import RecordingIndex

NTSC = Fraction(30000, 1001)


def index_of(frames, rate=NTSC, gop=15, recording="S1C1"):
    """An index without a video: `frames` frames at `rate`, a key frame each `gop` frames."""
    number = np.arange(frames, dtype=np.int64)
    return RecordingIndex(
        recording=recording,
        time_base=Fraction(1, rate.numerator),
        rate=rate,
        pts=number * rate.denominator,
        chapter=np.ones(frames, np.int16),
        key=number % gop == 0,
        source_pts=number,
        chapters=(),
    )


def labels_of(*intervals):
    """Labels of (label, first, stop, row) intervals that do not overlap."""
    names = tuple(sorted({label for label, *_ in intervals}))
    return FrameLabels(
        frames=np.concatenate([np.arange(first, stop) for _, first, stop, _ in intervals]),
        codes=np.concatenate(
            [np.full(stop - first, names.index(label)) for label, first, stop, _ in intervals]
        ).astype(np.int32),
        rows=np.concatenate(
            [np.full(stop - first, row) for _, first, stop, row in intervals]
        ).astype(np.int32),
        labels=names,
    )


def chosen(labels, index, beside=(), **changes):
    """Selected frame numbers."""
    section = {"every": "all", "per_label": {}, "max_per_label_and_subject": None, "seed": 1}
    return labels.frames[select(labels, index, section | changes, beside)].tolist()


@st.composite
def indexes(draw):
    """Indexes with irregular times and key frames."""
    steps = draw(st.lists(st.integers(1, 90), min_size=1, max_size=120))
    keys = draw(st.lists(st.booleans(), min_size=len(steps), max_size=len(steps)))
    pts = np.cumsum([0, *steps[1:]], dtype=np.int64)
    return RecordingIndex(
        recording="S1C1",
        time_base=draw(
            st.sampled_from([Fraction(1, 1000), Fraction(1, 30), Fraction(1001, 24000)])
        ),
        rate=Fraction(30),
        pts=pts,
        chapter=np.ones(len(steps), np.int16),
        key=np.array([True, *keys[1:]]),
        source_pts=pts,
        chapters=(),
    )


def test_every_nth_frame_is_counted_from_the_first_of_the_recording():
    labels = labels_of(("A", 5, 12, 2))
    assert chosen(labels, index_of(20), every=3) == [7, 10]
    assert chosen(labels, index_of(20), every=1) == list(range(5, 12))


def test_two_a_second_are_the_key_frames_of_a_camera_with_groups_of_half_a_second():
    index = index_of(31860)
    taken = grid(index, "2/s")
    assert taken.sum() == -(-index.pts[-1] * 2 // 30000)
    assert taken[index.key].mean() > 0.998
    assert index.key[taken].mean() > 0.998


def test_keyframes():
    assert chosen(labels_of(("A", 5, 40, 2)), index_of(60), every="keyframes") == [16, 31]


def test_no_annotation_is_lost_to_thinning():
    labels = labels_of(("A", 2, 5, 2), ("B", 5, 9, 3), ("A", 16, 60, 4))
    assert chosen(labels, index_of(60), every=30) == [2, 5, 31]


def test_background_may_be_lost_to_thinning():
    assert chosen(labels_of(("BACKGROUND", 2, 5, 0)), index_of(60), every=30) == []


def test_each_label_can_have_its_own_rate():
    labels = labels_of(("RARE", 1, 6, 2), ("LONG", 6, 60, 3))
    found = chosen(labels, index_of(60), every=20, per_label={" rare ": "all"})
    assert found == [1, 2, 3, 4, 5, 21, 41]


@settings(deadline=None)
@given(indexes(), st.fractions(Fraction(1, 20), 40, max_denominator=20))
def test_rates_take_the_cheapest_frame_of_each_stretch_of_time(index, rate):
    taken = np.flatnonzero(grid(index, f"{rate}/s"))
    windows = [int(index.seconds(n) * rate // 1) for n in range(1, len(index) + 1)]
    cost = decoding_cost(index)
    by_window = {}
    for place, window in enumerate(windows):
        by_window.setdefault(window, []).append(place)
    assert taken.tolist() == [
        min(places, key=lambda place: (cost[place], place)) for places in by_window.values()
    ]


@settings(deadline=None)
@given(indexes())
def test_cost_counts_the_frames_since_the_last_key_frame(index):
    keys = np.flatnonzero(index.key)
    expected = [place - max(keys[keys <= place]) for place in range(len(index))]
    assert decoding_cost(index).tolist() == expected


def test_times_too_fine_for_64_bits_are_still_exact():
    fine = RecordingIndex(
        recording="S1C1",
        time_base=Fraction(1, 10**9),
        rate=Fraction(25),
        pts=np.arange(5, dtype=np.int64) * 10**18,
        chapter=np.ones(5, np.int16),
        key=np.ones(5, np.bool_),
        source_pts=np.arange(5, dtype=np.int64),
        chapters=(),
    )
    assert np.flatnonzero(grid(fine, "1/2000000000/s")).tolist() == [0, 2, 4]


@pytest.mark.parametrize("every", ["often", "2", "0/s", "-1/s", "1/0/s", "2/sec", 0, -3])
def test_other_rates_are_refused(every):
    with pytest.raises(ValueError, match="is not a sampling rate"):
        grid(index_of(9), every)


def test_rate_text():
    assert per_second("2/s") == 2
    assert per_second("0.5/s") == Fraction(1, 2)


LONG_DAY = labels_of(("A", 1, 1001, 2), ("B", 1001, 1011, 3), ("A", 2001, 4001, 4))


def test_a_limit_is_spread_over_time():
    index = index_of(5000)
    found = chosen(LONG_DAY, index, max_per_label_and_subject=30)
    assert len(found) == 40
    parts = Counter((frame - 1) // 1000 for frame in found)
    assert parts == {0: 10, 1: 10, 2: 10, 3: 10}
    assert index.key[np.array([frame for frame in found if not 1001 <= frame < 1011]) - 1].all()


def test_the_seed_decides_and_repeats():
    draws = [
        chosen(LONG_DAY, index_of(5000), max_per_label_and_subject=30, seed=seed)
        for seed in (1, 1, 2)
    ]
    assert draws[0] == draws[1] != draws[2]


def test_recordings_of_a_subject_share_the_limit():
    first, second = index_of(5000), index_of(5000, recording="S1C2")
    short = labels_of(("A", 1, 11, 2))
    ours = chosen(LONG_DAY, first, [(short, second)], max_per_label_and_subject=30)
    theirs = chosen(short, second, [(LONG_DAY, first)], max_per_label_and_subject=30)
    assert sum(not 1001 <= frame < 1011 for frame in ours) == 20
    assert len(theirs) == 10


def test_a_small_edit_moves_few_frames():
    index = index_of(40000)
    before = chosen(labels_of(("A", 1, 20001, 2)), index, max_per_label_and_subject=500)
    after = chosen(labels_of(("A", 4, 20001, 2)), index, max_per_label_and_subject=500)
    assert len(set(before) & set(after)) > 350


@settings(deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=6), st.integers(1, 200))
def test_shares_use_the_limit_up_and_are_fair(counts, limit):
    parts = shares(counts, limit)
    assert sum(parts) == min(limit, sum(counts))
    assert all(part <= count for part, count in zip(parts, counts, strict=True))
    starved = [part for part, count in zip(parts, counts, strict=True) if part < count]
    assert all(part <= low + 1 for part in parts for low in starved)


@settings(max_examples=50, deadline=None)
@given(
    indexes(),
    st.sampled_from(["all", 2, 7, "2/s", "0.3/s", "keyframes"]),
    st.one_of(st.none(), st.integers(1, 40)),
    st.data(),
)
def test_selection_keeps_its_promises(index, every, limit, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, len(index)), max_size=8)) | {len(index) + 1})
    spans = [
        (data.draw(st.sampled_from("ABC")), first, stop, row)
        for row, (first, stop) in enumerate(pairwise(cuts), start=2)
    ]
    if not spans:
        return
    labels = labels_of(*spans)
    found = chosen(labels, index, every=every, max_per_label_and_subject=limit)
    on_grid = set(np.flatnonzero(grid(index, every)) + 1) & set(labels.frames.tolist())
    of = dict(zip(labels.frames.tolist(), labels.codes.tolist(), strict=True))
    if limit is None:
        assert on_grid <= set(found)
        extra = set(found) - on_grid
        for _, first, stop, _ in spans:
            held = set(range(first, stop))
            assert held & set(found)
            assert len(held & extra) <= (0 if held & on_grid else 1)
    else:
        unlimited = chosen(labels, index, every=every)
        assert set(found) <= set(unlimited)
        wanted = Counter(of[frame] for frame in unlimited)
        assert Counter(of[frame] for frame in found) == {
            code: min(count, limit) for code, count in wanted.items()
        }
