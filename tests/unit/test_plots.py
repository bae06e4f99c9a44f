"""Pictures are written whole, at a readable size, whatever the labels are called."""

import numpy as np
import pytest
from PIL import Image

from clapboard.evaluation import plots
from clapboard.evaluation.contact_sheet import Mistake, draw_contact_sheet

HOSTILE = ["$x_", "CPR (BREATH)", "a" * 300, "\\frac", "東京", ""]


@pytest.mark.parametrize("classes", [2, 29])
def test_confusion_matrix_grows_with_classes(tmp_path, classes):
    random = np.random.default_rng(0)
    labels = [f"PROCEDURE {number}" for number in range(classes)]
    plots.confusion_matrix(
        random.integers(0, 9, (classes, classes)) * 1.0, labels, tmp_path / "c.png"
    )
    with Image.open(tmp_path / "c.png") as picture:
        assert min(picture.size) > classes * plots.PER_CELL * plots.DPI


def test_hostile_labels_and_absent_classes_are_drawn(tmp_path):
    plots.confusion_matrix(np.zeros((6, 6)), HOSTILE, tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as picture:
        picture.verify()
    assert [path.name for path in tmp_path.iterdir()] == ["c.png"]


def test_learning_curves_of_a_diverged_training(tmp_path):
    row = {"loss": 1.0, "accuracy": 0.5, "val_loss": float("nan"), "val_accuracy": 0.1}
    plots.learning_curves([row, row], 0, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        picture.verify()


def test_boxes_of_nobody_are_an_empty_picture(tmp_path):
    for figures in ({}, {"cnn": [], "majority (baseline)": []}):
        plots.subject_boxes(figures, [], "accuracy", tmp_path / "boxes.png")
        with Image.open(tmp_path / "boxes.png") as picture:
            picture.verify()


def test_boxes_carry_the_whole_name(tmp_path):
    for name in ("nearest_neighbour (baseline)", "nearest_neighbour (base line)"):
        plots.subject_boxes({name: [0.5, 0.7]}, ["S1", "S2"], "accuracy", tmp_path / f"{name}.png")
    one, other = (path.read_bytes() for path in tmp_path.iterdir())
    assert one != other


def test_contact_sheet_tells_frames_of_a_long_id_apart(tmp_path):
    picture = tmp_path / "frame.jpg"
    Image.new("RGB", (8, 8)).save(picture)
    for number in (123456, 123457):
        name = f"P07R20240315C2 frame {number}"
        draw_contact_sheet([Mistake(str(picture), name, "A", "B", 0.9)], tmp_path / f"{number}.png")
    one, other = (path.read_bytes() for path in tmp_path.glob("*.png"))
    assert one != other
