"""Lengths and order of procedures are those of the labels, whatever sampling leaves out."""

import numpy as np
import pytest
from test_labelling import index_of, interval

from clapboard import artifacts
from clapboard.labels.framecsv import COLUMNS, _cells
from clapboard.labels.labelling import write_labels
from clapboard.learning.durations import read_durations, write_durations
from clapboard.settings.config import load

RATE = 25
DAY = [("A", 20), ("B", 4), ("A", 60), ("C", 8), ("B", 6)]
"""Label and seconds, one after the other."""


def labelled(folder, name, annotations, frames, background=""):
    """Labels and index of a recording: (label, first frame, frame after the last) of each."""
    total = annotations[-1][2] + 10 * RATE
    index_of(total, recording=name).write(folder / f"{name}.index")
    rows = [interval(*one, row) for row, one in enumerate(annotations, start=2)]
    artifacts.write_csv(folder / f"{name}.csv", COLUMNS, map(_cells, rows))
    config = load({"frames": frames, "annotations": {"background": background}})
    sections = config.section("annotations"), config.section("frames")
    files = folder / f"{name}.csv", folder / f"{name}.index"
    write_labels(*files, *sections, folder / f"{name}.labels")


def one_after_another(day):
    """Annotations that begin at frame 1, without anything between them."""
    ends = np.cumsum([1, *(seconds * RATE for _, seconds in day)]).tolist()
    labels = (label for label, _ in day)
    return list(zip(labels, ends[:-1], ends[1:], strict=True))


def learnt(folder, *names, every, classes=("A", "B", "C")):
    files = ([folder / f"{name}.{kind}" for name in names] for kind in ("labels", "index"))
    write_durations(*files, every, folder / "procedures.csv")
    return read_durations(folder / "procedures.csv", classes)


@pytest.mark.parametrize(
    "frames",
    [
        {},
        {"every": "2/s"},
        {"every": "2/s", "per_label": {"A": "0.1/s"}},
        {"per_label": {"B": "keyframes"}},
        {"max_per_label_and_subject": 7},
        {"every": "keyframes"},
        {"every": 1000},
    ],
)
def test_sampling_changes_neither_lengths_nor_order(tmp_path, frames):
    labelled(tmp_path, "S1C1", one_after_another(DAY), frames)
    labelled(tmp_path, "S2C1", one_after_another(DAY[:2]), frames)
    every = load({"frames": frames}).section("frames")["every"]
    found = learnt(tmp_path, "S1C1", "S2C1", every=every)
    assert found.seconds.tolist() == pytest.approx([100 / 3, 14 / 3, 8])
    # Every follower counts one more than there is.
    follows = np.array([[0, 3, 2], [2, 0, 1], [1, 2, 0]])
    assert found.follows == pytest.approx(follows / follows.sum(axis=1, keepdims=True))
    assert found.shares == pytest.approx(np.array([101, 15, 9]) / 125)


@pytest.mark.parametrize(
    ("every", "hole", "followed"),
    [("all", 1, True), ("all", 3, False), ("2/s", 20, True), ("2/s", 40, False)],
)
def test_unlabelled_time_is_a_gap_where_prediction_would_see_one(tmp_path, every, hole, followed):
    first = 10 * RATE + 1
    labelled(tmp_path, "S1C1", [("A", 1, first), ("B", first + hole, 2 * first)], {"every": every})
    found = learnt(tmp_path, "S1C1", every=every)
    follows = [0, 2 / 3, 1 / 3] if followed else [0, 0.5, 0.5]
    assert found.follows[0].tolist() == pytest.approx(follows)
    assert found.seconds[0] == pytest.approx(10)
    assert found.seconds[1] == pytest.approx((first - hole) / RATE)


def test_background_is_a_label_like_others(tmp_path):
    first = 10 * RATE + 1
    labelled(tmp_path, "S1C1", [("A", 1, first), ("A", 2 * first, 3 * first)], {}, "NOTHING")
    found = learnt(tmp_path, "S1C1", every="all", classes=("A", "NOTHING"))
    assert found.follows.tolist() == [[0, 1], [1, 0]]
    assert found.seconds.tolist() == pytest.approx([10.02, 10.04])


def test_label_that_is_no_class_counts_for_nothing(tmp_path):
    labelled(tmp_path, "S1C1", one_after_another(DAY), {})
    found = learnt(tmp_path, "S1C1", every="all", classes=("A", "B"))
    assert found.seconds.tolist() == pytest.approx([40, 5])
    assert found.shares == pytest.approx(np.array([81, 11]) / 92)


def test_what_was_counted_is_written_for_people(tmp_path):
    labelled(tmp_path, "S1C1", one_after_another(DAY), {})
    learnt(tmp_path, "S1C1", every="all")
    rows = artifacts.read_csv(tmp_path / "procedures.csv")
    assert [tuple(row.values()) for row in rows] == [
        ("", "A", "1", "20"),
        ("A", "B", "1", "4"),
        ("A", "C", "1", "8"),
        ("B", "A", "1", "60"),
        ("C", "B", "1", "6"),
    ]


def test_class_without_a_segment_is_as_long_as_others(tmp_path):
    labelled(tmp_path, "S1C1", one_after_another(DAY[:2]), {})
    found = learnt(tmp_path, "S1C1", every="all")
    assert found.seconds.tolist() == pytest.approx([20, 4, 12])
    assert np.diag(found.follows).tolist() == [0, 0, 0]
