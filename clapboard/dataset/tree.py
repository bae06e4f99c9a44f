"""The labelled set: `Data/{split}/{class}/` for loaders and people, one manifest for programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from clapboard import artifacts
from clapboard.annotations.labels import folder_name
from clapboard.dataset import linking
from clapboard.dataset.classes import CLASS_COLUMNS, class_rows, find_classes
from clapboard.dataset.leakage import find_divided
from clapboard.dataset.listing import listing
from clapboard.dataset.rows import SPLITS, Chapter, find_rows
from clapboard.problems import refuse

LEDGER = ".recordings.json"
"""Whose frames may stand in the tree, also after a recording has left the table."""


def write_dataset(
    recordings: Sequence[Mapping[str, str]],
    labels_files: Mapping[str, str],
    manifests: Mapping[str, Sequence[str]],
    unseen: str,
    folder: str | os.PathLike[str],
) -> None:
    """Bring the whole tree ``Data/`` in line with the labels and the frame store.

    Written in this order: links, ``labels.csv``, ``manifest.parquet``; so a tree with a manifest is
    complete. Files in class folders that Clapboard did not put there are left alone and listed.

    Args:
        recordings: ``id, subject, session, camera, split`` of each; those whose split is not one of
            `SPLITS` are left out.
        labels_files: ``labels/{id}.parquet`` by recording id.
        manifests: ``resized/{id}/{chapter}/manifest.parquet`` of all chapters by recording id.
        unseen: what becomes of a label that Training does not have: ``refuse`` or ``drop``.
        folder: the tree.

    Raises:
        InputError: a subject, recording or picture is in two splits; a label cannot be trained;
            there is nothing to train with; a labelled frame is not in the store.
    """
    root = Path(folder)
    members = [recording for recording in recordings if recording["split"] in SPLITS]
    refuse(find_divided(members))
    classes = find_classes(members, labels_files, unseen)
    chapters = list[Chapter]()
    with listing(root / "manifest.parquet") as manifest:
        for recording in tqdm(members, desc="manifest", unit="recording"):
            name = recording["id"]
            rows = list(find_rows(recording, labels_files[name], manifests[name], classes))
            manifest.add(name, recording["split"], [table for _, table in rows])
            chapters += [chapter for chapter, _ in rows]
        refuse(manifest.problems())
        _link(root, classes, chapters, [recording["id"] for recording in members])
        artifacts.write_csv(root / "labels.csv", CLASS_COLUMNS, class_rows(classes))


def _link(
    root: Path, classes: Sequence[str], chapters: Sequence[Chapter], recordings: Sequence[str]
) -> None:
    """Make the class folders of all splits hold the files of `chapters`, and say what was done."""
    ledger = root / LEDGER
    owners = {*recordings, *(artifacts.read_json(ledger) if ledger.exists() else [])}
    artifacts.write_json(ledger, sorted(owners))
    done = linking.Changes()
    wanted = {
        root / split / folder_name(label): (split, code)
        for split in SPLITS
        for code, label in enumerate(classes)
    }
    for split in SPLITS:
        linking.make_folder(root / split)
    _clear_others(root, wanted, owners, done)
    for folder, (split, code) in tqdm(wanted.items(), desc="links", unit="folder"):
        stocks = [chapter.of_class(code) for chapter in chapters if chapter.split == split]
        linking.reconcile(folder, stocks, owners, done)
    if done.copied:
        os.sync()
    artifacts.write_json(ledger, sorted(owners if done.foreign else recordings))
    _tell(root, done)


def take_down(folder: str | os.PathLike[str]) -> None:
    """Remove the links that `write_dataset` has made, where pictures are kept in another way now.

    They would stay with labels and splits that no manifest tells of any more. What Clapboard did
    not put there is left alone.

    Args:
        folder: the tree.
    """
    root, done = Path(folder), linking.Changes()
    ledger = root / LEDGER
    if not ledger.exists():
        return
    owners = set(artifacts.read_json(ledger))
    _clear_others(root, (), owners, done)
    if not done.foreign:
        ledger.unlink()
    _tell(root, done)


def _clear_others(
    root: Path, wanted: Container[Path], owners: Container[str], done: linking.Changes
) -> None:
    """Remove the frames of the `owners` from every class folder that is not `wanted`."""
    for split in SPLITS:
        place = root / split
        for folder in sorted(place.iterdir() if place.is_dir() else ()):
            if folder.is_dir() and folder not in wanted:
                linking.clear(folder, owners, done)


def _tell(root: Path, done: linking.Changes) -> None:
    """Say in the log of the job what was done, and what is not ours."""
    tqdm.write(f"{root}: {done}", file=sys.stderr)
    for name in done.foreign:
        tqdm.write(f"left alone, since it is none of ours: {name}", file=sys.stderr)
