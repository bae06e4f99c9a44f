"""The index as a data structure: asking, writing, reading."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clapboard.artifacts import read_parquet
from clapboard.video.index import Chapter, RecordingIndex, common_time_base
from clapboard.video.packets import UNDATED

NTSC = Fraction(30000, 1001)


def make_index(
    pts: list[int], time_base: Fraction = Fraction(1, 30000), chapter: list[int] | None = None
) -> RecordingIndex:
    numbers = np.array(chapter or [1] * len(pts), np.int16)
    chapters = tuple(
        Chapter(
            number=number,
            file=f"GH0{number}0001.MP4",
            kind="video",
            time_base=time_base,
            frames=int((numbers == number).sum()),
            codec="h264",
            width=1920,
            height=1080,
            duration=int((numbers == number).sum()) / NTSC,
        )
        for number in sorted({*numbers.tolist()})
    )
    return RecordingIndex(
        recording="S1C2",
        time_base=time_base,
        rate=NTSC,
        pts=np.array(pts, np.int64),
        chapter=numbers,
        key=np.arange(len(pts)) % 15 == 0,
        source_pts=np.array(pts, np.int64),
        chapters=chapters,
    )


def test_a_frame_is_between_from_its_own_instant_until_just_before_the_stop():
    index = make_index([0, 1001, 2002, 3003])
    second = index.seconds(2)
    assert second == 1 / NTSC
    assert index.frames_between(second, index.seconds(4)) == range(2, 4)
    tiny = Fraction(1, 10**12)
    assert index.frames_between(second + tiny, index.seconds(4) + tiny) == range(3, 5)
    assert index.frames_between(second - tiny, second) == range(2, 2)
    assert list(index.frames_between(second, second)) == []
    assert list(index.frames_between(index.seconds(4), second)) == []


@given(
    steps=st.lists(st.integers(1, 5000), min_size=1, max_size=60),
    start=st.fractions(-1, 12, max_denominator=10**7),
    length=st.fractions(-1, 12, max_denominator=10**7),
)
def test_frames_between_agrees_with_asking_every_frame(steps, start, length):
    index = make_index([0, *np.cumsum(steps).tolist()])
    stop = start + length
    expected = [n for n in range(1, len(index) + 1) if start <= index.seconds(n) < stop]
    assert list(index.frames_between(start, stop)) == expected


def test_times_far_outside_are_not_an_overflow():
    index = make_index([0, 1001])
    assert index.frames_between(Fraction(-(10**30)), Fraction(10**30)) == range(1, 3)


def test_an_index_without_frames_answers_too():
    assert list(make_index([]).frames_between(Fraction(0), Fraction(1))) == []


@pytest.mark.parametrize("frame", [0, -1, 5])
def test_frames_that_do_not_exist_have_no_time(frame):
    with pytest.raises(IndexError, match="1 to 4"):
        make_index([0, 1001, 2002, 3003]).seconds(frame)


def test_chapter_frames_and_duration():
    index = make_index([0, 1001, 2002, 3003, 4004], chapter=[1, 1, 2, 2, 2])
    assert index.chapter_frames(1) == range(1, 3)
    assert index.chapter_frames(2) == range(3, 6)
    assert index.duration == 5 / NTSC


def test_writing_and_reading_keeps_everything(tmp_path):
    index = make_index([0, 1001, 2002, 3003], chapter=[1, 1, 2, 2])
    index.write(tmp_path / "S1C2.parquet")
    read = RecordingIndex.read(tmp_path / "S1C2.parquet")
    for name in ("recording", "time_base", "rate", "chapters"):
        assert getattr(read, name) == getattr(index, name)
    for name in ("pts", "chapter", "key", "source_pts"):
        assert getattr(read, name).dtype == getattr(index, name).dtype
        np.testing.assert_array_equal(getattr(read, name), getattr(index, name))


def test_the_file_has_the_documented_columns(tmp_path):
    make_index([0, 1001], chapter=[1, 2]).write(tmp_path / "S1C2.parquet")
    table, metadata = read_parquet(tmp_path / "S1C2.parquet")
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {
        "frame": "int64",
        "pts": "int64",
        "chapter": "int16",
        "key": "bool",
        "source_pts": "int64",
    }
    assert table["frame"].to_pylist() == [1, 2]
    assert metadata["time_base"] == "1/30000"
    assert metadata["rate"] == "30000/1001"
    assert metadata["chapters"][1]["file"] == "GH020001.MP4"


def test_only_rising_source_times_tell_frames_apart():
    index = make_index([0, 1001, 2002, 3003], chapter=[1, 1, 2, 2])
    assert index.dated(1) and index.dated(2)
    index.source_pts[:] = [0, 1001, 0, 0]
    assert index.dated(1) and not index.dated(2)
    index.source_pts[:2] = UNDATED
    assert not index.dated(1)


@given(
    st.lists(st.fractions(Fraction(1, 10**6), 10, max_denominator=10**6), min_size=1, max_size=4)
)
def test_the_common_time_base_measures_all_exactly(time_bases):
    common = common_time_base(time_bases)
    ratios = [base / common for base in time_bases]
    assert all(ratio.denominator == 1 for ratio in ratios)
    assert math.gcd(*map(int, ratios)) == 1
