from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clapboard.sessions.chapters import GoProName, find_chapters, gopro_name, natural_key


@pytest.fixture
def fill(tmp_path, monkeypatch):
    """Makes files in the working directory, each with content of its own."""
    monkeypatch.chdir(tmp_path)

    def make(*names: str) -> None:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(name.encode())

    return make


def checks(videos: str) -> list[str]:
    return [problem.check for problem in find_chapters(videos).problems]


@pytest.mark.parametrize(
    ("names", "ordered"),
    [
        (
            ["GP020123.MP4", "GOPR0123.MP4", "GP010123.MP4"],
            ["GOPR0123.MP4", "GP010123.MP4", "GP020123.MP4"],
        ),
        (
            ["GH020123.MP4", "GH010124.MP4", "GH010123.MP4"],
            ["GH010123.MP4", "GH020123.MP4", "GH010124.MP4"],
        ),
        (["GX020007.mp4", "GX010007.Mp4"], ["GX010007.Mp4", "GX020007.mp4"]),
        (["gopr0001.mp4", "gp010001.mp4"], ["gopr0001.mp4", "gp010001.mp4"]),
        (["clip10.mp4", "clip2.MOV", "Clip1.avi"], ["Clip1.avi", "clip2.MOV", "clip10.mp4"]),
        (["10.mkv", "9.m4v", "100.webm"], ["9.m4v", "10.mkv", "100.webm"]),
    ],
)
def test_a_folder_gives_its_chapters_in_recording_order(fill, names, ordered):
    fill(*(f"S1/{name}" for name in names))
    found = find_chapters("S1")
    assert found.files == tuple(f"S1/{name}" for name in ordered)
    assert (found.kind, found.problems) == ("video", ())


def test_what_cameras_and_clapboard_leave_beside_chapters_is_ignored(fill):
    fill("S1/GH010001.MP4", "S1/GL010001.LRV", "S1/GH010001.THM", "S1/._GH010001.MP4")
    fill("S1/.partial-77-GH020001.MP4", "S1/P5.csv", "S1/photo.jpg")
    assert find_chapters("S1").files == ("S1/GH010001.MP4",)


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        (["GH010123.MP4", "GH030123.MP4"], "GH020123.MP4"),
        (["GOPR0123.MP4", "GP020123.MP4"], "GP010123.MP4"),
        (["GP010123.MP4"], "GOPR0123.MP4"),
        (["GX020123.mp4", "GX030123.mp4"], "GX010123.mp4"),
        (["GH010123.MP4", "GH010124.MP4", "GH040124.MP4"], "GH020124.MP4, GH030124.MP4"),
    ],
)
def test_a_missing_chapter_is_named(fill, names, missing):
    fill(*(f"S1/{name}" for name in names))
    (problem,) = find_chapters("S1").problems
    assert problem.check == "missing-chapter"
    assert f"{missing} missing" in problem.message
    assert ("glob" in problem.remedy) == (missing[:4] in ("GOPR", "GX01"))


def test_a_glob_or_file_may_begin_at_a_later_chapter_but_not_skip_one(fill):
    fill("S1/GH020123.MP4", "S1/GH030123.MP4", "S1/GH050123.MP4")
    assert find_chapters("S1/GH0[23]*.MP4").files == ("S1/GH020123.MP4", "S1/GH030123.MP4")
    assert find_chapters("S1/GH050123.MP4").files == ("S1/GH050123.MP4",)
    assert checks("S1/G*.MP4") == ["missing-chapter"]


def test_the_output_of_an_earlier_concatenation_is_not_taken_for_a_chapter(fill):
    fill("S1/GH010123.MP4", "S1/GH010124.MP4", "S1/GH020123.MP4", "S1/output.MP4")
    assert checks("S1") == ["mixed-names"]
    assert len(find_chapters("S1/G*.MP4").files) == 3


def test_the_same_chapter_twice_is_refused(fill):
    fill("S1/GH010123.MP4", "S1/GH010123.mov", "S1/GH020123.MP4")
    (problem,) = find_chapters("S1").problems
    assert problem.check == "repeated-chapter"
    assert "GH010123.MP4" in problem.message and "GH010123.mov" in problem.message


def test_hevc_and_h264_chapters_are_different_recordings(fill):
    fill("S1/GH010123.MP4", "S1/GX010123.MP4")
    assert find_chapters("S1").problems == ()


def test_a_glob_reaches_into_folders(fill):
    fill("S1/101GOPRO/b1.MP4", "S1/100GOPRO/b2.MP4", "S1/100GOPRO/b10.MP4")
    assert find_chapters("S1/**/*.MP4").files == (
        "S1/100GOPRO/b2.MP4",
        "S1/100GOPRO/b10.MP4",
        "S1/101GOPRO/b1.MP4",
    )
    (problem,) = find_chapters("S1").problems
    assert "S1/**/*.MP4" in problem.remedy


def test_what_exists_under_the_very_name_is_not_read_as_a_glob(fill):
    fill("take[1]/a.mp4", "take1/b.mp4")
    assert find_chapters("take[1]").files == ("take[1]/a.mp4",)


def test_a_folder_of_pictures_is_one_chapter(fill):
    fill("frames/S1C2000001.jpg", "frames/S1C2000002.JPEG", "frames/notes.txt")
    found = find_chapters("./frames/")
    assert (found.files, found.kind) == (("frames",), "images")


@pytest.mark.parametrize(
    ("videos", "check"),
    [
        ("nowhere", "missing-video"),
        ("nowhere/*.mp4", "missing-video"),
        ("S1/notes.txt", "not-a-video"),
        ("S1", "no-videos"),
        ("pictures/*.jpg", "no-videos"),
        ("s3://bucket/S1", "unknown-place"),
        ("https://example.org/a.mp4", "unknown-place"),
        ("a\0b.mp4", "unsafe-name"),
        ("a\nb.mp4", "unsafe-name"),
        ("\udcff.mp4", "unsafe-name"),
        ("x" * 5000, "unreadable-video"),
    ],
)
def test_what_cannot_be_found_is_said(fill, videos, check):
    fill("S1/notes.txt", "pictures/1.jpg")
    assert checks(videos) == [check]
    assert find_chapters(videos).files == ()


def test_a_glob_that_fails_by_case_only_says_so(fill):
    fill("S1/GH010123.MP4")
    (problem,) = find_chapters("S1/*.mp4").problems
    assert "GH010123.MP4" in problem.remedy


def test_a_broken_link_a_folder_and_a_pipe_are_not_skipped_silently(fill, tmp_path):
    fill("S1/a.mp4", "S1/c.mp4/inside.txt")
    (tmp_path / "S1/b.mp4").symlink_to("gone.mp4")
    os.mkfifo(tmp_path / "S1/d.mp4")
    assert checks("S1") == ["unreadable-video"] * 3


def test_hostile_file_names_are_harmless(fill):
    fill("S1/-y.mp4", "S1/$(touch x).mp4", "S1/a b'c.mp4", "S1/{id}.mp4", "S1/ü;rm.mp4")
    assert len(find_chapters("S1").files) == 5
    fill("S1/line\nbreak.mp4")
    (problem,) = find_chapters("S1").problems
    assert problem.check == "unsafe-name"
    assert "\n" not in str(problem)


def test_a_file_name_is_never_a_protocol_of_ffmpeg(fill):
    fill("concat:a.mp4", "S1/http:b.mp4")
    assert find_chapters("concat:a.mp4").files == ("./concat:a.mp4",)
    assert find_chapters("*.mp4").files == ("./concat:a.mp4",)
    assert find_chapters("S1").files == ("S1/http:b.mp4",)


@given(st.integers(0, 9999), st.sampled_from(["GP", "GH", "GX"]), st.integers(1, 99))
def test_gopro_names_round_trip(recording, family, chapter):
    name = GoProName(recording, family, chapter)
    assert gopro_name(name.file_name(".MP4")) == name


@pytest.mark.parametrize(
    "name",
    ["GH010123_cut.MP4", "GOPR123.MP4", "GOPR01234.MP4", "GHAA0123.MP4", "GH010123.LRV", "a.mp4"],
)
def test_other_names_are_not_gopro_names(name):
    assert gopro_name(name) is None


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_natural_order_is_numeric_order(numbers):
    files = sorted((f"S1/clip {number}.mp4" for number in numbers), key=natural_key)
    assert files == [f"S1/clip {number}.mp4" for number in sorted(numbers)]


@given(st.lists(st.text(st.characters(exclude_characters="\0"), max_size=12), unique=True))
def test_natural_order_is_total(files):
    assert sorted(files, key=natural_key) == sorted(set(files), key=natural_key)
