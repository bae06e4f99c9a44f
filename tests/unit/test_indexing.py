"""From chapters to the index of a recording."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from clapboard.artifacts import read_json
from clapboard.problems import InputError
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index
from tests.filming import Camera, Take, film, film_recording, grid_times, read_number

NTSC = Fraction(30000, 1001)


def index_of(folder: Path, chapters, kind: str = "video", rate: str = "") -> RecordingIndex:
    write_index("S1C2", [*map(str, chapters)], kind, rate, folder / "i.parquet", folder / "a.json")
    return RecordingIndex.read(folder / "i.parquet")


def assert_true_to(index: RecordingIndex, take: Take) -> None:
    """The index says what the camera did, frame by frame."""
    assert [index.seconds(frame) for frame in range(1, len(index) + 1)] == list(take.times)
    assert [chapter.frames for chapter in index.chapters] == list(take.frames)
    for chapter in index.chapters:
        first = index.chapter_frames(chapter.number).start
        with av.open(chapter.file) as container:
            for row, frame in enumerate(container.decode(container.streams.video[0])):
                assert read_number(frame.to_ndarray(format="gray")) == first + row
                assert index.source_pts[first + row - 1] == frame.pts


@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("longer", ["0", "1/20", "-1/20"])
def test_sound_never_moves_a_chapter(tmp_path, longer, b_frames):
    camera = Camera(b_frames=b_frames, sound=True, sound_longer=Fraction(longer))
    take = film_recording(tmp_path, camera, [70, 31, 1, 40])
    index = index_of(tmp_path, take.chapters)
    assert_true_to(index, take)
    assert index.time_base == Fraction(1, 30000)
    assert index.rate == NTSC
    assert index.duration == 142 / NTSC


def test_a_chapter_begins_one_frame_after_the_last_even_behind_a_hole(tmp_path):
    camera = Camera(rate=Fraction(25))
    take = film_recording(tmp_path, camera, [grid_times(camera, 30, holes=[(29, 40)]), 20])
    index = index_of(tmp_path, take.chapters)
    assert index.seconds(31) - index.seconds(30) == Fraction(1, 25)
    assert_true_to(index, take)


def test_milliseconds_and_thirtieths_share_an_exact_clock(tmp_path):
    film(tmp_path / "1.mkv", Camera(), 30)
    film(tmp_path / "2.mp4", Camera(), 30, first_number=31)
    index = index_of(tmp_path, [tmp_path / "1.mkv", tmp_path / "2.mp4"])
    assert index.seconds(30) == Fraction(968, 1000)
    assert index.seconds(31) == Fraction(968, 1000) + 1 / NTSC
    assert index.seconds(60) == index.seconds(31) + 29 / NTSC


def test_sources_are_not_touched(tmp_path):
    take = film_recording(tmp_path, Camera(), [10])
    before = take.chapters[0].read_bytes(), take.chapters[0].stat().st_mtime_ns
    take.chapters[0].chmod(0o444)
    index_of(tmp_path, take.chapters)
    assert (take.chapters[0].read_bytes(), take.chapters[0].stat().st_mtime_ns) == before


def test_every_bad_chapter_is_named_and_nothing_is_written(tmp_path):
    film(tmp_path / "good.mp4", Camera(), 5)
    film(tmp_path / "small.mp4", Camera(size=(128, 96)), 5)
    shutil.copy(Path(__file__), tmp_path / "text.mp4")
    chapters = [tmp_path / f"{name}.mp4" for name in ("good", "small", "text", "missing")]
    with pytest.raises(InputError) as caught:
        index_of(tmp_path, chapters)
    assert [problem.check for problem in caught.value.problems] == [
        "unreadable-chapter",
        "missing-chapter",
        "mixed-frame-sizes",
    ]
    assert not (tmp_path / "i.parquet").exists() and not (tmp_path / "a.json").exists()


def make_pictures(folder: Path, numbers) -> Path:
    folder.mkdir()
    for number in numbers:
        Image.new("RGB", (64, 48)).save(folder / f"S1C2{number:06d}.jpg")
    return folder


def test_a_hole_in_picture_numbers_is_a_hole_in_time(tmp_path):
    folder = make_pictures(tmp_path / "a", [1, 2, 3, 7, 8])
    index = index_of(tmp_path, [folder], "images", "29.97")
    assert [index.seconds(n) * NTSC for n in range(1, 9)] == list(range(8))
    assert index.source_pts[index.pictured].tolist() == [1, 2, 3, 7, 8]
    facts = read_json(tmp_path / "a.json")["chapters"][0]
    assert [(hole["after_frame"], hole["frames"]) for hole in facts["holes"]] == [(3, 3)]
    assert facts["oddities"] == {"numbers without a picture": 3}
    assert index.rate == NTSC
    assert index.chapters[0].codec == "jpeg"
    assert (index.chapters[0].width, index.chapters[0].height) == (64, 48)


def test_pictures_need_a_rate_and_pictures(tmp_path):
    first = make_pictures(tmp_path / "a", [1])
    second = make_pictures(tmp_path / "b", [])
    with pytest.raises(InputError, match="no-rate"):
        index_of(tmp_path, [first], "images")
    with pytest.raises(InputError, match="no-frames"):
        index_of(tmp_path, [first, second], "images", "25")


def test_no_chapter_repeats_the_work_of_reading(tmp_path):
    """A long recording: times stay exact over hundreds of thousands of frames."""
    take = film_recording(tmp_path, Camera(), [3])
    index = index_of(tmp_path, take.chapters * 40)
    assert len(index) == 120
    assert index.seconds(120) == 119 / NTSC
    assert np.array_equal(index.chapter, np.repeat(np.arange(1, 41), 3))
