"""Damaged chapters: what damage has reached is left out or refused, the rest keeps its place."""

from __future__ import annotations

import json
import re
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from clapboard.problems import InputError
from clapboard.video.damage import stretches
from clapboard.video.decoding import decode_frames
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index
from clapboard.video.media import NoVideoError, media_info, open_video, probe
from tests.faults.boxes import edit, find, move_to_front, overwrite
from tests.filming import Camera, film, read_number

GOP = 15
CAMERA = Camera(gop=GOP, b_frames=2, options={"movflags": "faststart"})


def indexed(folder: Path, *files: Path, damaged: str = "refuse") -> RecordingIndex:
    names = [str(file) for file in files]
    write_index("S1C1", names, "video", "", folder / "i", folder / "a.json", damaged)
    return RecordingIndex.read(folder / "i")


def warnings(folder: Path) -> str:
    return " ".join(json.loads((folder / "a.json").read_text())["warnings"])


def packets(file: Path) -> list[tuple[int, int, int]]:
    """Place and size of every packet in decoding order, and the frame that it holds."""
    with av.open(str(file)) as container:
        found = [(p.pos, p.size, p.pts) for p in container.demux(video=0) if p.size]
    order = {pts: number for number, pts in enumerate(sorted(p[2] for p in found), 1)}
    return [(pos, size, order[pts]) for pos, size, pts in found]


def blank(file: Path, place: int) -> int:
    """Overwrite the data of one packet with zeros; the frame that it held."""
    position, size, frame = packets(file)[place]
    data = bytearray(file.read_bytes())
    data[position + 5 : position + size] = bytes(size - 5)
    file.write_bytes(data)
    return frame


def cut(file: Path, place: int) -> None:
    """Cut a file off in the middle of a packet."""
    position, size, _ = packets(file)[place]
    file.write_bytes(file.read_bytes()[: position + size // 2])


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("place", [0, 17, 20, 29])
def test_exactly_what_damage_may_have_reached_is_left_out(tmp_path, codec, threads, place):
    file = tmp_path / "1.mp4"
    film(file, replace(CAMERA, codec=codec), 60)
    index = indexed(tmp_path, file)
    blank(file, place)
    group = place // GOP
    reached = {
        frame
        for number, (_, _, frame) in enumerate(packets(file))
        if number >= place and (frame - 1) // GOP == group
    }
    spoilt: dict[int, str] = {}
    every = np.arange(1, 61)
    got = list(decode_frames(str(file), index, 1, every, threads, spoilt=spoilt))
    assert all(read_number(picture.to_ndarray(format="gray")) == n for n, picture in got)
    assert set(spoilt) | {number for number, _ in got} == set(every.tolist())
    assert not set(spoilt) & {number for number, _ in got}
    assert set(spoilt) <= reached
    assert packets(file)[place][2] in spoilt


def test_a_cut_chapter_is_refused_and_its_place_named(tmp_path):
    file = tmp_path / "1.mp4"
    film(file, CAMERA, 60)
    cut(file, 40)
    with pytest.raises(InputError, match=r"1\.mp4: The file is cut off: 20 of the 60 frames"):
        indexed(tmp_path, file)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_frames_after_a_cut_chapter_keep_number_and_time(tmp_path, b_frames):
    camera = replace(CAMERA, b_frames=b_frames)
    files = [tmp_path / "1.mp4", tmp_path / "2.mp4"]
    film(files[0], camera, 60)
    film(files[1], camera, 30, first_number=61)
    whole = indexed(tmp_path, *files)
    cut(files[0], 40)
    index = indexed(tmp_path, *files, damaged="skip")
    assert index.pts.tolist() == whole.pts.tolist()
    assert index.pictured.tolist() == [
        n <= 60 - index.chapters[0].lost or n > 60 for n in range(1, 91)
    ]
    assert 20 <= index.chapters[0].lost <= 22
    assert "cut off" in warnings(tmp_path)
    there = np.flatnonzero(index.pictured[:60]) + 1
    got = list(decode_frames(str(files[0]), index, 1, there, 1))
    assert [read_number(picture.to_ndarray(format="gray")) for _, picture in got] == there.tolist()


def test_no_chapter_may_follow_one_whose_length_nobody_knows(tmp_path):
    files = [tmp_path / "1.mkv", tmp_path / "2.mkv"]
    film(files[0], replace(CAMERA, options={}), 60)
    film(files[1], replace(CAMERA, options={}), 30, first_number=61)
    files[0].write_bytes(files[0].read_bytes()[: files[0].stat().st_size // 2])
    with pytest.raises(InputError, match="nobody knows when"):
        indexed(tmp_path, *files, damaged="skip")
    assert len(indexed(tmp_path, files[0], damaged="skip")) < 60
    assert "The header says that the video lasts" in warnings(tmp_path)


@pytest.mark.parametrize(
    ("suffix", "camera"),
    [
        (".mp4", replace(CAMERA, options={"movflags": "frag_keyframe+empty_moov"})),
        (".avi", Camera(gop=GOP, codec="mpeg4")),
    ],
)
def test_a_cut_file_without_a_table_is_noticed(tmp_path, suffix, camera):
    files = [tmp_path / f"1{suffix}", tmp_path / f"2{suffix}"]
    film(files[0], camera, 60)
    film(files[1], camera, 30, first_number=61)
    assert len(indexed(tmp_path, *files)) == 90
    files[0].write_bytes(files[0].read_bytes()[: files[0].stat().st_size * 3 // 5])
    with pytest.raises(InputError, match="nobody knows when"):
        indexed(tmp_path, *files, damaged="skip")
    with pytest.raises(InputError, match=r"set video\.damaged to skip"):
        indexed(tmp_path, files[0])
    assert len(indexed(tmp_path, files[0], damaged="skip")) < 60


def test_a_file_cut_off_before_its_first_whole_frame_is_refused(tmp_path):
    files = [tmp_path / "1.mkv", tmp_path / "2.mkv"]
    film(files[0], replace(CAMERA, b_frames=2), 30)
    film(files[1], replace(CAMERA, b_frames=2), 30, first_number=31)
    whole = files[1].read_bytes()
    for share in (0.02, 0.05, 0.1):
        files[1].write_bytes(whole[: int(len(whole) * share)])
        for damaged in ("refuse", "skip"):
            with pytest.raises(InputError, match=r"2\.mkv"):
                indexed(tmp_path, *files, damaged=damaged)


def test_a_file_without_its_beginning_is_never_taken_for_a_whole_one(tmp_path):
    file = tmp_path / "1.mkv"
    film(file, replace(CAMERA, options={"cluster_time_limit": "500"}), 60)
    data = file.read_bytes()
    first, second = (m.start() for m in list(re.finditer(rb"\x1f\x43\xb6\x75", data))[:2])
    file.write_bytes(data[: first + 1] + bytes(second - first - 1) + data[second:])
    with pytest.raises(InputError, match="nobody knows when"):
        indexed(tmp_path, file, damaged="skip")


def test_a_header_that_contradicts_its_table_is_refused(tmp_path):
    file = tmp_path / "1.mp4"
    film(file, CAMERA, 60)
    data = bytearray(file.read_bytes())
    ((start, _),) = find(data, b"stts")
    (length,) = struct.unpack_from(">I", data, start + 20)
    struct.pack_into(">I", data, start + 20, length + length // 10)
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"by its table of frames 2\.2"):
        indexed(tmp_path, file, damaged="skip")


def test_absurd_sizes_are_refused_before_any_decoding(tmp_path):
    file = tmp_path / "1.mov"
    film(file, Camera(codec="mjpeg"), 5)
    data = bytearray(file.read_bytes())
    overwrite(data, b"stsd", 48, b"\xff\xff\xff\xff")
    data = data.replace(
        b"\xff\xc0\x00\x11\x08\x00\x78\x00\xa0", b"\xff\xc0\x00\x11\x08" + b"\xff" * 4
    )
    file.write_bytes(data)
    (problem,) = probe([str(file)])[1]
    assert problem.check == "absurd-frame-size"


def test_a_stream_of_an_unknown_codec_is_no_video(tmp_path):
    file = tmp_path / "1.mp4"
    film(file, Camera(), 5)
    data = bytearray(file.read_bytes())
    overwrite(data, b"stsd", 20, b"zzzz")
    file.write_bytes(data)
    with pytest.raises(NoVideoError):
        media_info(file)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.mp4\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile other.mp4\n",
    ],
)
def test_lists_of_other_files_are_no_video_whatever_they_are_called(tmp_path, text):
    film(tmp_path / "other.mp4", Camera(), 5)
    file = tmp_path / "1.mp4"
    file.write_text(text)
    with pytest.raises(av.FFmpegError), open_video(file):
        pass


def test_stretches_of_numbers():
    assert stretches([7, 1, 2, 3, 9, 8]) == [(1, 3), (7, 9)]
    assert stretches([]) == []


def test_the_last_frame_of_a_healthy_file_may_be_longer_than_its_header(tmp_path):
    file = tmp_path / "1.mp4"
    times = [Fraction(n, 30) for n in range(30)] + [Fraction(2)]
    film(file, replace(CAMERA, b_frames=0), times)
    assert len(indexed(tmp_path, file)) == 31


@pytest.mark.parametrize("codec", ["h264", "hevc", "mpeg4"])
@pytest.mark.parametrize("options", [{}, {"movflags": "negative_cts_offsets"}])
@pytest.mark.parametrize(
    ("edits", "seconds"),
    [
        ([(1, "1.3")], 1),
        ([("0.5", None), (1, "1.3")], 1),
        ([(3, "2.5")], 1.5),  # longer than what there is
        ([(1, 0), (1, "2.3")], 2),
        ([(1, "2.3"), ("0.5", "0.2")], 1.5),
        ([("0.2", n) for n in (0, 1, 2, 3)], 0.8),
    ],
)
def test_a_video_trimmed_by_its_edit_list_alone_is_whole(tmp_path, codec, options, edits, seconds):
    file = tmp_path / "1.mp4"
    film(file, Camera(rate=Fraction(25), codec=codec, b_frames=2, gop=GOP, options=options), 100)
    data = bytearray(file.read_bytes())
    edit(data, [(Fraction(length), at if at is None else Fraction(at)) for length, at in edits])
    file.write_bytes(data)
    index = indexed(tmp_path, file)
    with av.open(str(file)) as container:
        assert len(index) == len(list(container.decode(video=0)))
    assert float(index.duration) == pytest.approx(seconds, abs=0.15)


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("edits", [[(1, 0), (1, "2.3")], [(1, "2.3"), (1, "0.1")], [(2, "0.7")]])
def test_hidden_frames_hide_no_cut(tmp_path, codec, b_frames, edits):
    file = tmp_path / "1.mp4"
    film(file, Camera(rate=Fraction(25), codec=codec, b_frames=b_frames, gop=GOP), 100)
    data = bytearray(file.read_bytes())
    edit(data, [(Fraction(length), Fraction(at)) for length, at in edits])
    whole = move_to_front(data)
    file.write_bytes(whole)
    count = len(indexed(tmp_path, file))
    for share in (0.8, 0.75, 0.7, 0.6):
        file.write_bytes(whole[: int(len(whole) * share)])
        if edits == [(2, "0.7")] and share > 0.65:  # what is behind the edit may be missing
            index, every = indexed(tmp_path, file), np.arange(1, count + 1)
            assert len(list(decode_frames(str(file), index, 1, every, 1))) == count
        else:
            with pytest.raises(InputError, match="cut off"):
                indexed(tmp_path, file)


def test_an_edit_list_that_shows_nothing_leaves_no_frames(tmp_path):
    file = tmp_path / "1.mp4"
    film(file, Camera(rate=Fraction(25)), 50)
    data = bytearray(file.read_bytes())
    edit(data, [(Fraction(1), Fraction(9))])
    file.write_bytes(data)
    with pytest.raises(InputError, match="no frame that can be shown"):
        indexed(tmp_path, file)
