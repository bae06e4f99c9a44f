"""What is written of a recognised recording follows from answers and what the model was taught."""

import numpy as np
import pyarrow as pa
import pytest
from test_index import make_index

from clapboard import artifacts
from clapboard.arrow import lists
from clapboard.learning.durations import COLUMNS
from clapboard.learning.timeline import write_timeline
from clapboard.settings.config import load

LABELS = ("A", "B")
FRAMES = 200
SHOWN = {"S1": [("A", 50), ("B", 50)], "S2": [("A", 900)], "S3": [("B", 900)]}
"""Who shows what, frames of a label after those of another."""


def write_set(folder, splits):
    """The labelled frames of the subjects in splits."""
    rows = []
    for subject, split in splits.items():
        labels = [label for label, count in SHOWN[subject] for _ in range(count)]
        rows += [
            {
                "path": "",
                "split": split,
                "label": label,
                "recording": f"{subject}C1",
                "subject": subject,
                "session": "",
                "camera": "C1",
                "frame": number + 1,
                "seconds": number / 30,
            }
            for number, label in enumerate(labels)
        ]
    artifacts.write_parquet(folder / "manifest.parquet", pa.Table.from_pylist(rows))
    classes = [(number, label, label) for number, label in enumerate(LABELS)]
    artifacts.write_csv(folder / "labels.csv", ["index", "label", "folder"], classes)
    lengths = [("", label, 1, 30) for label in LABELS]
    artifacts.write_csv(folder / "procedures.csv", COLUMNS, lengths)


def write_answers(folder, *shares, classes=LABELS):
    """The same answer for every frame of a recording, the shares of the classes."""
    make_index([1001 * number for number in range(FRAMES)]).write(folder / "index.parquet")
    table = pa.table(
        {
            "recording": ["S1C1"] * FRAMES,
            "frame": np.arange(1, FRAMES + 1),
            "seconds": np.arange(FRAMES) * 1001 / 30000,
            "predicted": ["A"] * FRAMES,
            "probabilities": lists(np.tile(shares, (FRAMES, 1)).astype(np.float32)),
        }
    )
    artifacts.write_parquet(folder / "answers.parquet", table, {"classes": classes})


def timeline_of(folder, taught, **more):
    """The predictions that are written, and the rows of the review list."""
    config = load({})
    write_timeline(
        *(folder / f"{name}.parquet" for name in ("answers", "index", "manifest")),
        folder / "labels.csv",
        folder / "procedures.csv",
        config.section("prediction"),
        {"class_weights": "balanced", "teach_validation": False, "lend": False} | taught,
        config.section("annotations"),
        *(folder / name for name in ("out.parquet", "timeline.csv", "s.srt", "review.csv")),
        sync=config.section("sync"),
        **more,
    )
    predicted = artifacts.read_parquet(folder / "out.parquet")[0]["predicted"].to_pylist()
    return predicted, artifacts.read_csv(folder / "review.csv")


TRAINING = {"S1": "Training", "S2": "Training"}
VALIDATED = TRAINING | {"S3": "Validation"}


@pytest.mark.parametrize(
    ("splits", "class_weights", "teach", "lend", "found"),
    [
        (TRAINING, "balanced", False, False, "A"),
        (TRAINING, "none", False, False, "B"),
        # S2 was lent, so that half of what was taught is B.
        (TRAINING, "none", False, True, "A"),
        (VALIDATED, "none", False, True, "B"),
        (VALIDATED, "none", True, False, "A"),
    ],
)
def test_answers_are_read_by_the_shares_that_were_taught(
    tmp_path, splits, class_weights, teach, lend, found
):
    """A tenth for B is little, or twice as much as one of twenty frames of Training suggests."""
    write_set(tmp_path, splits)
    write_answers(tmp_path, 0.9, 0.1)
    taught = {"class_weights": class_weights, "teach_validation": teach, "lend": lend}
    predicted, _ = timeline_of(tmp_path, taught)
    assert predicted == [found] * FRAMES


@pytest.mark.parametrize(("ignored", "doubt"), [("N", "1.0000"), ("", "0.6309")])
def test_doubt_is_highest_where_all_that_a_model_may_say_is_as_probable(tmp_path, ignored, doubt):
    """log 2 / log 3 where N could have been said and was not."""
    write_set(tmp_path, TRAINING)
    write_answers(tmp_path, 0.5, 0.5, 0, classes=(*LABELS, "N"))
    _, review = timeline_of(tmp_path, {}, ignored=ignored)
    assert [row["doubt"] for row in review] == [doubt]
