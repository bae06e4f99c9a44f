"""Recordings without a sheet, and everybody left out once."""

from __future__ import annotations

import csv
import re

import av
import pyarrow.parquet as pq
import pytest
from filming import film_recording
from PIL import Image
from project import CAMERA, CONFIG, REPOSITORY, SPLITS, table

from clapboard import artifacts

FRAMES = 75


@pytest.fixture
def asked(project):
    """A finished project with a recording that nobody has labelled."""
    place = project.folder / "videos" / "S4C1"
    place.mkdir()
    film_recording(place, CAMERA, [FRAMES])
    new = {"subject": "S4", "camera": "C1", "split": "Predict", "annotations": "", "clap": "0.5"}
    project.write_table([*table(), {**table()[0], **new, "videos": "videos/S4C1"}])
    return project


@pytest.mark.slow
def test_unlabelled_recording_gets_a_timeline_and_trains_nothing(asked):
    pending = asked.pending("predict")
    assert pending["learn_durations"] == 1  # once, however many there are to recognise
    jobs = {job.split()[0] for job in pending}
    assert {"sample_frames", "predict_recording", "write_timeline", "draw_overlay"} <= jobs
    assert not jobs & {"train_model", "link_dataset", "label_frames"}
    planned = asked.snakemake(
        "--dry-run", "--profile", str(REPOSITORY / "profiles/slurm"), "predict"
    )
    groups = re.findall(r"Group job (\w+) .*\n((?:\n?    .*\n)+)", planned.screen)
    grouped = {name: set(re.findall(r"rule (\w+):", body)) for name, body in groups}
    assert grouped == {
        "recording": {"index_recording", "sample_frames"},
        "timelines": {"write_timeline"},
    }

    asked.run("predict")
    seen = artifacts.read_csv(asked.results / "audit" / "procedures.csv")
    assert [(row["before"], row["label"], row["segments"]) for row in seen] == [
        ("", "BAGGING", "2"),
        ("BAGGING", "CHEST-TUBE PREP", "2"),
    ]
    made = asked.results / "predictions" / "cnn" / "S4C1"
    predictions = pq.read_table(made / "predictions.parquet")
    assert predictions["frame"].to_pylist() == list(range(1, FRAMES + 1))
    with (made / "timeline.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[1][1] == "CLAP"
    assert {row[1] for row in rows[2:]} <= {"BAGGING", "CHEST-TUBE PREP"}
    assert "-->" in (made / "subtitles.srt").read_text(encoding="utf-8")
    assert (made / "review.csv").read_text(encoding="utf-8").startswith("rank,start,stop")
    with av.open(str(made / "overlay.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == FRAMES


@pytest.mark.slow
def test_everybody_is_left_out_once_on_the_same_frames(project):
    cnn = CONFIG["models"]["cnn"]
    lstm = {"architecture": "lstm", "input": "frames", "start_from": "cnn", "units": 4, "epochs": 1}
    project.configure(evaluation="loso", models={"cnn": cnn, "lstm": lstm})
    models = ("cnn", "lstm")
    folds = {
        f"{job} {model} {subject}"
        for job in ("train_fold", "evaluate_fold")
        for model in models
        for subject in SPLITS
    }
    once = {"summarise_folds cnn", "summarise_folds lstm"}
    once |= {"compare_models", "check_leakage", "check_inputs"}
    assert set(project.pending()) == folds | once

    project.run()
    for model in models:
        figures = artifacts.read_json(project.results / "models" / model / "loso.json")
        assert set(figures["subjects"]) == set(SPLITS)
        assert {"majority", "chance"} < set(figures["baselines"])
    rows = artifacts.read_csv(project.results / "comparison" / "models.csv")
    assert ("cnn", "lstm") in {(row["model"], row["against"]) for row in rows}
    with Image.open(project.results / "comparison" / "subjects.png") as boxes:
        boxes.verify()
    assert project.pending() == {}

    project.run("--report", "report.html")
    page = (project.folder / "report.html").read_text(encoding="utf-8")
    for subject in SPLITS:
        for kind in ("curves", "confusion", "ribbons", "bars", "calibration", "mistakes"):
            assert f"models/lstm/without/{subject}/{kind}.png" in page
        assert f"without {subject}" in page
    assert "models/lstm/loso-bars.png" in page


@pytest.mark.slow
def test_model_for_new_recordings_where_everybody_trains_and_is_left_out_once(asked):
    trained = [{**row, "split": "Training"} for row in table()]
    new = {"subject": "S4", "camera": "C1", "split": "Predict", "annotations": "", "clap": "0.5"}
    asked.write_table([*trained, {**trained[0], **new, "videos": "videos/S4C1"}])
    asked.configure(evaluation="loso")
    asked.run("predict")
    assert (asked.results / "predictions" / "cnn" / "S4C1" / "timeline.csv").is_file()
    log = (asked.results / "logs" / "train_model" / "cnn.log").read_text(encoding="utf-8")
    assert "Validation decides when to stop: S3" in log


def test_cameras_are_measured_together_on_request(project):
    project.configure(evaluation={"fusion": True})
    assert set(project.pending()) == {"fuse_cameras cnn"}


@pytest.mark.parametrize("key", ["lookalikes", "lookalikes_allowed"])
def test_training_waits_for_another_limit(project, key):
    project.configure(evaluation={key: 1})
    assert set(project.pending()) == {"check_leakage", "train_model cnn", "evaluate_model cnn"}
