"""Every picture that selective decoding yields is the very picture of a plain decode."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import ffmpeg
import numpy as np
import pytest

from clapboard.problems import InputError
from clapboard.video.decoding import card_decodes, decode_frames
from clapboard.video.ffmpeg_program import local_input, run_ffmpeg
from clapboard.video.groups import split_frames
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index
from tests.faults.boxes import edit
from tests.filming import Camera, _picture, film, read_number

FRAMES = 80
GOP = 15
DATA = Path(__file__).parents[3] / "shared/data"
REAL = {
    "webcam with uneven times": DATA / "gmdcsa24/Subject 1/ADL/10.mp4",
    "lossless AVI": DATA / "weizmann4/bend/daria_bend.avi",
}


def indexed(folder: Path, *files: Path) -> RecordingIndex:
    write_index(
        "S1C1", [str(f) for f in files], "video", "", folder / "i.parquet", folder / "a.json"
    )
    return RecordingIndex.read(folder / "i.parquet")


def digest(picture: av.VideoFrame) -> str:
    known = {"format": "bgra"} if picture.format.is_rgb else {}
    return hashlib.blake2b(picture.to_ndarray(**known).tobytes()).hexdigest()


def plain(file: Path) -> list[str]:
    with av.open(str(file)) as container:
        return [digest(picture) for picture in container.decode(video=0)]


def selections(index: RecordingIndex) -> dict[str, np.ndarray]:
    count, keys = len(index), np.flatnonzero(index.key) + 1
    chance = np.random.default_rng(3)
    return {
        "all": np.arange(1, count + 1),
        "every seventh": np.arange(3, count + 1, 7),
        "key frames": keys,
        "before key frames": keys[1:] - 1,
        "at random": np.sort(chance.choice(count, count // 8, replace=False)) + 1,
        "two stretches": np.r_[5:29, 50:56],
        "last": np.array([count]),
    }


def film_structure(path: Path, encoder: str, parameters: str) -> None:
    """A numbered film whose groups of pictures are made as an encoder's own options say."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(encoder, rate=30)
        stream.width, stream.height = Camera().size
        stream.pix_fmt, stream.codec_context.thread_count = "yuv420p", 1
        name = encoder.removeprefix("lib") + "-params"
        stream.codec_context.options = {"preset": "fast", "crf": "22", name: parameters}
        for number in range(1, FRAMES + 1):
            frame = av.VideoFrame.from_ndarray(_picture(number, Camera()), format="yuv420p")
            frame.pts, frame.time_base = number - 1, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def check_all_selections(index: RecordingIndex, file: Path, numbered: bool = True) -> None:
    truth = plain(file)
    assert len(truth) == len(index)
    for name, frames in selections(index).items():
        for threads in (1, 2):
            got = list(decode_frames(str(file), index, 1, frames, threads))
            assert sorted(number for number, _ in got) == frames.tolist(), name
            assert all(digest(picture) == truth[number - 1] for number, picture in got), name
            if numbered:
                grey = [(number, p.to_ndarray(format="gray")) for number, p in got]
                assert all(read_number(picture) == number for number, picture in grey), name


@pytest.mark.parametrize(
    ("suffix", "codec", "b_frames"),
    [
        (".mp4", "h264", 0),
        (".mp4", "h264", 3),
        (".mp4", "hevc", 3),
        (".mkv", "h264", 3),
        (".ts", "h264", 3),
        (".avi", "h264", 3),
        (".avi", "ffv1", 0),
        (".mp4", "mpeg4", 2),
        (".mov", "mjpeg", 0),
    ],
)
def test_frames_are_those_of_a_plain_decode(tmp_path, suffix, codec, b_frames):
    file = tmp_path / f"film{suffix}"
    film(file, Camera(codec=codec, b_frames=b_frames, gop=GOP, sound=suffix == ".mp4"), FRAMES)
    check_all_selections(indexed(tmp_path, file), file)


@pytest.mark.parametrize(
    ("encoder", "structure"),
    [
        ("libx264", "open-gop=1:bframes=4:b-adapt=0:b-pyramid=normal"),
        ("libx265", "open-gop=1:bframes=4:b-adapt=0:log-level=none"),
        ("libx264", "intra-refresh=1:bframes=2"),
        ("libx264", "keyint=2:min-keyint=1:open-gop=1:bframes=1"),
    ],
    ids=["open-gop-h264", "open-gop-hevc", "intra-refresh", "groups-of-two"],
)
def test_unusual_groups_of_pictures(tmp_path, encoder, structure):
    file = tmp_path / "film.mp4"
    film_structure(file, encoder, f"keyint={GOP}:min-keyint={GOP}:scenecut=0:{structure}")
    check_all_selections(indexed(tmp_path, file), file)


def trim(whole: Path, cut: Path, start: str) -> None:
    """Leave out what is shown before `start` (seconds), without encoding."""
    run_ffmpeg(ffmpeg.output(local_input(whole, ss=start), str(cut), codec="copy"), "bundled")


TRIMMED = {
    "h264": ("libx264", ""),
    "open-gop-h264": ("libx264", "open-gop=1:bframes=4:b-adapt=0:b-pyramid=normal"),
    "hevc": ("libx265", "open-gop=0:bframes=3:log-level=none"),
    "open-gop-hevc": ("libx265", "open-gop=1:bframes=4:b-adapt=0:log-level=none"),
    "mpeg4": ("", ""),
}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("start", ["0.5", "0.7"])
@pytest.mark.parametrize("structure", TRIMMED)
def test_trimmed_without_encoding(tmp_path, structure, start, suffix):
    """In MP4 the first frame shown need not be a key frame: that is hidden by an edit list."""
    whole, file = tmp_path / "whole.mp4", tmp_path / f"film{suffix}"
    encoder, parameters = TRIMMED[structure]
    if encoder:
        keys = f"keyint={GOP}:min-keyint={GOP}:scenecut=0"
        film_structure(whole, encoder, f"{keys}:{parameters}".rstrip(":"))
    else:
        film(whole, Camera(codec="mpeg4", b_frames=2, gop=GOP, rate=Fraction(30)), FRAMES)
    trim(whole, file, start)
    index = indexed(tmp_path, file)
    if suffix == ".mp4":
        assert index.key[0] == (start == "0.5")
    check_all_selections(index, file, numbered=False)


@pytest.mark.parametrize("codec", ["h264", "hevc", "mpeg4"])
@pytest.mark.parametrize("b_frames", [0, 2])
@pytest.mark.parametrize("gop", [10, 20])
def test_with_a_middle_cut_out_by_an_edit_list(tmp_path, codec, b_frames, gop, caplog):
    """Around the cut lie hidden packets that have the times of frames on its other side."""
    file = tmp_path / "film.mp4"
    film(file, Camera(rate=Fraction(25), codec=codec, b_frames=b_frames, gop=gop), 100)
    data = bytearray(file.read_bytes())
    edit(data, [(Fraction(1), Fraction(0)), (Fraction("1.4"), Fraction("1.9"))])
    file.write_bytes(data)
    index, truth = indexed(tmp_path, file), plain(file)
    assert index.dated(1)
    for first in range(18, 40):
        for frames in ([first], [first, first + 5], [*range(first, first + 12)]):
            got = list(decode_frames(str(file), index, 1, np.array(frames), 1))
            assert [number for number, _ in got] == frames
            assert all(digest(picture) == truth[number - 1] for number, picture in got)
    assert not caplog.records  # each found by its group, without decoding from the beginning


@pytest.mark.parametrize("file", REAL.values(), ids=REAL)
def test_real_recordings(tmp_path, file):
    if not file.exists():
        pytest.skip(f"needs {file}")
    check_all_selections(indexed(tmp_path, file), file, numbered=False)


@pytest.fixture
def two_chapters(tmp_path):
    files = tmp_path / "1.mp4", tmp_path / "2.mp4"
    film(files[0], Camera(gop=GOP, b_frames=2), 50)
    film(files[1], Camera(gop=GOP, b_frames=2), 40, first_number=51)
    return indexed(tmp_path, *files), files


def test_second_chapter_goes_on_counting(two_chapters):
    index, files = two_chapters
    frames = np.array([51, 60, 77, 90])
    got = decode_frames(str(files[1]), index, 2, frames)
    numbers = [(number, read_number(p.to_ndarray(format="gray"))) for number, p in got]
    assert numbers == [(n, n) for n in frames]


def damage(file: Path, first: int, last: int) -> None:
    """Overwrite the picture data of frames `first` to `last` (in decoding order, from 1)."""
    with av.open(str(file)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(file.read_bytes())
    for position, size in packets[first - 1 : last]:
        data[position + 4 : position + size] = bytes(size - 4)
    file.write_bytes(data)


def test_damage_that_no_wanted_frame_depends_on_is_never_met(tmp_path, caplog):
    file = tmp_path / "film.mp4"
    film(file, Camera(gop=GOP), 60)
    index = indexed(tmp_path, file)
    damage(file, 24, 45)
    frames = np.r_[3:10, 16:23, 46:50]
    got = list(decode_frames(str(file), index, 1, frames))
    assert [read_number(p.to_ndarray(format="gray")) for _, p in got] == frames.tolist()
    assert not caplog.records


def test_undelivered_frames_are_named(tmp_path):
    file = tmp_path / "film.mp4"
    film(file, Camera(gop=GOP), 60)
    index = indexed(tmp_path, file)
    damage(file, 31, 45)
    with pytest.raises(InputError) as caught:
        list(decode_frames(str(file), index, 1, np.array([5, 30, 33, 36, 46])))
    (problem,) = caught.value.problems
    assert problem.file == str(file)
    assert "2 of 5 wanted frames cannot be decoded" in problem.message
    assert "33 at 1.068 s, 36 at 1.168 s" in problem.message


def test_without_a_card_that_can_the_log_says_so_once(caplog):
    assert not card_decodes("ffv1")
    (record,) = caplog.records
    assert "no hardware decoding of ffv1" in record.message
    assert record.message.endswith("decoding in software")


def test_what_the_card_does_not_deliver_is_decoded_in_software(tmp_path):
    file = tmp_path / "film.mp4"
    film(file, Camera(gop=GOP), 60)
    frames = np.r_[3:10, 40:50]
    got = list(decode_frames(str(file), indexed(tmp_path, file), 1, frames, 1, card=True))
    truth = plain(file)
    assert [(n, digest(p)) for n, p in got] == [(n, truth[n - 1]) for n in frames.tolist()]


def test_file_that_is_gone_is_a_problem(tmp_path):
    file = tmp_path / "film.mp4"
    film(file, Camera(), 20)
    index = indexed(tmp_path, file)
    file.unlink()
    with pytest.raises(InputError, match="cannot be decoded"):
        list(decode_frames(str(file), index, 1, np.array([1])))


@pytest.mark.parametrize("parts", [1, 2, 3, 20])
def test_split_covers_everything_and_cuts_at_key_frames(two_chapters, parts):
    index, _ = two_chapters
    frames = np.r_[51:58, 64:90]
    runs = split_frames(index, 2, frames, parts)
    assert 1 <= len(runs) <= parts
    assert np.concatenate(runs).tolist() == frames.tolist()
    keys = np.flatnonzero(index.key) + 1
    for before, after in pairwise(runs):
        assert np.any((keys > before[-1]) & (keys <= after[0]))


def test_split_shares_the_work_evenly(tmp_path):
    file = tmp_path / "film.mp4"
    film(file, Camera(gop=10), 200)
    index = indexed(tmp_path, file)
    assert [len(run) for run in split_frames(index, 1, np.arange(1, 201), 4)] == [50] * 4
    assert split_frames(index, 1, np.array([], np.int64), 4) == []
