"""Frames and times of one chapter against a real decoder and against what the camera filmed."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import ffmpeg
import numpy as np
import pytest

from clapboard.video import packets
from clapboard.video.ffmpeg_program import local_input, run_ffmpeg
from clapboard.video.packets import UNDATED, read_packets
from tests.filming import (
    SHORT_CLUSTERS,
    Camera,
    concatenate_streams,
    film,
    grid_times,
    move_clusters_back,
    read_number,
)

DATA = Path(__file__).parents[3] / "shared" / "data"

NTSC = Fraction(30000, 1001)
RATES = [Fraction(24000, 1001), 25, NTSC, 30, 50, Fraction(60000, 1001)]
WRITERS = [
    (".MP4", "h264"),
    (".MP4", "hevc"),
    (".mov", "h264"),
    (".mkv", "h264"),
    (".mkv", "hevc"),
    (".mkv", "ffv1"),
    (".avi", "mpeg4"),
    (".avi", "ffv1"),
    (".avi", "mjpeg"),
    (".ts", "h264"),
]


def decode(file: Path) -> tuple[list[int | None], list[int]]:
    """Time stamps and burnt-in numbers of all frames, in the order in which they are shown."""
    stamps, numbers = [], []
    with av.open(str(file)) as container:
        for frame in container.decode(container.streams.video[0]):
            stamps.append(frame.pts)
            numbers.append(read_number(frame.to_ndarray(format="gray")))
    return stamps, numbers


def seconds(table: packets.PacketTable) -> list[Fraction]:
    return [int(tick) * table.time_base for tick in table.pts]


def reads_all_packets(monkeypatch) -> None:
    """Refuse the short way over the container's table."""
    monkeypatch.setattr(packets, "_from_table", lambda container, stream: None)


@pytest.mark.parametrize(
    ("suffix", "codec", "b_frames"),
    [(*writer, 0) for writer in WRITERS]
    + [(*writer, 3) for writer in WRITERS if writer[1] not in ("ffv1", "mjpeg")],
)
def test_every_container_and_codec(tmp_path, suffix, codec, b_frames):
    file = tmp_path / f"GH010123{suffix}"
    camera = Camera(codec=codec, b_frames=b_frames, sound=suffix != ".avi")
    times = film(file, camera, 40)
    table = read_packets(str(file))
    stamps, numbers = decode(file)
    assert numbers == list(range(1, 41))
    assert seconds(table) == times
    assert table.source_pts.tolist() == stamps
    assert table.key[0]
    assert not table.oddities


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("suffix", [".MP4", ".mkv", ".avi"])
def test_every_rate(tmp_path, suffix, rate):
    file = tmp_path / f"clip{suffix}"
    codec = "mpeg4" if suffix == ".avi" else "h264"
    assert seconds(read_packets(str(film_to(file, Camera(rate=Fraction(rate), codec=codec))))) == [
        held_time(n / Fraction(rate), suffix) for n in range(30)
    ]


def film_to(file: Path, camera: Camera) -> Path:
    film(file, camera, 30)
    return file


def held_time(time: Fraction, suffix: str) -> Fraction:
    """A time as the container can hold it: Matroska counts milliseconds."""
    return Fraction(int(time * 1000 + Fraction(1, 2)), 1000) if suffix == ".mkv" else time


@pytest.mark.parametrize("suffix", [".MP4", ".mkv"])
def test_holes_stay_holes(tmp_path, suffix):
    file = tmp_path / f"clip{suffix}"
    camera = Camera(rate=Fraction(25), b_frames=2)
    times = film(file, camera, grid_times(camera, 60, holes=[(20, 15), (41, 1)]))
    table = read_packets(str(file))
    assert seconds(table) == times
    assert seconds(table)[20] - seconds(table)[19] == Fraction(16, 25)
    assert decode(file)[1] == list(range(1, 61))


def test_variable_rate(tmp_path):
    file = tmp_path / "phone.mp4"
    steps = np.random.default_rng(5).integers(800, 1400, 50)
    times = [Fraction(int(tick), 30000) for tick in np.cumsum(steps) - steps[0]]
    assert film(file, Camera(b_frames=2), times) == times
    assert seconds(read_packets(str(file))) == times


@pytest.mark.parametrize("b_frames", [0, 2])
def test_the_first_frame_is_time_zero_wherever_the_file_starts(tmp_path, b_frames):
    file = tmp_path / "clip.mp4"
    times = film(file, Camera(start=Fraction(7, 3), b_frames=b_frames), 20)
    table = read_packets(str(file))
    assert seconds(table) == times
    assert table.start == pytest.approx(7 / 3, abs=1e-3)


@pytest.mark.parametrize("b_frames", [0, 2])
def test_frames_hidden_by_an_edit_list_are_no_frames(tmp_path, b_frames):
    whole, cut = tmp_path / "whole.mp4", tmp_path / "cut.mp4"
    film(whole, Camera(rate=Fraction(25), b_frames=b_frames), 60)
    run_ffmpeg(ffmpeg.output(local_input(whole, ss="0.9"), str(cut), codec="copy"), "bundled")
    table = read_packets(str(cut))
    stamps, numbers = decode(cut)
    assert len(table.pts) == len(numbers) < 60
    assert table.source_pts.tolist() == stamps
    assert seconds(table) == [Fraction(n, 25) for n in range(len(numbers))]
    assert table.oddities["packets hidden by an edit list"] > 0


def test_a_fragmented_file_is_read_to_its_end(tmp_path):
    file = tmp_path / "clip.mp4"
    options = {"movflags": "frag_keyframe+empty_moov"}
    times = film(file, Camera(options=options), 100)
    assert seconds(read_packets(str(file))) == times


def test_h264_with_b_frames_in_avi_is_known_by_counting(tmp_path):
    file = tmp_path / "clip.avi"
    times = film(file, Camera(b_frames=3), 40)
    table = read_packets(str(file))
    assert seconds(table) == times
    assert (table.source_pts == UNDATED).all()
    assert decode(file)[1] == list(range(1, 41))


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
@pytest.mark.parametrize("codec", ["hevc", "mpeg2video"])
def test_a_file_cut_inside_an_open_group(tmp_path, codec, suffix):
    """Pictures shown before the first key frame need the group that was cut off."""
    whole, cut = tmp_path / "whole.ts", tmp_path / f"cut{suffix}"
    moving = ffmpeg.input("testsrc2=s=160x120:r=25", format="lavfi", t=4)
    encoder = {
        "hevc": {"vcodec": "libx265", "x265-params": "log-level=none:open-gop=1:keyint=20"},
        "mpeg2video": {"vcodec": "mpeg2video", "g": 20, "bf": 2},
    }[codec]
    run_ffmpeg(ffmpeg.output(moving, str(whole), **encoder), "bundled")
    run_ffmpeg(ffmpeg.output(local_input(whole, ss="1.5"), str(cut), codec="copy"), "bundled")
    table = read_packets(str(cut))
    with av.open(str(cut)) as container:
        stamps = [frame.pts for frame in container.decode(video=0)]
    assert table.source_pts.tolist() == stamps
    assert table.oddities["packets that need an earlier key frame"] > 0


@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_clock_reset_goes_on_where_the_clock_was(tmp_path, b_frames):
    camera = Camera(rate=Fraction(25), b_frames=b_frames)
    first, second, file = (tmp_path / name for name in ("a.ts", "b.ts", "clip.ts"))
    film(first, camera, 40)
    film(second, camera, 30, first_number=41)
    concatenate_streams(file, [first, second])
    table = read_packets(str(file))
    stamps, numbers = decode(file)
    assert numbers == list(range(1, 71))
    assert table.source_pts.tolist() == stamps
    assert seconds(table) == [Fraction(n, 25) for n in range(70)]
    assert table.oddities == {"timestamp resets": 1}


@pytest.mark.parametrize("b_frames", [0, 2])
def test_a_clock_turned_back_in_matroska(tmp_path, b_frames):
    file = tmp_path / "clip.mkv"
    camera = Camera(rate=Fraction(25), b_frames=b_frames, options=SHORT_CLUSTERS)
    film(file, camera, 100)
    move_clusters_back(file, after=2, milliseconds=1000)
    table = read_packets(str(file))
    stamps, numbers = decode(file)
    assert numbers == list(range(1, 101))
    assert table.source_pts.tolist() == stamps
    assert seconds(table) == [Fraction(n, 25) for n in range(100)]
    assert table.oddities == {"timestamp resets": 1}


def test_times_given_twice_are_spread(tmp_path):
    file = tmp_path / "clip.mkv"
    times = [Fraction(n, 25) for n in range(20)]
    film(file, Camera(), [*times[:5], times[4], times[4], *times[7:]])
    table = read_packets(str(file))
    assert decode(file)[1] == list(range(1, 21))
    assert seconds(table) == times
    assert table.oddities == {"duplicated or disordered timestamps": 2}


def test_the_short_way_gives_the_same_as_reading_all_packets(tmp_path, monkeypatch):
    file = tmp_path / "clip.mp4"
    film(file, Camera(sound=True), 200)
    with av.open(str(file)) as container:
        assert packets._from_table(container, container.streams.video[0]) is not None
    short = read_packets(str(file))
    reads_all_packets(monkeypatch)
    long = read_packets(str(file))
    for name in ("pts", "source_pts", "key", "rows"):
        np.testing.assert_array_equal(getattr(short, name), getattr(long, name))
    assert (short.time_base, short.start) == (long.time_base, long.start)


def test_the_short_way_is_not_taken_where_frames_are_reordered(tmp_path):
    file = tmp_path / "clip.mp4"
    film(file, Camera(b_frames=2), 60)
    with av.open(str(file)) as container:
        assert packets._from_table(container, container.streams.video[0]) is None


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["gmdcsa24", "weizmann4"])
def test_real_clips_agree_with_a_full_decode(folder):
    clips = sorted((DATA / folder).rglob("*.mp4")) + sorted((DATA / folder).rglob("*.avi"))
    if not clips:
        pytest.skip(f"{DATA / folder} is not there")
    for clip in clips:
        table = read_packets(str(clip))
        with av.open(str(clip)) as container:
            container.streams.video[0].thread_type = "AUTO"
            stamps = [frame.pts for frame in container.decode(container.streams.video[0])]
        assert table.source_pts.tolist() == stamps, clip
        assert not table.oddities, clip
