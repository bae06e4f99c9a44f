import csv
import errno
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clapboard import artifacts
from clapboard.dataset import linking
from clapboard.dataset.tree import write_dataset
from clapboard.learning.manifest import read_classes, read_examples
from clapboard.problems import InputError


class Results:
    """A results folder with labels and a frame store of made-up pictures."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "Data"
        self.recordings: dict[str, dict[str, str]] = {}
        self.labels: dict[str, str] = {}
        self.manifests: dict[str, list[str]] = {}

    def add(self, subject, split, spans, camera="C1", chapters=1, salt=None):
        """A recording whose frames 1, 2, ... have the labels of `spans` [(label, count)]."""
        name = subject + camera
        self.recordings[name] = {
            "id": name,
            "subject": subject,
            "session": "",
            "camera": camera,
            "split": split,
        }
        count = sum(number for _, number in spans)
        manifests = []
        for chapter, frames in enumerate(np.array_split(np.arange(1, count + 1), chapters), 1):
            folder = self.root / "resized" / name / f"{chapter:02d}"
            folder.mkdir(parents=True, exist_ok=True)
            rows = []
            for frame in frames.tolist():
                file = f"{name}{frame:06d}.jpg"
                content = f"{salt or name} {frame}".encode()
                artifacts.write_bytes(folder / file, content)
                rows.append((frame, frame / 25, file, len(content), artifacts.digest(content)))
            columns = zip(*rows, strict=True) if rows else [[]] * 5
            table = pa.table(list(columns), names=["frame", "seconds", "file", "bytes", "digest"])
            artifacts.write_parquet(folder / "manifest.parquet", table)
            manifests.append(str(folder / "manifest.parquet"))
        self.manifests[name] = manifests
        self.relabel(name, spans)
        return name

    def relabel(self, name, spans, selected=None):
        labels = [label for label, number in spans for _ in range(number)]
        frames = np.array([at for at, label in enumerate(labels, 1) if label], np.int64)
        table = pa.table(
            {
                "frame": frames,
                "chapter": np.ones(len(frames), np.int16),
                "label": pa.array([label for label in labels if label], pa.string()),
                "row": np.full(len(frames), 2, np.int32),
                "selected": np.isin(frames, frames if selected is None else selected),
            }
        )
        self.labels[name] = str(self.root / "labels" / f"{name}.parquet")
        artifacts.write_parquet(self.labels[name], table)

    def write(self, unseen="refuse"):
        write_dataset(
            list(self.recordings.values()), self.labels, self.manifests, unseen, self.data
        )

    def tree(self):
        """{split/folder: sorted file names} of the class folders."""
        return {
            f"{folder.parent.name}/{folder.name}": sorted(path.name for path in folder.iterdir())
            for folder in sorted(self.data.glob("*/*"))
        }

    def manifest(self):
        return pq.read_table(self.data / "manifest.parquet").to_pylist()


@pytest.fixture
def results(tmp_path):
    made = Results(tmp_path)
    made.add("S1", "Training", [("CUFF", 3), ("", 2), ("CPR (BREATH)", 4)], chapters=3)
    made.add("S2", "Validation", [("CUFF", 2)])
    made.add("S3", "Test", [("CPR (BREATH)", 2), ("CUFF", 1)])
    return made


def test_tree_manifest_and_classes_agree(results):
    results.write()
    assert results.tree() == {
        "Training/CPR (BREATH)": [f"S1C1{frame:06d}.jpg" for frame in (6, 7, 8, 9)],
        "Training/CUFF": [f"S1C1{frame:06d}.jpg" for frame in (1, 2, 3)],
        "Validation/CPR (BREATH)": [],
        "Validation/CUFF": ["S2C1000001.jpg", "S2C1000002.jpg"],
        "Test/CPR (BREATH)": ["S3C1000001.jpg", "S3C1000002.jpg"],
        "Test/CUFF": ["S3C1000003.jpg"],
    }
    with (results.data / "labels.csv").open() as file:
        assert list(csv.reader(file)) == [
            ["index", "label", "folder"],
            ["0", "CPR (BREATH)", "CPR (BREATH)"],
            ["1", "CUFF", "CUFF"],
        ]
    rows = results.manifest()
    assert len(rows) == 12
    for row in rows:
        path = results.data / row["path"]
        assert path.parent.parts[-2:] == (row["split"], row["label"])
        assert artifacts.digest_file(path) == row["digest"]
        assert row["class_index"] == ["CPR (BREATH)", "CUFF"].index(row["label"])
        assert path.name == f"{row['recording']}{row['frame']:06d}.jpg"
        assert row["seconds"] == row["frame"] / 25
        assert (row["subject"], row["camera"], row["session"]) == (row["recording"][:2], "C1", "")


def test_frames_are_links_into_the_store(results):
    results.write()
    for row in results.manifest():
        assert (results.data / row["path"]).stat().st_nlink == 2


def test_relabelling_moves_only_what_changed(results):
    results.write()
    kept = (results.data / "Training/CUFF/S1C1000001.jpg").stat().st_ctime_ns
    results.relabel("S1C1", [("CUFF", 2), ("SPLINT", 1), ("CPR (BREATH)", 6)])
    results.write()
    tree = results.tree()
    assert tree["Training/CUFF"] == ["S1C1000001.jpg", "S1C1000002.jpg"]
    assert tree["Training/SPLINT"] == ["S1C1000003.jpg"]
    assert len(tree["Training/CPR (BREATH)"]) == 6
    assert tree["Test/SPLINT"] == []
    assert (results.data / "Training/CUFF/S1C1000001.jpg").stat().st_ctime_ns == kept


def test_nothing_stale_stays_behind(results):
    results.write()
    del results.recordings["S2C1"]
    results.recordings["S3C1"]["split"] = "Validation"
    results.relabel("S1C1", [("CPR (BREATH)", 9)])
    results.relabel("S3C1", [("CPR (BREATH)", 3)], selected=[1, 2])
    (results.data / "Training/CUFF" / f"{artifacts.TEMPORARY_PREFIX}x.jpg").touch()
    results.write()
    tree = results.tree()
    assert {folder: len(files) for folder, files in tree.items()} == {
        "Training/CPR (BREATH)": 9,
        "Validation/CPR (BREATH)": 2,
        "Test/CPR (BREATH)": 0,
    }


def test_a_frame_extracted_anew_replaces_the_old_link(results):
    results.write()
    results.add("S2", "Validation", [("CUFF", 2)], salt="new pixels")
    results.write()
    assert (results.data / "Validation/CUFF/S2C1000001.jpg").read_text() == "new pixels 1"


def test_files_of_others_are_reported_and_left_alone(results, capfd):
    results.write()
    foreign = [
        results.data / "Training/CUFF/IMG_000123.jpg",
        results.data / "Training/CUFF/notes.txt",
        results.data / "Training/OLD/S1C1.jpg",
    ]
    for path in foreign:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    results.relabel("S1C1", [("CPR (BREATH)", 9)])
    results.relabel("S2C1", [("CPR (BREATH)", 2)])
    results.relabel("S3C1", [("CPR (BREATH)", 2)])
    results.write()
    left = {path for path in results.data.glob("*/*/*") if "CPR" not in path.parent.name}
    assert left == set(foreign)
    told = capfd.readouterr().err
    assert all(str(path) in told for path in foreign)


def test_a_wanted_name_that_leads_elsewhere_is_replaced(results, tmp_path):
    outside = tmp_path / "precious"
    outside.write_text("mine")
    results.write()
    link = results.data / "Test/CUFF/S3C1000003.jpg"
    link.unlink()
    link.symlink_to(outside)
    results.write()
    assert not link.is_symlink()
    assert link.read_text() == "S3C1 3"
    assert outside.read_text() == "mine"


def test_a_folder_of_a_split_that_is_a_symbolic_link_is_refused(results, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    results.data.mkdir(parents=True)
    (results.data / "Training").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="symbolic link"):
        results.write()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_class_folder_that_is_a_symbolic_link_is_refused(results, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (results.data / "Training").mkdir(parents=True)
    (results.data / "Training/CUFF").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="symbolic link"):
        results.write()
    assert not list((tmp_path / "elsewhere").iterdir())


def test_copies_where_links_are_refused(results, monkeypatch, capfd):
    def refuse(*args, **kwargs):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    results.write()
    assert "12 copied" in capfd.readouterr().err
    first = results.tree()
    assert sum(map(len, first.values())) == 12
    for row in results.manifest():
        assert (results.data / row["path"]).stat().st_nlink == 1
        assert artifacts.digest_file(results.data / row["path"]) == row["digest"]
    kept = (results.data / "Test/CUFF/S3C1000003.jpg").stat().st_ino
    results.add("S2", "Validation", [("CUFF", 2)], salt="new")
    results.write()
    assert (results.data / "Validation/CUFF/S2C1000001.jpg").read_text() == "new 1"
    assert (results.data / "Test/CUFF/S3C1000003.jpg").stat().st_ino == kept


def test_other_refusals_are_not_taken_for_missing_links(results, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="No space left"):
        results.write()
    assert not (results.data / "manifest.parquet").exists()


def test_hostile_labels_stay_inside(results):
    hostile = ["../../X", "/ETC/PASSWD", "A\x00B", "-RF", "A" * 300, "..", "C:\\X", "LINE\nBREAK"]
    results.relabel("S1C1", [(label, 1) for label in hostile] + [("CUFF", 1)])
    results.add("S1", "Training", [("CUFF", 1), ("CPR (BREATH)", 1)], camera="C2")
    results.write()
    assert len(list(results.data.glob("Training/*"))) == len(hostile) + 2
    rows = results.manifest()
    assert {row["label"] for row in rows} >= set(hostile)
    for row in rows:
        assert artifacts.digest_file(results.data / row["path"]) == row["digest"]


def test_a_label_that_looks_like_a_formula_runs_nowhere_and_comes_back(results):
    labels = ["-CPR", "=1+1", "CUFF"]
    for name in results.recordings:
        results.relabel(name, [(label, 1) for label in labels[: 2 if name == "S2C1" else 3]])
    results.write()
    with (results.data / "labels.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "-"))]
    assert read_classes(results.data / "labels.csv") == tuple(labels)
    examples = read_examples(
        results.data / "manifest.parquet", results.data / "labels.csv", results.data, "Training"
    )
    assert examples["label"].tolist() == labels


def test_a_label_unseen_in_training_is_refused_or_dropped(results, capfd):
    results.relabel("S3C1", [("RARE", 2), ("CUFF", 1)])
    with pytest.raises(InputError, match=r"S3C1 has.*'RARE'"):
        results.write()
    results.write(unseen="drop")
    assert {row["label"] for row in results.manifest()} == {"CUFF", "CPR (BREATH)"}
    assert "RARE" in capfd.readouterr().err


def test_nothing_to_train_with(results):
    results.recordings["S1C1"]["split"] = "Test"
    with pytest.raises(InputError, match="Training"):
        results.write()


def test_recordings_to_predict_are_not_in_the_set(results):
    results.recordings["S3C1"]["split"] = "Predict"
    results.write()
    assert {row["recording"] for row in results.manifest()} == {"S1C1", "S2C1"}


def test_a_subject_in_two_splits_is_refused(results):
    results.add("S1", "Test", [("CUFF", 1)], camera="C2")
    with pytest.raises(InputError, match=r"subject is in Training and Test.*'S1'"):
        results.write()


def test_identical_pictures_in_two_splits_are_refused(results):
    results.add("S4", "Training", [("CUFF", 9)])
    results.add("S5", "Test", [("CUFF", 9)], salt="S4C1")
    with pytest.raises(InputError, match=r"9 pictures of S4C1 \(Training\) are also in S5C1"):
        results.write()
    assert not (results.data / "manifest.parquet").exists()


def test_identical_pictures_in_one_split_are_not_leakage(results):
    results.add("S4", "Training", [("CUFF", 9)], salt="same")
    results.add("S5", "Training", [("CUFF", 9)], salt="same")
    results.write()
    assert len(results.manifest()) == 30


@pytest.mark.parametrize("damage", ["file", "row"])
def test_a_frame_that_is_not_in_the_store_is_an_error(results, damage):
    if damage == "file":
        (results.root / "resized/S2C1/01/S2C1000002.jpg").unlink()
    else:
        results.relabel("S2C1", [("CUFF", 3)])
    with pytest.raises(InputError, match=r"clapboard verify"):
        results.write()
    assert not (results.data / "manifest.parquet").exists()


def test_a_run_that_dies_leaves_no_manifest_and_the_next_one_repairs(results, monkeypatch):
    results.write()
    results.relabel("S1C1", [("CUFF", 9)])
    results.relabel("S3C1", [("CUFF", 3)])
    calls = []

    def dying(*args, **kwargs):
        calls.append(args)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return link(*args, **kwargs)

    link = os.link
    monkeypatch.setattr(os, "link", dying)
    with pytest.raises(KeyboardInterrupt):
        results.write()
    assert not (results.data / "manifest.parquet").exists()
    monkeypatch.undo()
    results.write()
    assert {folder: len(files) for folder, files in results.tree().items()} == {
        "Training/CUFF": 9,
        "Validation/CUFF": 2,
        "Test/CUFF": 3,
    }


def test_two_frames_of_one_name_are_refused(results):
    for camera in ("C2", "C21"):
        results.add("S1", "Training", [("CUFF", 1)], camera=camera)
    folder = results.root / "resized/S1C2/01"
    store, labels = (
        pq.read_table(path) for path in (folder / "manifest.parquet", results.labels["S1C2"])
    )
    (folder / "S1C2000001.jpg").rename(folder / "S1C21000001.jpg")
    store = store.set_column(0, "frame", [[1_000_001]])
    store = store.set_column(2, "file", [["S1C21000001.jpg"]])
    artifacts.write_parquet(folder / "manifest.parquet", store)
    labels = labels.set_column(0, "frame", [[1_000_001]])
    artifacts.write_parquet(results.labels["S1C2"], labels)
    with pytest.raises(InputError, match=r"S1C2 and S1C21 .*'S1C21000001.jpg'.*C02"):
        results.write()
    assert not (results.data / "manifest.parquet").exists()


def test_names_of_frames():
    assert linking.is_frame_of("S1C2000001.jpg", {"S1C2"})
    assert linking.is_frame_of("S1C21000001.jpg", {"S1C2"})
    assert not linking.is_frame_of("S1C200001.jpg", {"S1C2"})
    assert not linking.is_frame_of("S1C2000001.png", {"S1C2"})
    assert not linking.is_frame_of("S9C2000001.jpg", {"S1C2"})
