"""Which results travel."""

import pytest

from clapboard.s3.inventory import local_artifacts, travels


@pytest.mark.parametrize(
    ("name", "goes"),
    [
        ("models/cnn/model.keras", True),
        ("models/training/model.keras", True),
        ("models/fine-tuning/without/S1/model.keras", True),
        ("models/cnn/without/training/model.keras", True),
        ("models/training/training/state.json", False),
        ("models/cnn/fine-tuning/epoch-0001.weights.h5", False),
        ("models/cnn/without/training/training/state.json", False),
        ("models/frames/metrics.json", True),
        ("frames/S1C1/1.jpg", False),
        ("Data/labels.csv", True),
        ("Data/Training/CPR/1.jpg", False),
        ("models/../training/x", False),
        ("report.html", True),
        ("other.html", False),
    ],
)
def test_states_and_pictures_stay_whatever_models_and_people_are_called(name, goes):
    assert travels(name) == goes


def test_the_report_is_found_beside_the_folders(tmp_path):
    for name in ("report.html", "notes.txt", "check/report.csv", "Data/labels.csv", "Data/x/1.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert set(local_artifacts(tmp_path)) == {"report.html", "check/report.csv", "Data/labels.csv"}


def test_folders_that_are_links_are_followed_and_never_round_and_round(tmp_path):
    results, disk = tmp_path / "results", tmp_path / "disk"
    (disk / "cnn").mkdir(parents=True)
    (disk / "cnn" / "model.keras").touch()
    (disk / "cnn" / "other.keras").symlink_to("model.keras")
    (results / "logs").mkdir(parents=True)
    (results / "logs" / "train.log").touch()
    (results / "models").symlink_to(disk)
    (results / "again").symlink_to(results)
    (results / "above").symlink_to(tmp_path)
    (disk / "back").symlink_to(results / "logs")
    (results / "logs" / "there").symlink_to(disk)
    assert set(local_artifacts(results)) == {
        "logs/train.log",
        "logs/there/cnn/model.keras",
        "models/cnn/model.keras",
        "models/back/train.log",
    }
