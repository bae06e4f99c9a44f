"""What the audit says about chapters."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from clapboard.artifacts import read_json
from clapboard.video.audit import audit_table
from clapboard.video.indexing import write_index
from tests.filming import (
    SHORT_CLUSTERS,
    Camera,
    film,
    film_recording,
    grid_times,
    move_clusters_back,
)

CAMERA = Camera(rate=Fraction(25))


def audit_of(folder: Path, chapters) -> dict[str, Any]:
    write_index("S1C2", [*map(str, chapters)], "video", "", folder / "i.parquet", folder / "a.json")
    return read_json(folder / "a.json")


def test_a_clean_recording_has_no_warning(tmp_path):
    take = film_recording(tmp_path, CAMERA, [50, 25])
    audit = audit_of(tmp_path, take.chapters)
    assert (audit["frames"], audit["rate"], audit["duration"]) == (75, "25", 3.0)
    assert audit["warnings"] == []
    first, second = audit["chapters"]
    assert (first["frames"], first["duration"], first["constant_rate"]) == (50, 2.0, True)
    assert first["join"] is None
    assert second["join"]["numbers_follow"] is True
    assert second["hole_count"] == 0


def test_holes_have_place_and_length(tmp_path):
    chapters = [30, grid_times(CAMERA, 40, holes=[(10, 5), (25, 1)])]
    take = film_recording(tmp_path, CAMERA, chapters)
    audit = audit_of(tmp_path, take.chapters)
    assert audit["chapters"][0]["holes"] == []
    assert audit["chapters"][1]["holes"] == [
        {"after_frame": 40, "at": 1.6, "seconds": 0.2, "frames": 5},
        {"after_frame": 55, "at": 2.4, "seconds": 0.04, "frames": 1},
    ]
    assert audit["warnings"] == [f"chapter 2 ({take.chapters[1]}): 2 holes, 0.240 s in all"]


def test_a_missing_chapter_shows_in_the_names(tmp_path):
    take = film_recording(tmp_path, CAMERA, [10, 10, 10])
    audit = audit_of(tmp_path, [take.chapters[0], take.chapters[2]])
    assert audit["chapters"][1]["join"]["numbers_follow"] is False
    assert "does not follow" in audit["warnings"][0]


@pytest.mark.parametrize(
    ("second", "gap", "suspicious"),
    [
        ("2024-03-14T15:05:13.000000Z", 0, False),
        ("2024-03-14T15:05:15.000000Z", 2, False),
        ("2024-03-14T15:14:03.000000Z", 530, True),
        ("2024-03-14T15:05:01.000000Z", -12, True),
        ("2024-03-14T15:05:11.000000Z", None, False),
    ],
)
def test_creation_times_show_a_gap(tmp_path, second, gap, suspicious):
    files = [tmp_path / "one.mp4", tmp_path / "two.mp4"]
    for file, created in zip(files, ["2024-03-14T15:05:11.000000Z", second], strict=True):
        film(file, Camera(rate=Fraction(25), created=created), 50)
    audit = audit_of(tmp_path, files)
    assert audit["chapters"][1]["join"] == {"numbers_follow": None, "clock_gap": gap}
    assert any("camera's clock" in warning for warning in audit["warnings"]) == suspicious


def test_sound_that_outlasts_the_video_is_measured(tmp_path):
    camera = Camera(rate=Fraction(25), sound=True, sound_longer=Fraction(1, 4))
    audit = audit_of(tmp_path, film_recording(tmp_path, camera, [50]).chapters)
    assert audit["chapters"][0]["sound_longer_by"] == pytest.approx(0.25, abs=0.03)


def test_a_changed_rate_and_a_reset_clock_are_reported(tmp_path):
    film(tmp_path / "1.mkv", Camera(rate=Fraction(25), options=SHORT_CLUSTERS), 100)
    film(tmp_path / "2.mkv", Camera(rate=Fraction(30)), 30)
    move_clusters_back(tmp_path / "1.mkv", after=2, milliseconds=1000)
    audit = audit_of(tmp_path, [tmp_path / "1.mkv", tmp_path / "2.mkv"])
    assert audit["chapters"][0]["decoded_by_counting"]
    assert not audit["chapters"][1]["decoded_by_counting"]
    assert [warning.partition(": ")[2] for warning in audit["warnings"]] == [
        "1 timestamp resets",
        "30 frames per second, not 25 as before",
    ]


def test_the_table_has_a_line_for_each_chapter_and_warning(tmp_path, capfd):
    take = film_recording(tmp_path, CAMERA, [grid_times(CAMERA, 20, [(9, 3)]), 10])
    audit = audit_of(tmp_path, take.chapters)
    lines = audit_table(audit).splitlines()
    assert lines[0] == "S1C2: 30 frames, 1.320 s"
    assert lines[1].split() == [
        "chapter",
        "frames",
        "rate",
        "seconds",
        "holes",
        "size",
        "codec",
        "file",
    ]
    assert lines[2].split()[:6] == ["1", "20", "25", "0.920", "1", "160x120"]
    assert lines[4].startswith("warning: chapter 1 ")
    assert capfd.readouterr().out.splitlines() == lines
