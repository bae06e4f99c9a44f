"""Folders of pictures as input."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clapboard.labels.framecsv import FrameRange
from clapboard.labels.labelling import label_frames
from clapboard.labels.sampling import grid
from clapboard.problems import InputError
from clapboard.video.footage import read_images
from clapboard.video.images import list_frames, read_frames
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index
from clapboard.video.pixels import PixelSettings, resize
from tests.filming import Camera, _picture, read_number

SIZE = (640, 480)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"")


def picture(number: int) -> Image.Image:
    luma = _picture(number, Camera(size=SIZE))[: SIZE[1]]
    return Image.fromarray(luma).convert("RGB")


def pictures(folder: Path, numbers, suffix: str = ".jpg") -> RecordingIndex:
    """A folder of pictures that show their numbers, and its index."""
    folder.mkdir(exist_ok=True)
    for number in numbers:
        picture(number).save(folder / f"S1C2{number:06d}{suffix}", quality=92)
    index = folder.parent / "index.parquet"
    write_index("S1C2", [str(folder)], "images", "30", index, folder.parent / "audit.json")
    return RecordingIndex.read(index)


@pytest.mark.parametrize(
    ("name", "recording", "number"),
    [
        ("S1C2000123.jpg", "S1C2", 123),
        ("s1c2000123.tif", "S1C2", 123),
        ("S12R2C10999999.jpg", "S12R2C10", 999_999),
        ("S1C21000001.jpg", "S1C2", 1_000_001),
        ("S1C21000001.jpg", "S1C21", 1),
        ("S1C2_7.jpg", "S1C2", 7),
        ("thumb000123.jpg", "S1C2", 123),
        ("thumb1000000.webp", "S1C2", 1_000_000),
        ("frame_123.PNG", "S1C2", 123),
        ("frame-0000123.jpeg", "S1C2", 123),
        ("000123.jpg", "S1C2", 123),
        ("2019-04-04_12345678.jpg", "S1C2", 12_345_678),
        ("-rf 7.jpg", "S1C2", 7),
    ],
)
def test_number_follows_the_recording_or_is_what_the_name_ends_in(
    tmp_path, name, recording, number
):
    touch(tmp_path, name)
    assert list_frames(tmp_path, recording) == [(number, name)]


def test_pictures_come_by_number_and_other_files_do_not_count(tmp_path):
    names = ["img_10.jpg", "img_9.jpg", "img_100.png"]
    touch(tmp_path, *names, "manifest.parquet", "notes.txt", ".partial-img_11.jpg", "Thumbs.db")
    assert list_frames(tmp_path, "S1C2") == [
        (9, "img_9.jpg"),
        (10, "img_10.jpg"),
        (100, "img_100.png"),
    ]


def test_all_bad_names_are_refused_at_once(tmp_path):
    touch(tmp_path, "cover.jpg", "S1C2_final.png", "a1.jpg", "a01.jpg", "a2.jpg")
    with pytest.raises(InputError) as caught:
        list_frames(tmp_path, "S1C2")
    first, second, third = caught.value.problems
    assert [Path(first.file).name, Path(second.file).name] == ["S1C2_final.png", "cover.jpg"]
    assert (third.check, third.value) == ("picture-number-twice", "1")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_frames_show_their_number_at_its_time_over_a_hole_in_the_numbers(tmp_path, suffix):
    numbers = [1, 2, 3, 7, 8]
    index = pictures(tmp_path / "01", numbers, suffix)
    got = list(read_frames(str(tmp_path / "01"), index, 1, np.array(numbers), 96))
    assert [frame for frame, _ in got] == numbers
    assert [read_number(p.to_ndarray(format="gray")) for _, p in got] == numbers
    assert [index.seconds(number) * 30 for number in numbers] == [0, 1, 2, 6, 7]


def test_frames_without_a_picture_get_no_label(tmp_path):
    index = pictures(tmp_path / "01", [1, 2, 3, 7, 8])
    procedure = FrameRange("CUFF", 0.0, 7.0, Fraction(0), Fraction(7, 30), 1, 7, 2)
    labels = label_frames([procedure], index, background="REST")
    names = [labels.labels[code] for code in labels.codes]
    assert dict(zip(labels.frames.tolist(), names, strict=True)) == {
        1: "CUFF", 2: "CUFF", 3: "CUFF", 7: "CUFF", 8: "REST",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("every", "taken"),
    [("all", [1, 2, 3, 7, 8]), (2, [1, 3, 7]), ("10/s", [1, 7]), ("keyframes", [1, 2, 3, 7, 8])],
)
def test_frames_without_a_picture_are_never_chosen(tmp_path, every, taken):
    index = pictures(tmp_path / "01", [1, 2, 3, 7, 8])
    assert (np.flatnonzero(grid(index, every)) + 1).tolist() == taken


def test_pictures_numbered_from_zero_are_frames_from_one_and_this_is_said(tmp_path):
    index = pictures(tmp_path / "01", [0, 1, 2])
    got = list(read_frames(str(tmp_path / "01"), index, 1, np.array([1, 2, 3])))
    assert [(n, read_number(p.to_ndarray(format="gray"))) for n, p in got] == [
        (1, 0),
        (2, 1),
        (3, 2),
    ]
    (doubt,) = read_images(str(tmp_path / "01"), Fraction(30), "S1C2").doubts
    assert (doubt.check, doubt.severity) == ("pictures-from-zero", "warning")


def test_missing_pictures_are_said_with_their_numbers(tmp_path):
    pictures(tmp_path / "01", [1, 3, 7, 8])
    (doubt,) = read_images(str(tmp_path / "01"), Fraction(30), "S1C2").doubts
    assert (doubt.check, doubt.value, doubt.severity) == ("missing-pictures", "2, 4-6", "warning")
    assert doubt.message.startswith("4 numbers")


@pytest.mark.parametrize(
    ("names", "check"),
    [
        (["S1C2000002.jpg", "S1C2000003.jpg"], "first-picture-number"),
        (["S1C21000001.jpg", "S1C21000002.jpg"], "first-picture-number"),
        (["1.jpg", "1554369718740.jpg"], "last-picture-number"),
    ],
)
def test_numbers_that_tell_no_time_are_refused(tmp_path, names, check):
    touch(tmp_path, *names)
    with pytest.raises(InputError) as caught:
        read_images(str(tmp_path), Fraction(30), "S1C2")
    (problem,) = caught.value.problems
    assert (problem.check, problem.file) == (check, str(tmp_path))
    assert problem.value in names


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


@pytest.mark.parametrize("claiming", [1, 2])
def test_a_picture_that_claims_gigabytes_is_a_problem(tmp_path, claiming):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in (1, 2):
        picture(number).resize((32, 24)).save(folder / f"{number:06d}.png")
    file = folder / f"{claiming:06d}.png"
    data = bytearray(file.read_bytes())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    file.write_bytes(data)
    with pytest.raises(InputError, match=f"{claiming:06d}.png"):
        write_index("S1C2", [str(folder)], "images", "30", tmp_path / "i", tmp_path / "a.json")
        index = RecordingIndex.read(tmp_path / "i")
        list(read_frames(str(folder), index, 1, np.array([1, 2])))
