"""The clap of a sheet in the sound of a recording, and the drift of clocks."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from clapboard.artifacts import read_json
from clapboard.labels.framecsv import placement, read_framecsv, write_framecsv
from clapboard.problems import InputError
from clapboard.settings.config import load
from clapboard.timing.sync_files import write_camera_drift, write_sync
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import write_index
from tests.filming import Camera, film_recording

ZERO = datetime(2019, 4, 4, 9, 21, 58, 740439)
MILLISECONDS = 0.003
CAMERA = Camera(rate=Fraction(5), size=(64, 48), sound=True, sound_longer=Fraction(1, 20))


def write_sheet(path: Path, claps: list[float]) -> Path:
    """A lab sheet with claps, and a procedure after each."""
    rows = ["PROCEDURE,Original_Start_Time,Original_Stop_Time"]
    for clap in claps:
        for label, start in (("CLAP", clap), ("SWAB", clap + 0.5)):
            begin, end = (ZERO + timedelta(seconds=start + length) for length in (0, 0.25))
            rows.append(f"{label},{begin:%Y-%m-%d %H:%M:%S:%f},{end:%Y-%m-%d %H:%M:%S:%f}")
    path.write_text("\n".join(rows) + "\n")
    return path


def synchronise(folder: Path, claps, beeps, clap: str = "auto", **settings):
    """Film beeps, write a sheet with claps, and bring both together."""
    folder.mkdir(exist_ok=True)
    take = film_recording(folder, CAMERA, [50, 50], beeps=[Fraction(str(b)) for b in beeps])
    files = [str(file) for file in take.chapters]
    write_index("S1C2", files, "video", "", folder / "i.parquet", folder / "a.json")
    config = load({"sync": settings})
    write_sync(
        "S1C2",
        str(write_sheet(folder / "sheet.csv", claps)),
        folder / "i.parquet",
        clap,
        config.section("annotations"),
        config.section("sync"),
        folder / "sync.json",
        folder / "sync.png",
    )
    return read_json(folder / "sync.json"), read_placement(folder)


def read_placement(folder: Path) -> tuple[Fraction, Fraction]:
    """Clap and scale as the sheet is placed by them."""
    index = RecordingIndex.read(folder / "i.parquet")
    return placement(index, "auto", folder / "sync.json")


@pytest.mark.parametrize(
    ("clap", "expected", "method"),
    [("12.5", 12.5, "given"), ("frame 6", 1, "frame"), ("-3", -3, "given"), ("0", 0, "given")],
)
def test_a_given_clap_is_taken_as_it_is(tmp_path, clap, expected, method):
    facts, (place, scale) = synchronise(tmp_path, [0], [4], clap)
    assert place == Fraction(str(expected))
    assert scale == 1
    assert (facts["method"], facts["drift_ppm"], facts["corrected"]) == (method, None, False)


def test_the_clap_is_heard(tmp_path):
    facts, (place, _) = synchronise(tmp_path, [0], [7.3])
    assert float(place) == pytest.approx(7.3, abs=MILLISECONDS)
    assert facts["method"] == "heard"
    assert facts["confidence"] == 1
    with Image.open(tmp_path / "sync.png") as picture:
        assert picture.size[0] > 500


def test_the_clap_is_heard_in_another_chapter(tmp_path):
    _, (place, _) = synchronise(tmp_path, [0], [13.21])
    assert float(place) == pytest.approx(13.21, abs=MILLISECONDS)


def test_an_expected_place_chooses_among_claps(tmp_path):
    for expected in (3, 9, 15):
        _, (place, _) = synchronise(tmp_path, [0], [3.3, 9.3, 15.3], f"auto {expected}", window=2)
        assert float(place) == pytest.approx(expected + 0.3, abs=MILLISECONDS)


def test_two_equal_claps_are_not_guessed_between(tmp_path):
    with pytest.raises(InputError) as caught:
        synchronise(tmp_path, [0], [3.3, 9.3])
    (problem,) = caught.value.problems
    assert problem.check == "unsure-clap"
    assert "3.3 s" in problem.message and "9.3 s" in problem.message
    assert "auto 12.5" in problem.remedy
    assert not (tmp_path / "sync.json").exists()


@pytest.mark.parametrize(
    ("clap", "check"), [("auto 15", "no-clap-heard"), ("frame 101", "no-such-frame")]
)
def test_a_clap_that_is_not_there(tmp_path, clap, check):
    with pytest.raises(InputError, match=check):
        synchronise(tmp_path, [0], [3.3], clap)


def test_no_sound_to_hear_it_in(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "CAMERA", replace(CAMERA, sound=False))
    with pytest.raises(InputError, match="no-sound"):
        synchronise(tmp_path, [0], [])


def test_later_claps_measure_the_drift(tmp_path, capfd):
    facts, (_, scale) = synchronise(tmp_path, [0, 8, 16], [2, 10.04, 18.08], "auto 2")
    log = capfd.readouterr().out
    assert "S1C2: clap at 2.00" in log and "heard, confidence" in log
    assert re.search(r"clap of row 4 at 10\.\d+ s: heard \+(39|40|41)\.\d ms off", log)
    assert re.search(r"drift \+(49|50)\d\d\.\d ppm", log)
    assert facts["drift_ppm"] == pytest.approx(5000, abs=200)
    residuals = [clap["residual_ms"] for clap in facts["claps"]]
    assert residuals == pytest.approx([0, 40, 80], abs=3)
    assert scale == 1
    assert [clap["row"] for clap in facts["claps"]] == [2, 4, 6]


def test_drift_is_corrected_when_asked(tmp_path):
    facts, (place, scale) = synchronise(
        tmp_path, [0, 8, 16], [2, 10.014, 18.028], "auto 2", drift="correct"
    )
    assert facts["corrected"]
    assert float(scale) == pytest.approx(1.00175, abs=2e-4)
    assert float(place + 8 * scale) == pytest.approx(10.014, abs=MILLISECONDS)
    assert [clap["remaining_ms"] for clap in facts["claps"]] == pytest.approx([0, 0, 0], abs=3)


def test_a_first_clap_given_by_hand_does_not_count_as_drift(tmp_path):
    facts, (place, _) = synchronise(tmp_path, [0, 8, 16], [2, 10, 18], "2.2")
    assert place == Fraction("2.2")
    assert facts["drift_ppm"] == pytest.approx(0, abs=200)
    assert [clap["residual_ms"] for clap in facts["claps"]] == pytest.approx([-200] * 3, abs=3)


def test_a_residual_beyond_the_limit_is_an_error(tmp_path):
    synchronise(tmp_path / "a", [0, 8], [2, 10.3], "auto 2", limit=400)
    synchronise(tmp_path / "b", [0, 8], [2, 10.3], "auto 2", limit=None)
    synchronise(tmp_path / "c", [0, 8], [2, 10.014], "auto 2", limit=10, drift="correct")
    with pytest.raises(InputError) as caught:
        synchronise(tmp_path / "d", [0, 8], [2, 10.3], "auto 2", limit=200)
    (problem,) = caught.value.problems
    assert (problem.check, problem.row) == ("drift", 4)
    assert "+300 ms" in problem.message


def test_a_drift_that_no_clock_has_is_not_corrected(tmp_path):
    """One later clap fits any drift: what was heard for it may be a slammed door."""
    given = [0, 8], [2, 10.3], "auto 2"
    with pytest.raises(InputError, match=r"37\d\d\d ppm") as caught:
        synchronise(tmp_path / "a", *given, drift="correct", limit=500)
    (problem,) = caught.value.problems
    assert (problem.check, problem.row) == ("drift", 4)
    facts, _ = synchronise(tmp_path / "b", *given, drift="correct", limit=None)
    assert facts["corrected"]


def test_a_later_clap_is_not_taken_for_the_first(tmp_path):
    """The second of two is the loudest sound; where it was the first, the sheet would end late."""
    beeps = [2, *[8] * 8]
    for name, claps, message in (
        ("heard", [0, 6], "row 4, 6 s later, since there is another sound"),
        ("beyond", [0, 14], "row 4, 14 s later, would be after the end"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            synchronise(tmp_path / name, claps, beeps)
        assert [problem.check for problem in caught.value.problems] == ["unsure-clap"]
    _, (place, _) = synchronise(tmp_path / "about", [0, 6], beeps, "auto 2")
    assert float(place) == pytest.approx(2, abs=MILLISECONDS)
    # No other clap where one would have to be, one that ends with the film but for a second, and
    # hands that clapped twice.
    for claps in ([0, 9], [0, 12.5], [0, 0.4]):
        _, (place, _) = synchronise(tmp_path / f"{claps}", claps, beeps)
        assert float(place) == pytest.approx(8, abs=MILLISECONDS)


def test_a_later_clap_that_nobody_hears_is_not_measured(tmp_path):
    facts, _ = synchronise(tmp_path, [0, 8], [2])
    assert [clap["found"] is None for clap in facts["claps"]] == [False, True]
    assert facts["drift_ppm"] is None


def film_for_a_player(folder: Path, beeps, sheet: str, clap: str, **settings):
    """Film beeps and place a sheet of a media player on them; placement and frame ranges."""
    folder.mkdir(exist_ok=True)
    take = film_recording(folder, CAMERA, [50, 50], beeps=[Fraction(str(b)) for b in beeps])
    files = [str(file) for file in take.chapters]
    write_index("S1C2", files, "video", "", folder / "i.parquet", folder / "a.json")
    (folder / "sheet.csv").write_text(sheet)
    config = load({"sync": settings})
    annotations = config.section("annotations")
    sheet_file, sync = str(folder / "sheet.csv"), folder / "sync.json"
    write_sync(
        "S1C2",
        sheet_file,
        folder / "i.parquet",
        clap,
        annotations,
        config.section("sync"),
        sync,
        folder / "sync.png",
    )
    ranges, by_label = folder / "framecsv.csv", folder / "by"
    write_framecsv(
        sheet_file, folder / "i.parquet", clap, annotations, ranges, by_label, sync=str(sync)
    )
    return read_json(sync), read_framecsv(ranges)


def test_a_sheet_on_the_video_clock_needs_no_clap(tmp_path):
    facts, (swab,) = film_for_a_player(tmp_path, [], "label,start,stop\nSWAB,0.5,1.25\n", "0")
    assert (swab.start, swab.stop) == (Fraction(1, 2), Fraction(5, 4))
    assert (facts["method"], facts["clap_seconds"]) == ("not needed", 0)


@pytest.mark.parametrize(
    ("row", "clap", "expected"),
    [
        ("", "0", ("not needed", 0)),
        ("", "12.5", ("given", 12.5)),
        ("", "frame 21", ("frame", 4)),
        ("", "auto 12", ("heard", 12)),
        ("GH020123.MP4,CLAP,1,1\n", "0", ("annotated", 11)),
        ("GH020123.MP4,CLAP,1,1\n", "12.5", ("given", 12.5)),
    ],
)
def test_a_sheet_that_names_clips_has_a_clap_for_other_cameras_alone(tmp_path, row, clap, expected):
    sheet = f"file,label,start_seconds,stop_seconds\nGH020123.MP4,SWAB,0.5,1.25\n{row}"
    facts, (swab, *claps) = film_for_a_player(tmp_path, [12], sheet, clap)
    assert (facts["method"], facts["scale"]) == (expected[0], "1")
    assert facts["clap_seconds"] == pytest.approx(expected[1], abs=MILLISECONDS)
    assert (swab.start, swab.stop) == (Fraction(21, 2), Fraction(45, 4))
    assert [mark.start for mark in claps] == ([11] if row else [])


def test_a_clap_after_the_end_of_a_recording_that_needs_none_is_refused(tmp_path):
    sheet = "file,label,start_seconds,stop_seconds\nGH020123.MP4,SWAB,0.5,1.25\n"
    with pytest.raises(InputError) as error:
        film_for_a_player(tmp_path, [12], sheet, "5000")
    assert [problem.check for problem in error.value.problems] == ["clap-beyond-video"]


PLAYER = "label,start,stop\nCLAP,2,2\nSWAB,3,4.5\nCLAP,10,10\nCUFF,11,12\n"


@pytest.mark.parametrize("clap", ["6", "frame 31", "auto 6"])
def test_another_camera_gets_the_sheet_of_a_player_by_its_own_clap(tmp_path, clap):
    """The camera that was annotated heard the claps at 2 and 10 s, this one at 6 and 14 s."""
    facts, ranges = film_for_a_player(tmp_path, [6, 14], PLAYER, clap)
    times = [(entry.procedure, float(entry.start)) for entry in ranges]
    expected = {"CLAP": [6, 14], "SWAB": [7], "CUFF": [15]}
    for label, starts in expected.items():
        found = [start for name, start in times if name == label]
        assert found == pytest.approx(starts, abs=MILLISECONDS)
    swab = next(entry for entry in ranges if entry.procedure == "SWAB")
    assert swab.last_frame - swab.first_frame + 1 in (7, 8)
    assert facts["drift_ppm"] == pytest.approx(0, abs=200)


def test_a_sheet_of_a_player_without_a_clap_begins_where_the_table_says(tmp_path):
    sheet = "label,start,stop\nSWAB,0.5,1.25\n"
    _, (swab,) = film_for_a_player(tmp_path, [], sheet, "4")
    assert (swab.start, swab.stop) == (Fraction(9, 2), Fraction(21, 4))


def test_claps_of_the_annotated_camera_are_heard_and_move_nothing(tmp_path):
    late = PLAYER.replace("CLAP,10,10", "CLAP,10.6,10.6")
    facts, ranges = film_for_a_player(tmp_path, [2, 10], late, "0", limit=100, drift="correct")
    assert [float(entry.start) for entry in ranges if not entry.mark] == [3, 11]
    assert (facts["method"], facts["clap_seconds"], facts["scale"]) == ("annotated", 2, "1")
    residuals = [clap["residual_ms"] for clap in facts["claps"]]
    assert residuals == pytest.approx([0, -600], abs=3)


def test_cameras_of_a_session_are_compared(tmp_path):
    synchronise(tmp_path / "S1C1", [0, 8, 16], [2, 10, 18], "auto 2")
    synchronise(tmp_path / "S1C2", [0, 8, 16], [3, 11.02, 19.04], "auto 2")
    synchronise(tmp_path / "S2C1", [0], [3])
    synchronise(tmp_path / "S2C2", [0], [3])
    ids = ["S1C1", "S1C2", "S2C1", "S2C2"]
    recordings = [{"id": id, "subject": id[:2], "session": ""} for id in ids]
    syncs = [tmp_path / id / "sync.json" for id in ids]
    write_camera_drift(recordings, syncs, tmp_path / "cameras.csv")
    with (tmp_path / "cameras.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["reference"], row["recording"], row["claps"]) == ("S1C1", "S1C2", "3")
    assert float(row["seconds"]) == pytest.approx(16, abs=0.01)
    assert float(row["drift_ms"]) == pytest.approx(40, abs=3)
    assert float(row["drift_ppm"]) == pytest.approx(2500, abs=200)
