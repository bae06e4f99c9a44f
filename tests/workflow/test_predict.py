"""Recordings without a sheet, and everybody left out once."""

from __future__ import annotations

import csv
import re
from dataclasses import replace

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from filming import film_recording
from PIL import Image
from project import CAMERA, CLAPS, CONFIG, REPOSITORY, SPLITS, table

from clapboard import artifacts
from clapboard.arrow import rows as rows_of

FRAMES = 75


def unlabelled(recording, videos, session=""):
    """The row of a recording that nobody has labelled."""
    subject, camera = recording[:2], recording[-2:]
    new = {"subject": subject, "session": session, "camera": camera, "split": "Predict"}
    new |= {"annotations": "", "clap": f"{float(CLAPS.get(camera, 1))}", "videos": videos}
    return {**table()[0], **new}


NEW = [unlabelled(recording, f"videos/{recording}") for recording in ("S4C1", "S4C2")]


@pytest.fixture
def asked(project):
    """A finished project with two recordings of a session that nobody has labelled."""
    for number, row in enumerate(NEW):
        place = project.folder / row["videos"]
        place.mkdir()
        film_recording(place, replace(CAMERA, size=(96 + 32 * number, 72 + 24 * number)), [FRAMES])
    project.write_table([*NEW, *table()])
    return project


@pytest.mark.slow
def test_unlabelled_recordings_get_timelines_together_and_train_nothing(asked):
    asked.configure(prediction={"fusion": True})
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
    alone, together = {}, {}
    for recording in ("S4C1", "S4C2"):
        made = asked.results / "predictions" / "cnn" / recording
        alone[recording] = probabilities(made / "probabilities.parquet")
        together[recording] = probabilities(made / "predictions.parquet")
        with (made / "timeline.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
        assert rows[1][1] == "CLAP"
        assert {row[1] for row in rows[2:]} <= {"BAGGING", "CHEST-TUBE PREP"}
        assert "-->" in (made / "subtitles.srt").read_text(encoding="utf-8")
        assert (made / "review.csv").read_text(encoding="utf-8").startswith("rank,start,stop")
        with av.open(str(made / "overlay.mp4")) as container:
            assert sum(1 for _ in container.decode(video=0)) == FRAMES

    # Six frames lie between the claps: frame n of C1 is shown at the time of frame n + 6 of C2.
    one, other = alone["S4C1"], alone["S4C2"]
    assert round((CLAPS["C2"] - CLAPS["C1"]) * CAMERA.rate) == 6
    both = (one[:-6] + other[6:]) / 2
    assert min(np.abs(both - one[:-6]).max(), np.abs(both - (one + other)[:-6] / 2).max()) > 1e-4
    np.testing.assert_allclose(together["S4C1"][:-6], both, atol=1e-6)
    np.testing.assert_allclose(together["S4C2"][6:], both, atol=1e-6)


def probabilities(file):
    """Those of every frame of a recording, shape (frames, classes)."""
    table = pq.read_table(file)
    assert table["frame"].to_pylist() == list(range(1, FRAMES + 1))
    return rows_of(table["probabilities"])


@pytest.mark.parametrize("fusion", [False, True])
def test_timeline_asks_for_the_other_cameras_of_the_session_only_where_they_count(project, fusion):
    """Of the subject's other session, of other subjects and of labelled ones it asks nothing."""
    cameras = {"S4aC1", "S4aC2", "S4aC3", "S4bC1", "S5aC1"}
    new = [unlabelled(recording, "videos/S1C1", recording[2]) for recording in sorted(cameras)]
    project.write_table([*new, *table()])
    project.configure(prediction={"fusion": fusion})
    screen = project.snakemake("--dry-run", "predict").screen
    found = {}
    for body in re.findall(r"^rule write_timeline:\n((?: {4}.*\n)+)", screen, re.MULTILINE):
        inputs = re.search(r"^ {4}input: (.+)$", body, re.MULTILINE)[1].split(", ")
        recording = re.search(r"recording=(\w+)", body)[1]
        found[recording] = [
            re.findall(pattern, " ".join(inputs))
            for pattern in (r"predictions/cnn/(\w+)/probabilities\.parquet", r"index/(\w+)\.")
        ]
    together = ["S4aC1", "S4aC2", "S4aC3"]
    expected = {
        recording: [recording, *(one for one in together if one != recording)]
        if fusion and recording in together
        else [recording]
        for recording in cameras
    }
    assert found == {recording: [wanted, wanted] for recording, wanted in expected.items()}


@pytest.mark.slow
def test_everybody_is_left_out_once_on_the_same_frames(project):
    """With a background, so that all figures stand twice."""
    cnn = CONFIG["models"]["cnn"]
    lstm = {"architecture": "lstm", "input": "frames", "start_from": "cnn", "units": 4, "epochs": 1}
    both = {"evaluation": "loso", "models": {"cnn": cnn, "lstm": lstm}}
    project.configure(**both)
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

    background = {"annotations": {"background": "nothing"}}
    project.configure(evaluation="loso", **background)
    project.run()
    figures = artifacts.read_json(project.results / "models" / "cnn" / "loso.json")
    assert set(figures["subjects"]) == set(SPLITS)
    assert {"majority", "chance"} < set(figures["baselines"])
    found = figures["without_background"]["confusion"]
    assert found["counts"][found["labels"].index("NOTHING")] == [0] * len(found["labels"])
    with Image.open(project.results / "comparison" / "subjects.png") as boxes:
        boxes.verify()
    assert project.pending() == {}

    project.run("--report", "report.html")
    page = (project.folder / "report.html").read_text(encoding="utf-8")
    for subject in SPLITS:
        kinds = ("curves", "confusion", "confusion-without-background", "ribbons", "bars")
        for kind in (*kinds, "calibration", "mistakes"):
            assert f"models/cnn/without/{subject}/{kind}.png" in page
        assert f"without {subject}" in page
    for name in ("loso-bars", "loso-without-background"):
        assert f"models/cnn/{name}.png" in page

    # What a model starts from has not seen who is left out either.
    project.configure(**both, **background)
    fold = "results/models/lstm/without/S3/metrics.json"
    assert set(project.pending(fold)) == {"train_fold lstm S3", "evaluate_fold lstm S3"}
    project.run(fold)
    started = project.snakemake("--dry-run", "--forceall", fold).screen
    assert "models/cnn/without/S3/model.keras" in started
    assert "models/cnn/model.keras" not in started


@pytest.mark.slow
def test_model_for_new_recordings_where_everybody_trains_and_is_left_out_once(asked):
    trained = [{**row, "split": "Training"} for row in table()]
    asked.write_table([NEW[0], *trained])
    asked.configure(evaluation="loso")
    asked.run("predict")
    assert (asked.results / "predictions" / "cnn" / "S4C1" / "timeline.csv").is_file()
    log = (asked.results / "logs" / "train_model" / "cnn.log").read_text(encoding="utf-8")
    assert "Validation decides when to stop: S3" in log


def test_cameras_are_measured_together_on_request(project):
    project.configure(evaluation={"fusion": True})
    assert set(project.pending()) == {"check_inputs", "fuse_cameras cnn"}


def test_cameras_without_a_clap_are_not_recognised_together(project):
    new = [unlabelled(recording, "videos/S1C1") for recording in ("S4C1", "S4C2")]
    project.write_table([new[0], {**new[1], "clap": ""}, *table()])
    assert project.snakemake("--dry-run", "predict").status == 0
    project.configure(prediction={"fusion": True})
    refused = project.snakemake("--dry-run", "predict", check=False)
    assert refused.status
    assert "row 3, column clap: S4C2 is recognised together" in refused.screen


@pytest.mark.parametrize("key", ["lookalikes", "lookalikes_allowed"])
def test_training_waits_for_another_limit(project, key):
    project.configure(evaluation={key: 1})
    assert set(project.pending()) == {"check_leakage", "train_model cnn", "evaluate_model cnn"}
