"""Wrong input: every problem in one message, exit status not 0, nothing made of it."""

from __future__ import annotations

import csv
import os
from fractions import Fraction

import pytest
from project import ACTS, Project, make_project, table, write_sheet


@pytest.fixture
def fresh(tmp_path):
    """A project in which nothing has been made yet."""
    return make_project(tmp_path / "project", [20, 20])


def refused(project: Project, *arguments: str) -> str:
    """The screen of a call that must fail."""
    done = project.snakemake(*arguments, check=False)
    assert done.status != 0
    assert "Traceback" not in done.screen
    return done.screen


def made(project: Project) -> set[str]:
    """What has been made, logs and the lock of the run aside."""
    files = {
        path.relative_to(project.results) for path in project.results.rglob("*") if path.is_file()
    }
    return {str(path) for path in files if path.parts[0] not in ("logs", ".lock")}


def test_all_errors_of_the_configuration_at_once(fresh):
    fresh.configure(
        frames={"sise": 40, "fit": "squeeze"}, models={"cnn": {"architecture": "cnn", "epochs": 0}}
    )
    screen = refused(fresh, "--cores", "1")
    assert "frames.sise" in screen and "'size'" in screen
    assert "frames.fit" in screen
    assert "models.cnn.epochs" in screen
    assert made(fresh) == set()


def test_all_errors_of_the_table_at_once(fresh):
    rows = table()
    rows[0]["split"] = "Trainig"
    rows[2]["videos"] = "videos/S9C9"
    rows[5]["split"] = "Training"
    fresh.write_table(rows)
    screen = refused(fresh, "--dry-run")
    assert "row 2" in screen and "Did you mean 'Training'?" in screen
    assert "row 4" in screen and "videos/S9C9" in screen
    assert "row 7" in screen and "the subject is in Test" in screen
    assert made(fresh) == set()


def test_all_errors_of_sheets_and_videos_before_any_work(fresh):
    sheet = fresh.sheet("S1")
    with sheet.open(newline="") as file:
        rows = list(csv.reader(file))
    rows[2][2], rows[2][3] = rows[2][3], rows[2][2]
    rows[3][3] = "soon"
    with sheet.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    fresh.chapters("S2C1")[1].write_bytes(b"this is no video")
    screen = refused(fresh, "--cores", "2")
    assert "sheets/S1.csv, row 3" in screen
    assert "sheets/S1.csv, row 4" in screen
    assert fresh.chapters("S2C1")[1].name in screen
    assert made(fresh) == {"check/report.csv"}


@pytest.mark.parametrize("arguments", [["--keep-going"], ["results/index/S1C1.parquet"], ["check"]])
def test_no_way_leads_past_an_error(fresh, arguments):
    fresh.chapters("S2C1")[1].write_bytes(b"this is no video")
    for _ in range(2):
        screen = refused(fresh, "--cores", "2", *arguments)
        assert fresh.chapters("S2C1")[1].name in screen
        assert made(fresh) == {"check/report.csv"}


def test_an_error_that_comes_later_stops_the_next_run(project):
    made_before = made(project)
    project.chapters("S2C1")[1].write_bytes(b"this is no video")
    for _ in range(2):
        assert project.chapters("S2C1")[1].name in refused(project, "--cores", "2")
        assert made(project) == made_before - {"check/accepted.json"}


def test_what_models_need_is_known_before_anything_is_read(fresh):
    fresh.write_table([row for row in table() if row["split"] != "Validation"])
    lstm = {"architecture": "lstm", "backbone": "EfficientNetV2B4", "filters": [8]}
    fresh.configure(models={"lstm": lstm})
    screen = refused(fresh, "--dry-run")
    assert "config/recordings.tsv, split: No recording has this split" in screen
    assert "models.lstm.backbone" in screen and "'EfficientNetV2B3'" in screen
    assert "models.lstm.filters" in screen
    fresh.write_table(table())
    lstm = {"architecture": "lstm", "weights": "no/such.weights.h5"}
    fresh.configure(models={"lstm": lstm}, video={"ffmpeg": "no/such/ffmpeg"})
    screen = refused(fresh, "--cores", "1")
    assert "models.lstm.weights" in screen
    assert "video.ffmpeg" in screen
    assert made(fresh) == {"check/report.csv"}


def test_all_unreadable_files_at_once(fresh):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    for recording in ("S1C1", "S2C1"):
        fresh.chapters(recording)[0].chmod(0)
    screen = refused(fresh, "--cores", "2")
    for recording in ("S1C1", "S2C1"):
        assert str(fresh.chapters(recording)[0].relative_to(fresh.folder)) in screen


def test_warnings_are_shown_once(project):
    write_sheet(project.sheet("S1"), [*ACTS, ("ONLY HERE", Fraction(36, 10), Fraction(37, 10))])
    assert "ONLY HERE" in project.run("check")
    assert "ONLY HERE" not in project.run("framecsv")


def test_unknown_recording_is_no_target(fresh):
    screen = refused(fresh, "--dry-run", "results/index/S9C9.parquet")
    assert "No rule to produce results/index/S9C9.parquet" in screen


def test_missing_table_and_configuration(fresh):
    (fresh.folder / "config" / "recordings.tsv").unlink()
    assert "config/recordings.tsv" in refused(fresh, "--dry-run")


def test_results_go_where_the_configuration_says(fresh):
    fresh.configure(results="elsewhere/made")
    screen = fresh.snakemake("--dry-run", "framecsv").screen
    assert "elsewhere/made/framecsv/S1C1.csv" in screen
    assert " results/" not in screen


def test_only_the_targets_asked_for(fresh):
    def rules(*targets):
        return {job.split()[0] for job in fresh.pending(*targets)}

    check = {"check_inputs"}
    timing = check | {"index_recording"}
    assert rules("check") == check
    place = timing | {"find_clap", "compute_framecsv"}
    assert rules("framecsv") == place | {"compare_cameras"}
    assert rules("videos") == timing | {"concatenate_chapters"}
    frames = place | {"label_frames", "extract_frames"}
    assert rules("frames") == frames
    dataset = frames | {"link_dataset", "check_leakage"}
    assert rules("dataset") == dataset
    assert rules("models") == dataset | {"train_model", "evaluate_model"}
    assert rules() == rules("models") | {"concatenate_chapters", "compare_cameras"}
    fresh.configure(video={"concatenate": False})
    assert rules() == rules("models") | {"compare_cameras"}
