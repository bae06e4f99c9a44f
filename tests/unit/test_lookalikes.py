"""Leakage by looks: footage encoded anew is found, other people in the same room are not."""

from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clapboard import artifacts
from clapboard.checks.inputs import read_report
from clapboard.dataset import likeness
from clapboard.dataset.lookalikes import write_leakage
from clapboard.problems import InputError
from clapboard.video.pixels import PixelSettings, encode_jpeg, resize

LIMIT = 3.5
WEIZMANN = Path(__file__).parents[3] / "shared" / "data" / "weizmann4"


def scene(person, moment, size=112):
    """A room with a person (a dark patch with an own shape) who moves."""
    y, x = np.mgrid[0:size, 0:size] / size
    room = 120 + 60 * np.sin(5 * x) + 40 * np.cos(3 * y)
    rng = np.random.default_rng(person)
    for _ in range(3):
        height, width, dark = rng.uniform(0.1, 0.3), rng.uniform(0.05, 0.15), rng.uniform(30, 90)
        left, top = (rng.uniform(0, 0.6) + 0.013 * moment) % 0.8, rng.uniform(0.1, 0.6)
        room[(x > left) & (x < left + width) & (y > top) & (y < top + height)] = dark
    return room


def jpeg(grey, quality=2):
    colour = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    frame = av.VideoFrame.from_ndarray(colour).reformat(format="yuvj444p")
    return encode_jpeg(frame, quality)


class Dataset:
    """A tree ``Data/`` with its manifest, from pictures given by recording."""

    def __init__(self, root):
        self.data, self.report = root / "Data", root / "check" / "leakage.csv"
        self.rows = []

    def add(self, recording, split, pictures):
        for frame, content in enumerate(pictures, 1):
            path = f"{split}/ACT/{recording}{frame:06d}.jpg"
            artifacts.write_bytes(self.data / path, content)
            self.rows.append(
                {
                    "path": path,
                    "split": split,
                    "subject": recording[:2],
                    "recording": recording,
                    "frame": frame,
                    "digest": artifacts.digest(content),
                }
            )

    def look(self, apart="split", limit=LIMIT):
        manifest = self.data / "manifest.parquet"
        artifacts.write_parquet(manifest, pa.Table.from_pylist(self.rows))
        write_leakage(manifest, apart, limit, self.report, threads=2)
        return read_report(self.report)


@pytest.fixture
def dataset(tmp_path):
    made = Dataset(tmp_path)
    made.add("S1C1", "Training", [jpeg(scene(1, moment)) for moment in range(20)])
    made.add("S2C1", "Validation", [jpeg(scene(2, moment)) for moment in range(20)])
    made.add("S3C1", "Test", [jpeg(scene(3, moment)) for moment in range(20)])
    return made


def test_people_in_one_room_are_not_lookalikes(dataset):
    assert dataset.look() == []
    assert dataset.look("subject") == []


@pytest.mark.parametrize(
    "again",
    [
        lambda grey: jpeg(grey, quality=9),
        lambda grey: jpeg(grey + 6),
        lambda grey: jpeg(grey + np.random.default_rng(0).normal(0, 4, grey.shape)),
        lambda grey: jpeg(grey.reshape(56, 2, 56, 2).mean(axis=(1, 3))),
    ],
    ids=["quality", "brighter", "noise", "half-size"],
)
def test_footage_that_was_changed_a_little_is_found(dataset, again):
    dataset.add("S4C1", "Test", [again(scene(1, moment)) for moment in range(5, 15)])
    with pytest.raises(InputError, match=r"10 of 10 pictures of S4C1 \(Test\).*of S1C1"):
        dataset.look()
    (problem,) = read_report(dataset.report)
    assert problem.check == "lookalikes"


def test_within_a_split_it_is_no_leakage_unless_subjects_are_kept_apart(dataset):
    dataset.add("S4C1", "Training", [jpeg(scene(1, moment), 9) for moment in range(10)])
    assert dataset.look() == []
    with pytest.raises(InputError, match="S4C1"):
        dataset.look("subject")


def test_one_picture_of_two_subjects_is_leakage_when_they_are_kept_apart(dataset):
    dataset.add("S4C1", "Training", [jpeg(scene(4, 0)), jpeg(scene(1, 7))])
    assert dataset.look(limit=0) == []
    with pytest.raises(InputError, match=r"1 pictures of S1C1 \(S1\) are also in S4C1 \(S4\)"):
        dataset.look("subject", limit=0)
    (problem,) = read_report(dataset.report)
    assert problem.check == "frame-in-two-subjects"
    assert "frame 8 as frame 2" in problem.message


def test_two_cameras_of_a_subject_may_show_the_same(dataset):
    dataset.add("S1C2", "Training", [jpeg(scene(1, 7))])
    assert dataset.look("subject") == []


def test_a_few_lookalikes_are_a_warning(dataset):
    pictures = [jpeg(scene(5, moment)) for moment in range(60)]
    pictures[7] = jpeg(scene(1, 3), 9)
    dataset.add("S4C1", "Test", pictures)
    (problem,) = dataset.look()
    assert problem.severity == "warning"
    assert "frame 8 as its frame 4" in problem.message


def test_flat_pictures_are_not_compared(dataset):
    for recording, split, grey in (("S4C1", "Training", 20), ("S5C1", "Test", 21)):
        dataset.add(recording, split, [jpeg(np.full((112, 112), grey))] * 5)
    assert dataset.look() == []


def test_known_pictures_are_not_read_again(dataset):
    dataset.look()
    for row in dataset.rows:
        (dataset.data / row["path"]).write_bytes(b"")
    dataset.add("S4C1", "Training", [jpeg(scene(9, moment)) for moment in range(5)])
    assert dataset.look() == []


def test_no_limit_looks_for_nothing(dataset):
    dataset.add("S4C1", "Test", [jpeg(scene(1, moment), 9) for moment in range(20)])
    assert dataset.look(limit=0) == []


GREY = arrays(np.float32, 784, elements=st.floats(0, 255, width=32))


@settings(max_examples=50, deadline=None)
@given(GREY, GREY)
def test_signatures_never_look_further_apart_than_pictures(one, other):
    one, other = one - one.mean(), other - other.mean()
    basis = likeness._basis()
    np.testing.assert_allclose(basis.T @ basis, np.eye(likeness.SIGNATURE), atol=1e-5)
    signatures = np.stack([one @ basis, other @ basis]).astype(np.float16)
    (found,) = likeness.nearest(signatures[:1], signatures[1:], likeness.distance(one, other))
    assert found.tolist() == [0]


def test_the_nearest_come_first_across_blocks(monkeypatch):
    monkeypatch.setattr(likeness, "BLOCK", 7)
    rng = np.random.default_rng(0)
    stock = rng.normal(0, 12, (100, likeness.SIGNATURE)).astype(np.float16)
    wanted = stock[[3, 50, 99]] + np.float16(0.5)
    found = likeness.nearest(wanted, stock, 5.0)
    assert [places[0] for places in found] == [3, 50, 99]
    assert all(len(places) == likeness.NEIGHBOURS for places in found)


@pytest.mark.skipif(not WEIZMANN.is_dir(), reason=f"no real videos in {WEIZMANN}")
def test_real_people_doing_the_same_are_not_lookalikes(tmp_path):
    dataset = Dataset(tmp_path)
    for file in sorted(WEIZMANN.rglob("*.avi")):
        with av.open(str(file)) as container:
            frames = list(container.decode(video=0))[::6]
        subject = f"S{file.stem.split('_')[0]}"
        for row in [encode_jpeg(resize(frame, PixelSettings(56))) for frame in frames]:
            number = len(dataset.rows)
            path = f"Training/ACT/{number}.jpg"
            artifacts.write_bytes(dataset.data / path, row)
            dataset.rows.append(
                {
                    "path": path,
                    "split": "Training",
                    "subject": subject,
                    "recording": subject,
                    "frame": number,
                    "digest": artifacts.digest(row),
                }
            )
    assert len({row["subject"] for row in dataset.rows}) == 9
    assert dataset.look("subject") == []
