"""Folds, stretches and windows: no leakage, no frame left out, nothing across a border."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clapboard.learning.folds import leave_out, lend_validation, natural_order
from clapboard.learning.inputs import make_inputs
from clapboard.learning.sources import index_file
from clapboard.learning.windows import NONE, Merged, Singly, Windows, holding, stretches
from clapboard.problems import InputError

steps = st.lists(st.sampled_from([0.04, 0.04, 0.04, 5.0]), max_size=30)


def frames(recordings: dict[str, list[float]], split: str = "Training") -> pd.DataFrame:
    rows = [
        (recording, split, seconds)
        for recording, times in recordings.items()
        for seconds in np.cumsum([0.0, *times])
    ]
    return pd.DataFrame(rows, columns=["recording", "split", "seconds"])


def all_of(windows):
    return windows[np.arange(len(windows))]


def test_stretches_end_at_gaps_recordings_and_splits():
    set_ = frames({"A": [1, 1, 9, 1], "B": [1, 1]})
    assert stretches(set_, gap=2.5) == [range(0, 3), range(3, 5), range(5, 8)]
    set_.loc[6, "split"] = "Test"
    assert stretches(set_, gap=2.5)[2:] == [range(5, 6), range(6, 7), range(7, 8)]


def test_thinned_frames_follow_each_other_at_their_own_step():
    assert stretches(frames({"A": [30.0, 30.0, 31.0]}), gap=2.5) == [range(0, 4)]


@settings(deadline=None)
@given(st.lists(steps, min_size=1, max_size=4), st.integers(1, 12), st.integers(1, 12))
def test_windows_hold_every_frame_in_order_and_cross_nothing(recordings, length, stride):
    set_ = frames({f"R{number}": times for number, times in enumerate(recordings)})
    found = stretches(set_, gap=2.5)
    items = all_of(Windows(found, length, min(stride, length)))
    assert set(items[items != NONE]) == set(range(len(set_)))
    stretch_of = {row: stretch.start for stretch in found for row in stretch}
    for rows in items:
        known = rows[rows != NONE]
        assert len({stretch_of[row] for row in known}) == 1
        assert (np.diff(known) == 1).all()
        assert (rows[len(known) :] == NONE).all()


@settings(deadline=None)
@given(steps, st.integers(1, 9), st.integers(1, 9), st.integers(1, 20), st.data())
def test_windows_that_teach_are_those_with_a_known_frame(times, length, stride, at_once, data):
    windows = Windows(stretches(frames({"A": times}), 2.5), length, min(stride, length))
    wanted = np.array(data.draw(st.lists(st.booleans(), min_size=31, max_size=31)))
    rows = all_of(windows)
    expected = rows[[any(wanted[one[one != NONE]]) for one in rows]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clapboard.learning.windows.LOOKED_AT", at_once)
        chosen = holding(windows, wanted)
    assert chosen.shape == expected.shape and chosen.ndim == 2
    np.testing.assert_array_equal(all_of(chosen), expected)
    single = holding(Singly(31), wanted)
    assert all_of(single).tolist() == np.flatnonzero(wanted).tolist()


def test_memory_for_windows_does_not_grow_with_their_length(tmp_path):
    """Each frame but the last ones begins a window of 1000: 16 kB a frame, were they all kept."""
    count = 20_000
    set_ = frames({"A": [1.0] * (count - 1)}).assign(
        frame=np.arange(count), file="", class_index=np.arange(count) % 2
    )
    np.save(tmp_path / "A.npy", np.zeros((count, 1), np.float16))
    np.save(index_file(tmp_path / "A.npy"), np.arange(count))
    asked = {"architecture": "lstm", "input": "features", "window": 1000, "stride": 1}
    asked |= {"gap": 2.5, "batch_size": 4}
    tracemalloc.start()
    seen = make_inputs(set_, asked, features={"A": tmp_path / "A.npy"})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(seen.items) == count - 999
    assert peak < 1000 * count


def test_probabilities_are_averaged_over_the_windows_of_a_frame():
    items = np.array([[0, 1], [1, 2], [2, NONE]])
    answers = np.array([[[1, 0], [1, 0]], [[0, 1], [0, 1]], [[0, 1], [9, 9]]], np.float32)
    merged = Merged(2)
    merged.add(items, answers)
    np.testing.assert_array_equal(merged.take(3), [[1, 0], [0.5, 0.5], [0, 1]])


@settings(deadline=None)
@given(steps, st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))
def test_windows_taken_bit_by_bit_give_the_same_mean(times, length, stride, batch):
    items = all_of(Windows(stretches(frames({"A": times}), 2.5), length, min(stride, length)))
    rows, random = int(items.max()) + 1, np.random.default_rng(length)
    answers = random.random((*items.shape, 3), np.float32)
    merged, parts = Merged(3), []
    for start in range(0, len(items), batch):
        merged.add(items[start : start + batch], answers[start : start + batch])
        following = items[start + batch :][:1]
        parts.append(merged.take(int(following[0, 0]) if len(following) else rows))
    for row, mean in enumerate(np.concatenate(parts)):
        np.testing.assert_allclose(mean, answers[items == row].mean(axis=0), rtol=1e-5)


def test_a_frame_in_no_window_is_noticed():
    with pytest.raises(ValueError, match="no window"):
        Merged(1).take(1)


def test_natural_order_counts():
    assert natural_order(["S10", "S2", "S1", "S2"]) == ["S1", "S2", "S10"]


def test_natural_order_is_the_same_in_every_process():
    # What Python makes of a set of texts differs from process to process.
    spellings = [f"{'0' * zeros}1" for zeros in range(9)]
    for seed in range(20):
        shuffled = np.random.default_rng(seed).permutation(spellings).tolist()
        assert natural_order(shuffled) == natural_order(spellings) == sorted(spellings)


@given(st.integers(3, 12), st.data())
def test_every_subject_is_left_out_once_and_is_in_one_split(count, data):
    everyone = [f"S{number}" for number in range(1, count + 1)]
    subjects = pd.Series(data.draw(st.permutations(everyone * 2)))
    examples = pd.DataFrame({"subject": subjects, "label": "A"})
    validators = []
    for test_subject in everyone:
        split = leave_out(examples, test_subject)
        where = {subject: set(split[subjects == subject]) for subject in everyone}
        assert where[test_subject] == {"Test"}
        assert all(len(splits) == 1 for splits in where.values())
        (validator,) = [one for one, splits in where.items() if splits == {"Validation"}]
        validators.append(validator)
    assert sorted(validators) == sorted(everyone)


def shown(**labels):
    """Examples of subjects in Training, a frame for each letter."""
    rows = [("Training", who, label) for who, seen in labels.items() for label in seen]
    return pd.DataFrame(rows, columns=["split", "subject", "label"])


@pytest.mark.parametrize(
    ("examples", "validator"),
    [
        (shown(S10="AB", S2="AB", S1="AB"), "S10"),
        (shown(S10="ABC", S2="AB", S1="AB"), "S2"),  # nobody else could teach C
        (shown(S1="A", S2="B"), "S2"),
    ],
)
def test_who_validates_where_everybody_trains(examples, validator):
    splits = lend_validation(examples)
    assert set(examples["subject"][splits == "Validation"]) == {validator}
    assert set(splits[examples["subject"] != validator]) == {"Training"}


@pytest.mark.parametrize(
    ("examples", "validator"),
    [
        (shown(S1="AB", S2="AB", S3="AB", S4="A"), "S2"),
        (shown(S1="AB", S2="C", S3="AB", S4="A"), "S3"),  # nobody could have taught C
        (shown(S1="ABC", S2="C", S3="AB", S4="A"), "S3"),  # nor can who is left out
        (shown(S1="A", S2="B", S3="C"), "S2"),
    ],
)
def test_who_validates_where_one_is_left_out(examples, validator):
    splits = leave_out(examples, "S1")
    assert set(examples["subject"][splits == "Validation"]) == {validator}


def test_nobody_is_lent_who_is_not_needed_or_trains_alone():
    examples = shown(S1="A", S2="A", S3="A")
    examples.loc[0, "split"] = "Validation"
    assert lend_validation(examples).tolist() == examples["split"].tolist()
    alone = shown(S1="AB")
    assert lend_validation(alone).tolist() == ["Training"] * 2


def test_a_fold_needs_three_subjects():
    with pytest.raises(InputError, match="too-few-subjects"):
        leave_out(pd.DataFrame({"subject": ["S1", "S2"], "label": "A"}), "S1")


def test_who_has_no_frame_is_left_out_like_anybody_else():
    splits = leave_out(shown(S1="A", S3="A", S4="A"), "S2")
    assert splits.tolist() == ["Training", "Validation", "Training"]
