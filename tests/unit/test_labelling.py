from fractions import Fraction

import numpy as np
import pytest

from clapboard.labels.framecsv import FrameRange
from clapboard.labels.labelling import find_overlaps, label_frames
from clapboard.problems import InputError
from clapboard.video.index import RecordingIndex


def index_of(frames, rate=Fraction(25), gop=10, recording="S1C1"):
    """An index without a video: `frames` frames at `rate`, a key frame each `gop` frames."""
    number = np.arange(frames, dtype=np.int64)
    return RecordingIndex(
        recording=recording,
        time_base=1 / rate,
        rate=rate,
        pts=number,
        chapter=np.ones(frames, np.int16),
        key=number % gop == 0,
        source_pts=number,
        chapters=(),
    )


def interval(label, first, stop, row, mark=False):
    """Frames first..stop-1 at 25 frames per second; `first == stop` holds none."""
    inside = range(first, stop)
    return FrameRange(
        label,
        first - 1.0,
        stop - 1.0,
        Fraction(first - 1, 25),
        Fraction(stop - 1, 25),
        inside[0] if inside else None,
        inside[-1] if inside else None,
        row,
        mark,
    )


def spelt(labels):
    """The labels as {frame: label}."""
    return {
        int(frame): labels.labels[code]
        for frame, code in zip(labels.frames, labels.codes, strict=True)
    }


def test_a_frame_has_the_label_of_the_interval_that_holds_it():
    labels = label_frames([interval("A", 3, 6, 2), interval("B", 6, 8, 3)], index_of(10))
    assert spelt(labels) == {3: "A", 4: "A", 5: "A", 6: "B", 7: "B"}
    assert labels.rows.tolist() == [2, 2, 2, 3, 3]


def test_claps_and_empty_intervals_label_nothing():
    labels = label_frames(
        [interval("CLAP", 1, 4, 2, mark=True), interval("A", 5, 5, 3)], index_of(10)
    )
    assert len(labels) == 0


def test_background_takes_the_rest_but_not_what_is_ignored():
    ranges = [
        interval("CLAP", 1, 2, 2, mark=True),
        interval("A", 2, 4, 3),
        interval("REST", 6, 8, 4),
    ]
    labels = label_frames(ranges, index_of(9), background="nothing", ignore=["rest"])
    assert spelt(labels) == {1: "NOTHING", 2: "A", 3: "A", 4: "NOTHING", 5: "NOTHING"} | {
        8: "NOTHING",
        9: "NOTHING",
    }
    assert labels.rows.tolist() == [0, 3, 3, 0, 0, 0, 0]


def test_an_ignored_label_gives_way_to_one_beside_it():
    ranges = [interval("A", 2, 5, 2), interval("REST", 1, 9, 3)]
    labels = label_frames(ranges, index_of(9), ignore=["REST"])
    assert spelt(labels) == {2: "A", 3: "A", 4: "A"}


OVERLAPPING = [interval("LONG", 1, 11, 2), interval("SHORT", 4, 7, 3), interval("LATE", 6, 9, 4)]


def test_overlaps_are_refused_with_both_rows_named():
    with pytest.raises(InputError) as caught:
        label_frames(OVERLAPPING, index_of(12), file="sheet.csv")
    told = [(problem.row, problem.message) for problem in caught.value.problems]
    assert len(told) == 3
    assert all(problem.file == "sheet.csv" for problem in caught.value.problems)
    assert (4, "LATE in row 4 shares 1 frame with SHORT in row 3") in told
    assert (3, "SHORT in row 3 shares 3 frames with LONG in row 2") in told


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("first", "LLLLLLLLLL.."),
        ("last", "LLLSSAAALL.."),
        ("shortest", "LLLSSSAALL.."),
    ],
)
def test_overlap_policies(policy, expected):
    letters = {"LONG": "L", "SHORT": "S", "LATE": "A"}
    found = spelt(label_frames(OVERLAPPING, index_of(12), overlaps=policy))
    assert "".join(letters.get(found.get(frame), ".") for frame in range(1, 13)) == expected


@pytest.mark.parametrize(("policy", "row"), [("first", 2), ("last", 3), ("shortest", 2)])
def test_between_equal_intervals_the_row_decides(policy, row):
    ranges = [interval("CUFF", 2, 6, 2), interval("PULSE", 2, 6, 3)]
    assert set(label_frames(ranges, index_of(9), overlaps=policy).rows.tolist()) == {row}


@pytest.mark.parametrize(
    ("policy", "label"), [("first", "READING"), ("last", "SITTING"), ("shortest", "READING")]
)
def test_between_equals_in_one_row_the_order_of_writing_decides(policy, label):
    ranges = [interval("READING", 2, 6, 2), interval("SITTING", 2, 6, 2)]
    assert set(spelt(label_frames(ranges, index_of(9), overlaps=policy)).values()) == {label}


def test_one_label_written_twice_is_no_conflict():
    ranges = [interval("A", 1, 5, 2), interval("A", 4, 9, 3)]
    assert len(label_frames(ranges, index_of(9))) == 8


def test_touching_intervals_do_not_overlap():
    assert find_overlaps([interval("A", 1, 5, 2), interval("B", 5, 9, 3)]) == []


def test_a_conflict_is_found_behind_a_longer_interval_of_the_same_label():
    ranges = [interval("A", 1, 20, 2), interval("A", 2, 4, 3), interval("B", 10, 12, 4)]
    assert [problem.row for problem in find_overlaps(ranges)] == [4]
