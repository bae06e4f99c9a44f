"""Whether ``Data/`` holds the pictures of the store under the right labels, and nothing else."""

from __future__ import annotations

from collections.abc import Container, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clapboard.artifacts import read_csv, read_parquet
from clapboard.dataset.linking import is_frame_of, list_inodes
from clapboard.pictures.proof import MESSAGES, Finding, Proof, Record, look
from clapboard.sessions.recordings import SPLITS

STALE = "The store does not have the picture that the manifest names"
ELSEWHERE = "The file is not the picture of the store"
STRAY = "The file is in a class folder and not in the manifest"
FOREIGN = "The file was not put here by Clapboard; a loader of folders would train with it"


def linked_recordings(data: Path) -> tuple[list[str], list[Finding]]:
    """The recordings in the manifest of ``Data/`` and what is wrong with the manifest."""
    manifest = data / "manifest.parquet"
    if not data.is_dir():
        return [], []
    try:
        table = pq.read_table(manifest, columns=["recording"])
        return pc.unique(table["recording"]).to_pylist(), []
    except FileNotFoundError:
        message = "The tree has no manifest, so it is not believed"
        return [], [Finding("unfinished", message, data, (manifest,), severity="warning")]
    except (OSError, pa.ArrowException) as error:
        message = f"The manifest cannot be read: {error}"
        return [], [Finding("manifest-unreadable", message, manifest, (manifest,))]


def prove_links(
    data: Path, recording: str, proofs: Sequence[Proof], labels_file: Path, quick: bool
) -> list[Finding]:
    """What is wrong with the links of one recording.

    Args:
        data: the tree.
        recording: id of the recording.
        proofs: its folders in the store of resized pictures.
        labels_file: its labels; when there is no such file, labels are not compared.
        quick: of copies and replaced files look at the size only.
    """
    manifest = data / "manifest.parquet"
    columns, only = ["path", "frame", "label", "digest"], [("recording", "=", recording)]
    rows = pq.read_table(manifest, columns=columns, filters=only)
    store = {
        name: (proof.folder / name, record)
        for proof in proofs
        for name, record in proof.records.items()
    }
    findings = []
    paths = zip(rows["path"].to_pylist(), rows["digest"].to_pylist(), strict=True)
    for path, digest in paths:
        picture, record = store.get(Path(path).name, (None, None))
        if picture is None or record is None or record.digest != digest:
            findings.append(Finding("link-stale", STALE, data / path, (manifest,)))
        elif not _same(data / path, picture):
            findings += _look_at_other(data / path, record, manifest, quick)
    if labels_file.exists():
        findings += _compare_labels(data, rows, labels_file)
    return findings


def prove_classes(data: Path, recordings: Container[str]) -> list[Finding]:
    """Whether class folders, ``labels.csv`` and the manifest name the same.

    Args:
        data: the tree.
        recordings: recordings whose frames belong here.
    """
    manifest, table = data / "manifest.parquet", data / "labels.csv"
    classes = read_classes(table)
    rows = pq.read_table(manifest, columns=["label", "class_index"])
    pairs = rows.group_by(["class_index", "label"]).aggregate([]).to_pylist()
    named = {(pair["class_index"], pair["label"]) for pair in pairs}
    if not named <= {(index, label) for index, label, _ in classes}:
        message = "The manifest has classes that this table numbers otherwise"
        return [Finding("classes-differ", message, table, (manifest,))]
    findings = []
    for split in SPLITS[:3]:
        for _, label, folder in classes:
            there = data / split / folder
            if not there.is_dir():
                message = "The class folder is gone"
                findings.append(Finding("folder-missing", message, there, (manifest,)))
                continue
            only = [("split", "=", split), ("label", "=", label)]
            paths = pq.read_table(manifest, columns=["path"], filters=only)["path"].to_pylist()
            extra = set(list_inodes(there)) - {Path(path).name for path in paths}
            findings += [_extra(there / name, recordings, manifest) for name in sorted(extra)]
    return findings


def read_classes(table: Path) -> list[tuple[int, str, str]]:
    """Index, label and folder of each class in ``labels.csv``; none when it cannot be read."""
    try:
        return [(int(row["index"]), row["label"], row["folder"]) for row in read_csv(table)]
    except (OSError, KeyError, ValueError):
        return []


def _same(path: Path, picture: Path) -> bool:
    """Whether two names are one file."""
    try:
        return path.samefile(picture)
    except FileNotFoundError:
        return False


def _look_at_other(path: Path, record: Record, manifest: Path, quick: bool) -> list[Finding]:
    """Findings about a file that is not a link into the store: a copy that is right is as good."""
    found = look(path, record, quick)
    if not found:
        return []
    if found == "picture-missing":
        return [Finding(found, MESSAGES[found], path, (manifest,))]
    return [Finding("link-elsewhere", ELSEWHERE, path, (manifest,), damaged=True)]


def _compare_labels(data: Path, rows: pa.Table, labels_file: Path) -> list[Finding]:
    """Whether the links of a recording are its selected frames, each with its label."""
    labels, _ = read_parquet(labels_file, ["frame", "label", "selected"])
    labels = labels.filter(labels["selected"])
    classes = {label for _, label, _ in read_classes(data / "labels.csv")}
    pairs = zip(labels["frame"].to_pylist(), labels["label"].to_pylist(), strict=True)
    wanted = {(frame, label) for frame, label in pairs if label in classes}
    linked = set(zip(rows["frame"].to_pylist(), rows["label"].to_pylist(), strict=True))
    wrong = sorted({frame for frame, _ in wanted ^ linked})
    if not wrong:
        return []
    message = f"{len(wrong)} frames have not the label of {labels_file}, the first is {wrong[0]}"
    manifest = data / "manifest.parquet"
    return [Finding("label-differs", message, manifest, (manifest,))]


def _extra(path: Path, recordings: Container[str], manifest: Path) -> Finding:
    """The finding of a file that is in a class folder and not in the manifest."""
    if is_frame_of(path.name, recordings):
        return Finding("stray", STRAY, path, (manifest,))
    return Finding("foreign", FOREIGN, path, (), severity="warning")
