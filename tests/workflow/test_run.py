"""The whole way from films to an evaluated model, on frames that carry their number."""

from __future__ import annotations

import csv
import json
from fractions import Fraction

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from filming import read_jpeg, read_number
from project import ACTS, CAMERA, CHAPTERS, CLAPS, SPLITS, table, write_sheet

FRAMES = sum(CHAPTERS)
RECORDINGS = [row["subject"] + row["camera"] for row in table()]


def shown_at(frame: int) -> Fraction:
    """When a frame is shown: chapters follow each other at the camera's rate."""
    return (frame - 1) / CAMERA.rate


def label_of(frame: int, camera: str) -> str | None:
    """The label a frame must have, by the definition alone."""
    after_clap = shown_at(frame) - CLAPS[camera]
    return next((label for label, start, stop in ACTS if start <= after_clap < stop), None)


def linked_frames(project):
    """(split, folder, recording, frame) of every picture in Data/."""
    return {
        (path.parts[-3], path.parts[-2], path.stem[:-6], int(path.stem[-6:])): path
        for path in (project.results / "Data").rglob("*.jpg")
    }


def test_every_artifact_is_there(finished):
    expected = [
        "check/report.csv",
        "check/accepted.json",
        "check/leakage.csv",
        "Data/labels.csv",
        "Data/manifest.parquet",
    ]
    expected += ["audit/sync/cameras.csv"]
    for recording in RECORDINGS:
        expected += [
            f"index/{recording}.parquet",
            f"audit/{recording}.json",
            f"audit/sync/{recording}.json",
            f"audit/sync/{recording}.png",
            f"framecsv/{recording}.csv",
            f"procedures/{recording}/BAGGING.csv",
            f"labels/{recording}.parquet",
            f"video/{recording}.mp4",
            f"resized/{recording}/01/manifest.parquet",
            f"resized/{recording}/02/manifest.parquet",
        ]
    names = ("model.keras", "history.csv", "curves.png", "summary.txt")
    names += ("predictions.parquet", "metrics.json", "confusion.png")
    names += ("ribbons.png", "bars.png", "calibration.png", "mistakes.png")
    expected += [f"models/cnn/{name}" for name in names]
    assert [name for name in expected if not (finished.results / name).is_file()] == []
    assert list(finished.results.rglob(".partial-*")) == []


def test_picture_shows_the_frame_of_its_number_across_the_join(finished):
    pictures = linked_frames(finished)
    number = 123
    assert number > CHAPTERS[0]
    [path] = [path for path in pictures.values() if path.name == "S1C2000123.jpg"]
    assert read_jpeg(path) == number
    wrong = {key: read_jpeg(path) for key, path in pictures.items() if read_jpeg(path) != key[3]}
    assert wrong == {}


def test_exactly_the_frames_of_each_interval_have_its_label(finished):
    with (finished.results / "Data" / "labels.csv").open(newline="") as file:
        label_of_folder = {row["folder"]: row["label"] for row in csv.DictReader(file)}
    got = {
        (split, label_of_folder[folder], recording, frame)
        for split, folder, recording, frame in linked_frames(finished)
    }
    expected = {
        (SPLITS[recording[:2]], label_of(frame, recording[2:]), recording, frame)
        for recording in RECORDINGS
        for frame in range(1, FRAMES + 1)
        if label_of(frame, recording[2:])
    }
    assert got == expected
    # An interval that starts at the very time of a frame holds it, one that stops there does not.
    assert shown_at(31) - CLAPS["C2"] == ACTS[0][1]
    assert label_of(30, "C2") is None
    assert label_of(31, "C2") == "BAGGING"


def test_joined_video_has_every_frame_once(finished):
    with av.open(str(finished.results / "video" / "S1C2.mp4")) as container:
        shown = [
            read_number(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)
        ]
    assert shown == list(range(1, FRAMES + 1))


def test_all_test_frames_are_predicted_beside_the_baselines(finished):
    predictions = pq.read_table(finished.results / "models" / "cnn" / "predictions.parquet")
    manifest = pq.read_table(finished.results / "Data" / "manifest.parquet").to_pylist()
    test_frames = [(row["recording"], row["frame"]) for row in manifest if row["split"] == "Test"]
    columns = predictions.select(["recording", "frame"]).to_pylist()
    assert sorted((row["recording"], row["frame"]) for row in columns) == sorted(test_frames)
    metrics = json.loads((finished.results / "models" / "cnn" / "metrics.json").read_text())
    assert "baselines" in metrics


@pytest.mark.slow
def test_relabelling_leaves_no_stale_file_and_decodes_nothing_known(project):
    """S1: the two labels change places and the first interval begins a quarter second later."""
    before = {path: path.stat().st_ino for path in (project.results / "resized").rglob("*.jpg")}
    (one, start, stop), (other, *rest) = ACTS
    start += Fraction(1, 4)
    write_sheet(project.sheet("S1"), [(other, start, stop), (one, *rest)])
    project.run("dataset")
    for camera, clap in CLAPS.items():
        got = {
            frame
            for _, folder, recording, frame in linked_frames(project)
            if (recording, folder) == (f"S1{camera}", other)
        }
        inside = range(1, FRAMES + 1)
        assert got == {frame for frame in inside if start <= shown_at(frame) - clap < stop}
    after = {path: path.stat().st_ino for path in (project.results / "resized").rglob("*.jpg")}
    assert before == after


@pytest.mark.slow
def test_features_are_computed_from_shards(project):
    seen = {"architecture": "transfer", "backbone": "EfficientNetV2B0", "weights": "none"}
    project.configure(dataset={"storage": "shards"}, models={"seen": seen})
    jobs = [job.split() for job in project.pending()]
    (backbone,) = {job[1] for job in jobs if job[0] == "compute_features"}
    project.run("--", f"results/features/{backbone}/S1C1.npy")
    features = project.results / "features" / backbone
    labelled = pq.read_table(project.results / "labels" / "S1C1.parquet")
    wanted = labelled.filter(labelled["selected"])["frame"].to_pylist()
    assert np.load(features / "S1C1.frames.npy").tolist() == wanted
    assert len(np.load(features / "S1C1.npy")) == len(wanted)
