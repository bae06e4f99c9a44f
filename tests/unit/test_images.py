"""Folders of pictures as input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clapboard.images import list_frames, read_frames
from clapboard.index import RecordingIndex
from clapboard.indexing import write_index
from clapboard.pixels import PixelSettings, resize
from clapboard.problems import InputError
from tests.filming import Camera, _picture, read_number

SIZE = (640, 480)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"")


def picture(number: int) -> Image.Image:
    luma = _picture(number, Camera(size=SIZE))[: SIZE[1]]
    return Image.fromarray(luma).convert("RGB")


def pictures(folder: Path, numbers, suffix: str = ".jpg") -> RecordingIndex:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        picture(number).save(folder / f"S1C2{number:06d}{suffix}", quality=92)
    index = folder.parent / "index.parquet"
    write_index("S1C2", [str(folder)], "images", "30", index, folder.parent / "audit.json")
    return RecordingIndex.read(index)


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("S1C2000123.jpg", 123),
        ("S12R2C10999999.jpg", 999_999),
        ("thumb000123.jpg", 123),
        ("frame_123.PNG", 123),
        ("frame-0000123.jpeg", 123),
        ("000123.jpg", 123),
        ("2019-04-04_12345678.jpg", 12_345_678),
        ("-rf 7.jpg", 7),
    ],
)
def test_number_is_what_the_name_ends_in(tmp_path, name, number):
    touch(tmp_path, name)
    assert list_frames(tmp_path) == [(number, name)]


def test_pictures_come_by_number_and_other_files_do_not_count(tmp_path):
    names = ["img_10.jpg", "img_9.jpg", "img_100.png"]
    touch(tmp_path, *names, "manifest.parquet", "notes.txt", ".partial-img_11.jpg", "Thumbs.db")
    assert list_frames(tmp_path) == [(9, "img_9.jpg"), (10, "img_10.jpg"), (100, "img_100.png")]


def test_all_bad_names_are_refused_at_once(tmp_path):
    touch(tmp_path, "cover.jpg", "S1C2_final.png", "a1.jpg", "a01.jpg", "a2.jpg")
    with pytest.raises(InputError) as caught:
        list_frames(tmp_path)
    first, second, third = caught.value.problems
    assert [Path(first.file).name, Path(second.file).name] == ["S1C2_final.png", "cover.jpg"]
    assert (third.check, third.value) == ("picture-number-twice", "1")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_frames_show_their_number_over_a_hole_in_the_numbers(tmp_path, suffix):
    numbers = [3, 4, 5, 9, 10]
    index = pictures(tmp_path / "01", numbers, suffix)
    got = list(read_frames(str(tmp_path / "01"), index, 1, np.arange(1, 6), 96))
    assert [frame for frame, _ in got] == [1, 2, 3, 4, 5]
    assert [read_number(p.to_ndarray(format="gray")) for _, p in got] == numbers


def test_jpegs_are_decoded_near_the_wanted_size_with_the_same_pixels(tmp_path):
    index = pictures(tmp_path / "01", [1])
    settings = PixelSettings(size=96)
    (((_, small),), ((_, whole),)) = (
        list(read_frames(str(tmp_path / "01"), index, 1, np.array([1]), size)) for size in (96, 0)
    )
    assert (whole.width, whole.height) == SIZE
    assert (small.width, small.height) == (320, 240)
    difference = (resize(p, settings).to_ndarray().astype(float) for p in (small, whole))
    assert np.abs(np.subtract(*difference)).mean() < 1


def test_picture_lying_on_its_side_is_put_upright(tmp_path):
    index = pictures(tmp_path / "01", [1])
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn right by 90 degrees to show
    lying = picture(7).transpose(Image.Transpose.ROTATE_90)
    lying.save(tmp_path / "01" / "S1C2000001.jpg", exif=exif)
    ((_, shown),) = read_frames(str(tmp_path / "01"), index, 1, np.array([1]))
    assert (shown.width, shown.height) == SIZE
    assert read_number(shown.to_ndarray(format="gray")) == 7


def test_missing_and_unreadable_pictures_are_problems(tmp_path):
    index = pictures(tmp_path / "01", [1, 2])
    (tmp_path / "01/S1C2000001.jpg").write_bytes(b"no picture")
    (tmp_path / "01/S1C2000002.jpg").unlink()
    for frame, words in ((1, "cannot be read"), (2, "frame 2, which the index lists, is gone")):
        with pytest.raises(InputError, match=words):
            list(read_frames(str(tmp_path / "01"), index, 1, np.array([frame])))
