"""Which results travel."""

import pytest

from clapboard.s3.inventory import travels


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
    ],
)
def test_states_and_pictures_stay_whatever_models_and_people_are_called(name, goes):
    assert travels(name) == goes
