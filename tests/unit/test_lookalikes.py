"""Leakage by looks: footage encoded anew is found, other people in the same room are not."""

from pathlib import Path

import av
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clapboard import artifacts, fingerprint
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

    def look(self, apart="split", limit=LIMIT, allowed=0):
        manifest = self.data / "manifest.parquet"
        artifacts.write_parquet(manifest, pa.Table.from_pylist(self.rows))
        write_leakage(manifest, apart, limit, allowed, self.report, threads=2)
        return read_report(self.report)

    def found(self, *arguments, **named):
        """How many pictures of each recording are refused."""
        with pytest.raises(InputError):
            self.look(*arguments, **named)
        problems = [one for one in read_report(self.report) if one.severity == "error"]
        assert {one.check for one in problems} == {"lookalikes"}
        return {one.value: int(one.message.split()[0]) for one in problems}


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
    assert dataset.found() == {"S4C1": 10, "S1C1": 10}


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


@pytest.fixture
def one_alike(dataset):
    """One picture in 600 looks like one of another split, where a sample would not see it."""
    pictures = [jpeg(scene(5 + moment // 20, moment % 20)) for moment in range(600)]
    pictures[7] = jpeg(scene(1, 3), 9)
    dataset.add("S4C1", "Test", pictures)
    return dataset


def test_one_lookalike_ends_the_run_and_names_both_pictures(one_alike):
    with pytest.raises(InputError) as raised:
        one_alike.look()
    words = str(raised.value)
    assert "1 of 600 pictures of S4C1 (Test) look the same as pictures of S1C1 (Training)" in words
    here, there = "Data/Test/ACT/S4C1000008.jpg", "Data/Training/ACT/S1C1000004.jpg"
    assert f"frame 8 ({one_alike.data.parent / here}) as frame 4 of S1C1" in words
    assert f"({one_alike.data.parent / there})" in words
    assert "evaluation: {lookalikes_allowed: 1}" in words


def test_consent_makes_it_a_warning_in_the_log_and_the_report(one_alike, capsys):
    problems = one_alike.look(allowed=1)
    assert {one.value: one.severity for one in problems} == {"S4C1": "warning", "S1C1": "warning"}
    assert all("{lookalikes_allowed: 1}` consents to it" in one.remedy for one in problems)
    assert "1 of 600 pictures of S4C1" in capsys.readouterr().out


def test_pictures_copied_from_many_recordings_are_counted_together(tmp_path):
    dataset = Dataset(tmp_path)
    for person in range(1, 8):
        pictures = [jpeg(scene(person, moment)) for moment in range(20)]
        dataset.add(f"S{person}C1", "Training", pictures)
    copied = [scene(person, moment) for person in range(1, 8) for moment in (4, 12)]
    dataset.add("S9C1", "Test", [jpeg(grey, 9) for grey in copied])
    assert dataset.found() == {"S9C1": 14} | {f"S{person}C1": 2 for person in range(1, 8)}
    assert dataset.found(allowed=13) == {"S9C1": 14}
    assert {one.severity for one in dataset.look(allowed=14)} == {"warning"}


def test_a_picture_counts_once_however_many_look_like_it(dataset):
    dataset.add("S4C1", "Training", [jpeg(scene(8, 0), quality) for quality in range(2, 12)])
    dataset.add("S5C1", "Validation", [jpeg(scene(8, 0), quality) for quality in range(12, 16)])
    dataset.add("S6C1", "Test", [jpeg(scene(8, 0), 17)])
    assert dataset.found() == {"S4C1": 10, "S5C1": 4, "S6C1": 1}


def test_nothing_is_missed_in_a_still_scene(dataset, monkeypatch):
    """Candidates that look the same only at the low frequencies do not push out the true one."""
    monkeypatch.setattr("clapboard.dataset.lookalikes.KEPT", 5)
    signs = np.random.default_rng(0).choice([-5.0, 5.0], (41, 14, 14))
    fine = [np.kron(sign, np.kron([[1, -1], [-1, 1]], np.ones((4, 4)))) for sign in signs]
    still = [scene(1, 0) + texture for texture in fine]
    slope = np.linspace(-4, 4, 112)
    dataset.add("S4C1", "Training", [jpeg(grey) for grey in still[:40]])
    dataset.add("S5C1", "Test", [jpeg(still[40]), jpeg(still[17] + slope)])
    assert dataset.found() == {"S4C1": 1, "S5C1": 1}


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


def test_what_other_code_has_found_of_pictures_is_found_anew(dataset, monkeypatch):
    assert dataset.look() == []
    for row in dataset.rows:
        (dataset.data / row["path"]).write_bytes(b"")
    monkeypatch.setattr(fingerprint, "code", lambda script: "other")
    with pytest.raises(ValueError):
        dataset.look()


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
    assert answers(signatures, [0], [1], likeness.distances(one, other[None])[0]) == {(0, 1)}


def answers(signatures, wanted, stock, reach):
    """The pairs of `likeness.candidates` when nothing is settled, each given once."""
    rows = np.array(wanted), np.array(stock)
    settled = np.zeros(len(signatures), bool)
    given = likeness.candidates(signatures, *rows, reach, settled)
    pairs = [(row, other) for row, others in given for other in others.tolist()]
    assert len(set(pairs)) == len(pairs)
    return set(pairs)


def test_all_near_signatures_are_candidates_across_blocks(monkeypatch):
    monkeypatch.setattr(likeness, "WANTED", 5)
    monkeypatch.setattr(likeness, "STOCK", 7)
    monkeypatch.setattr(likeness, "PORTION", 15)
    rng = np.random.default_rng(0)
    signatures = rng.normal(0, 12, (150, likeness.SIGNATURE)).astype(np.float16)
    exact = signatures.astype(np.float64)
    far = np.linalg.norm(exact[:, None] - exact[None], axis=2)
    reach = 2.0
    near = {
        (one, other)
        for one in range(100, 150)
        for other in range(100)
        if far[one, other] <= reach * likeness.SIDE + likeness.ROUNDING
    }
    assert 0 < len(near) < 5000
    assert answers(signatures, range(100, 150), range(100), reach) == near


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
