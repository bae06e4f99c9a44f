"""All chapters in one video: same frames, same times, whatever the chapters are like."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import ffmpeg
import numpy as np
import pytest

from clapboard.problems import InputError
from clapboard.video import ffmpeg_program
from clapboard.video.concatenation import ConcatenationError, check_video, write_video
from clapboard.video.ffmpeg_program import FfmpegError, local_input, run_ffmpeg
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index
from tests.filming import Camera, concatenate_streams, film, film_recording, grid_times, read_number

VIDEO = {"ffmpeg": "bundled", "concatenate": True}
LONGER = Fraction(1, 20)
DATA = Path(__file__).parents[3] / "shared" / "data"


def join(folder: Path, chapters) -> tuple[RecordingIndex, Path]:
    files = [str(file) for file in chapters]
    write_index("S1C2", files, "video", "", folder / "S1C2.parquet", folder / "audit.json")
    output = folder / "video" / "S1C2.mp4"
    write_video(files, folder / "S1C2.parquet", VIDEO, output)
    return RecordingIndex.read(folder / "S1C2.parquet"), output


def frames_of(video: Path) -> list[tuple[Fraction, int]]:
    """Time and burnt-in number of every frame that a decoder gives."""
    with av.open(str(video)) as container:
        return [
            (frame.pts * frame.time_base, read_number(frame.to_ndarray(format="gray")))
            for frame in container.decode(container.streams.video[0])
        ]


def expected(index: RecordingIndex) -> list[tuple[Fraction, int]]:
    return [(index.seconds(frame), frame) for frame in range(1, len(index) + 1)]


@pytest.mark.parametrize(
    ("suffix", "camera"),
    [
        (".MP4", Camera()),
        (".MP4", Camera(sound=True, sound_longer=LONGER)),
        (".MP4", Camera(b_frames=2, sound=True, sound_longer=LONGER)),
        (".MP4", Camera(b_frames=2, sound=True, sound_longer=-LONGER)),
        (".MP4", Camera(b_frames=2, sound=True, start=Fraction(1, 3))),
        (".MP4", Camera(codec="hevc", b_frames=2, sound=True, sound_longer=LONGER)),
        (".MP4", Camera(rate=Fraction(25), time_base=Fraction(1, 12800))),
        (".mov", Camera(rate=Fraction(60000, 1001), b_frames=3, sound=True)),
        (".mkv", Camera(b_frames=2, sound=True, sound_longer=LONGER)),
        (".ts", Camera(b_frames=2, sound=True)),
        (".avi", Camera(codec="mpeg4", b_frames=2)),
        (".avi", Camera(codec="ffv1", rate=Fraction(25))),
        (".avi", Camera(b_frames=2)),
    ],
    ids=str,
)
def test_every_frame_is_where_the_index_has_it(tmp_path, suffix, camera):
    take = film_recording(tmp_path, camera, [50, 21, 1, 30], suffix)
    index, video = join(tmp_path, take.chapters)
    assert frames_of(video) == expected(index) == list(zip(take.times, range(1, 103), strict=True))
    with av.open(str(video)) as container:
        assert bool(container.streams.audio) == camera.sound


def test_holes_and_variable_rates_are_kept(tmp_path):
    camera = Camera(b_frames=2, sound=True, sound_longer=LONGER)
    steps = np.random.default_rng(3).integers(800, 1400, 40)
    variable = [Fraction(int(tick), 30000) for tick in np.cumsum(steps) - steps[0]]
    take = film_recording(tmp_path, camera, [grid_times(camera, 40, [(20, 15)]), variable])
    index, video = join(tmp_path, take.chapters)
    assert frames_of(video) == expected(index)
    assert index.seconds(40) == take.times[39]


def test_no_picture_is_coded_anew(tmp_path):
    take = film_recording(tmp_path, Camera(b_frames=2), [30, 30])
    _, video = join(tmp_path, take.chapters)
    assert pictures_of(video) == [
        picture for chapter in take.chapters for picture in pictures_of(chapter)
    ]


def pictures_of(video: Path) -> list[bytes]:
    with av.open(str(video)) as container:
        return [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]


def test_sound_stays_with_the_picture(tmp_path):
    camera = Camera(rate=Fraction(25), sound_longer=LONGER)
    beeps = [Fraction(1), Fraction(7, 2), Fraction(6)]
    take = film_recording(tmp_path, camera, [50, 50, 100], beeps=beeps)
    _, video = join(tmp_path, take.chapters)
    assert beeps_in(video) == pytest.approx([1, 3.5, 6], abs=0.03)


def beeps_in(video: Path) -> list[float]:
    """When it becomes loud, seconds, from packets' times and decoded samples."""
    found = [-1.0]
    with av.open(str(video)) as container:
        for frame in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray()[0]) > 0.3)
            if len(loud) and frame.time + loud[0] / frame.sample_rate > found[-1] + 0.2:
                found.append(frame.time + loud[0] / frame.sample_rate)
    return found[1:]


def test_a_clock_reset_is_mended(tmp_path):
    camera = Camera(rate=Fraction(25), b_frames=2, sound=True)
    parts = [tmp_path / "a.ts", tmp_path / "b.ts"]
    film(parts[0], camera, 40)
    film(parts[1], camera, 30, first_number=41)
    concatenate_streams(tmp_path / "clip.ts", parts)
    index, video = join(tmp_path, [tmp_path / "clip.ts"])
    assert frames_of(video) == expected(index)


def test_a_chapter_that_begins_with_hidden_frames(tmp_path):
    film(tmp_path / "whole.mp4", Camera(rate=Fraction(25), b_frames=2), 60)
    cut = ffmpeg.output(
        local_input(tmp_path / "whole.mp4", ss="0.9"), str(tmp_path / "cut.mp4"), codec="copy"
    )
    run_ffmpeg(cut, "bundled")
    film(tmp_path / "next.mp4", Camera(rate=Fraction(25), b_frames=2), 20, first_number=61)
    index, video = join(tmp_path, [tmp_path / "cut.mp4", tmp_path / "next.mp4"])
    shown = frames_of(video)
    assert [time for time, _ in shown] == [index.seconds(n) for n in range(1, len(index) + 1)]
    numbers = [number for _, number in shown]
    assert numbers == list(range(numbers[0], 81))


def test_names_of_chapters_are_data(tmp_path):
    take = film_recording(tmp_path, Camera(), [10, 10, 10])
    names = ["it's\nfile evil\nduration 9.mp4", "-y '; rm -rf \\.mp4", "100% {x} #$HOME.mp4"]
    hostile = [
        file.rename(tmp_path / name) for file, name in zip(take.chapters, names, strict=True)
    ]
    index, video = join(tmp_path, hostile)
    assert frames_of(video) == expected(index)


def test_nothing_is_left_behind_but_the_video(tmp_path):
    take = film_recording(tmp_path, Camera(), [10, 10], ".mkv")
    before = [file.read_bytes() for file in take.chapters]
    _, video = join(tmp_path, take.chapters)
    assert [path.name for path in video.parent.iterdir()] == ["S1C2.mp4"]
    assert [file.read_bytes() for file in take.chapters] == before


def test_a_failure_leaves_the_old_video_alone(tmp_path):
    take = film_recording(tmp_path, Camera(), [10, 10])
    _, video = join(tmp_path, take.chapters)
    before = video.read_bytes()
    with pytest.raises(FfmpegError):
        write_video(
            [*map(str, take.chapters)], tmp_path / "S1C2.parquet", {"ffmpeg": "/bin/false"}, video
        )
    assert video.read_bytes() == before
    assert [path.name for path in video.parent.iterdir()] == ["S1C2.mp4"]


def test_a_program_that_hangs_and_what_it_has_started_are_ended_in_time(tmp_path, monkeypatch):
    note, hanging = tmp_path / "pid", tmp_path / "ffmpeg"
    hanging.write_text(f"#!/bin/sh\nsleep 90 &\necho $! > {note}\nwait\n")
    hanging.chmod(0o755)
    output = ffmpeg.input("1.mp4").output("2.mp4")
    began = time.monotonic()
    with pytest.raises(FfmpegError, match="took over"):
        ffmpeg_program.run_ffmpeg(output, str(hanging), seconds=0.5)
    assert time.monotonic() - began < 30
    while running(int(note.read_text())) and time.monotonic() - began < 30:
        time.sleep(0.01)  # a signal takes a moment
    assert not running(int(note.read_text()))
    monkeypatch.setattr(ffmpeg_program, "ANSWER_SECONDS", 0.5)
    (problem,) = ffmpeg_program.ffmpeg_problems(str(hanging))
    assert "timed out" in problem.message
    assert time.monotonic() - began < 60


def running(pid):
    """Whether a process is there and has not ended."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_limit_of_the_size_of_files_is_said(tmp_path):
    take = film_recording(tmp_path, Camera(), [60])
    program = (
        "import resource, sys\n"
        "from clapboard.video.concatenation import write_video\n"
        "from clapboard.video.indexing import write_index\n"
        "folder, chapter = sys.argv[1:]\n"
        "index = f'{folder}/S1C2.parquet'\n"
        "write_index('S1C2', [chapter], 'video', '', index, f'{folder}/audit.json')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "write_video([chapter], index, {'ffmpeg': 'bundled'}, f'{folder}/video/S1C2.mp4')\n"
    )
    assert take.chapters[0].stat().st_size > 20_000
    command = [sys.executable, "-c", program, str(tmp_path), str(take.chapters[0])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "File too large" in done.stderr
    assert list((tmp_path / "video").iterdir()) == []


def test_a_replaced_chapter_is_noticed(tmp_path):
    take = film_recording(tmp_path, Camera(), [10, 10])
    join(tmp_path, take.chapters)
    film(take.chapters[1], Camera(), 11)
    with pytest.raises(ConcatenationError, match="21 frames, the index 20"):
        write_video(
            [*map(str, take.chapters)], tmp_path / "S1C2.parquet", VIDEO, tmp_path / "v.mp4"
        )
    assert not (tmp_path / "v.mp4").exists()


def test_where_damage_is_passed_over_the_remedy_holds_for_recognised_recordings_too(tmp_path):
    """Their overlays are drawn from the joined video, whatever video.concatenate says."""
    take = film_recording(tmp_path, Camera(), [10, 10])
    join(tmp_path, take.chapters)
    film(take.chapters[1], Camera(), 11)
    index, output = tmp_path / "S1C2.parquet", tmp_path / "v.mp4"
    with pytest.raises(InputError, match="unjoinable") as error:
        write_video([*map(str, take.chapters)], index, VIDEO | {"damaged": "skip"}, output)
    (problem,) = error.value.problems
    assert "21 frames, the index 20" in problem.message
    assert "video.concatenate to false" in problem.remedy
    assert "prediction.overlay to off" in problem.remedy


def test_a_shifted_frame_is_noticed(tmp_path):
    take = film_recording(tmp_path, Camera(), [20])
    index, video = join(tmp_path, take.chapters)
    check_video(video, index)
    pts = index.pts.copy()
    pts[7] += 1
    with pytest.raises(ConcatenationError, match="Frame 8 "):
        check_video(video, dataclasses.replace(index, pts=pts))
    longer = dataclasses.replace(index.chapters[0], duration=Fraction(2))
    with pytest.raises(ConcatenationError, match="lasts"):
        check_video(video, dataclasses.replace(index, chapters=(longer,)))


@pytest.mark.slow
def test_real_recordings(tmp_path):
    recordings = [
        sorted((DATA / "gmdcsa24" / "Subject 1" / "Fall").glob("*.mp4")),
        sorted((DATA / "gmdcsa24" / "Subject 2" / "Fall").glob("*.mp4")),
        sorted((DATA / "weizmann4" / "jack").glob("*.avi")),
    ]
    if not all(recordings):
        pytest.skip(f"{DATA} is not there")
    for chapters in recordings:
        index, video = join(tmp_path, chapters)
        check_video(video, index)
