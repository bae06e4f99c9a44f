"""Opening videos, their headers, and the FFmpeg program."""

from __future__ import annotations

import shutil
from fractions import Fraction

import av
import ffmpeg
import pytest

from clapboard.problems import InputError
from clapboard.video.ffmpeg_program import FfmpegError, ffmpeg_binary, local_input, run_ffmpeg
from clapboard.video.media import NoVideoError, media_info, open_video, probe
from tests.filming import Camera, film

HOSTILE_NAMES = [
    "-i evil.mp4",
    "concat:a|b.mp4",
    "new\nline.mp4",
    'it\'s 100% "quoted"; rm -rf $HOME.mp4',
    "http:__host_x.mp4",
    "ünï cödé 🎬.mp4",
    "x" * 240 + ".mp4",
]


def checks(problems) -> list[str]:
    return [problem.check for problem in problems]


def test_the_header_of_a_chapter(tmp_path):
    file = tmp_path / "GH010123.MP4"
    film(file, Camera(sound=True, sound_longer=Fraction(1, 2)), 30)
    info = media_info(file)
    assert (info.codec, info.width, info.height) == ("h264", 160, 120)
    assert info.rate == Fraction(30000, 1001)
    assert info.duration == 30 / info.rate
    assert info.sound == pytest.approx(float(info.duration) + 0.5, abs=0.03)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_names_are_data(tmp_path, name):
    film(tmp_path / "clip.mp4", Camera(), 5)
    hostile = tmp_path / name
    shutil.move(tmp_path / "clip.mp4", hostile)
    assert media_info(hostile).codec == "h264"
    copied = tmp_path / "copied.mp4"
    run_ffmpeg(ffmpeg.output(local_input(hostile), str(copied), codec="copy"), "bundled")
    assert media_info(copied).width == 160


def test_a_relative_name_that_looks_like_a_protocol(tmp_path, monkeypatch):
    film(tmp_path / "clip.mp4", Camera(), 5)
    (tmp_path / "http:").mkdir()
    shutil.move(tmp_path / "clip.mp4", tmp_path / "http:" / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    assert media_info("http:/clip.mp4").codec == "h264"


def test_a_playlist_may_not_fetch_anything(tmp_path):
    playlist = tmp_path / "GH010123.MP4"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nhttp://192.0.2.1/a.ts\n")
    with pytest.raises((av.FFmpegError, NoVideoError)), open_video(playlist):
        pass


def test_all_bad_chapters_are_reported_at_once(tmp_path):
    good, small, other, broken, silent, missing = (
        tmp_path / f"{name}.mp4" for name in ("a", "b", "c", "d", "e", "f")
    )
    film(good, Camera(), 5)
    film(small, Camera(size=(128, 96)), 5)
    film(other, Camera(codec="mpeg4"), 5)
    broken.write_bytes(good.read_bytes()[:500])
    sound_only(silent)
    infos, problems = probe([str(file) for file in (good, small, other, broken, silent, missing)])
    assert [info.file for info in infos] == [str(good), str(small), str(other)]
    assert sorted(checks(problems)) == [
        "missing-chapter",
        "mixed-codecs",
        "mixed-frame-sizes",
        "no-video",
        "unreadable-chapter",
    ]
    by_check = {problem.check: problem for problem in problems}
    assert by_check["mixed-frame-sizes"].file == str(small)
    assert by_check["mixed-codecs"].value == "mpeg4"
    assert by_check["unreadable-chapter"].file == str(broken)
    assert all(problem.remedy for problem in problems)


def sound_only(file) -> None:
    tone = ffmpeg.input("anullsrc=r=48000:cl=mono", format="lavfi", t=1)
    run_ffmpeg(ffmpeg.output(tone, str(file), acodec="aac"), "bundled")


def test_a_cover_picture_is_not_the_video(tmp_path):
    clip, cover, file = tmp_path / "clip.mp4", tmp_path / "cover.png", tmp_path / "both.mp4"
    film(clip, Camera(), 5)
    red = ffmpeg.input("color=red:s=32x32", format="lavfi")
    run_ffmpeg(ffmpeg.output(red, str(cover), vframes=1), "bundled")
    both = ffmpeg.output(
        local_input(cover)["v"],
        local_input(clip)["v"],
        str(file),
        codec="copy",
        **{"disposition:v:0": "attached_pic"},
    )
    run_ffmpeg(both, "bundled")
    assert media_info(file).codec == "h264"


def test_the_ffmpeg_program():
    assert "ffmpeg" in ffmpeg_binary("bundled")
    assert ffmpeg_binary(ffmpeg_binary("bundled")) == ffmpeg_binary("bundled")
    with pytest.raises(InputError, match=r"video\.ffmpeg"):
        ffmpeg_binary("/nowhere/ffmpeg")


def test_a_failure_shows_what_ffmpeg_said(tmp_path):
    missing = ffmpeg.output(local_input(tmp_path / "none.mp4"), str(tmp_path / "out.mp4"))
    with pytest.raises(FfmpegError, match="No such file"):
        run_ffmpeg(missing, "bundled")


def test_an_endless_run_is_ended(tmp_path):
    endless = ffmpeg.output(
        ffmpeg.input("testsrc", format="lavfi", re=None), str(tmp_path / "out.mkv")
    )
    with pytest.raises(FfmpegError, match=r"over 0\.5 s"):
        run_ffmpeg(endless, "bundled", seconds=0.5)
