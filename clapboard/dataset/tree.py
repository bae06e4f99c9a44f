"""The labelled set: `Data/{split}/{class}/` for loaders and people, one manifest for programs."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from clapboard import artifacts
from clapboard.annotations.labels import folder_name
from clapboard.arrow import column, numbers, texts
from clapboard.dataset import linking
from clapboard.dataset.classes import CLASS_COLUMNS, class_rows, find_classes
from clapboard.dataset.leakage import DigestBook, find_divided
from clapboard.pictures.frame_names import find_clashes
from clapboard.problems import InputError, Problem, refuse

SPLITS = ("Training", "Validation", "Test")
LEDGER = ".recordings.json"
"""Whose frames may stand in the tree, also after a recording has left the table."""

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("split", pa.string()),
        ("label", pa.string()),
        ("class_index", pa.int32()),
        ("recording", pa.string()),
        ("subject", pa.string()),
        ("session", pa.string()),
        ("camera", pa.string()),
        ("frame", pa.int64()),
        ("seconds", pa.float64()),
        ("digest", pa.string()),
    ]
)


@dataclass(frozen=True)
class _Chapter:
    """What one folder of the frame store gives to the dataset.

    Attributes:
        split: the split of its recording.
        folder: the folder.
        files: names in it.
        inodes: inode of each file, uint64.
        codes: class index of each file, int32.
    """

    split: str
    folder: Path
    files: pa.Array
    inodes: NDArray[np.uint64]
    codes: NDArray[np.int32]

    def of_class(self, code: int) -> linking.Stock:
        """The files of one class."""
        mask = self.codes == code
        names = self.files.filter(column(mask)).to_pylist()
        return linking.Stock(self.folder, names, self.inodes[mask])


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
    manifest = root / "manifest.parquet"
    manifest.unlink(missing_ok=True)

    chapters, book = list[_Chapter](), DigestBook()
    taken = defaultdict[str, list[NDArray[np.int64]]](list)
    with artifacts.replacing(manifest) as temporary:
        with pq.ParquetWriter(temporary, SCHEMA, compression="zstd") as writer:
            for recording in tqdm(members, desc="manifest", unit="recording"):
                name = recording["id"]
                rows = _rows(recording, labels_files[name], manifests[name], classes)
                for chapter, table in rows:
                    writer.write_table(table)
                    chapters.append(chapter)
                    frames, digests = numbers(table["frame"]), table["digest"].to_pylist()
                    book.add(name, chapter.split, frames, digests)
                    taken[name].append(frames)
        frames_of = {name: np.concatenate(parts) for name, parts in taken.items()}
        refuse([*book.find_shared(), *find_clashes(frames_of)])
        _link(root, classes, chapters, [recording["id"] for recording in members])
        artifacts.write_csv(root / "labels.csv", CLASS_COLUMNS, class_rows(classes))


def _rows(
    recording: Mapping[str, str], labels_file: str, manifests: Sequence[str], classes: Sequence[str]
) -> Iterator[tuple[_Chapter, pa.Table]]:
    """Each chapter of a recording with its rows for the manifest (`SCHEMA`).

    Raises:
        InputError: a selected frame is not in the store.
    """
    names, slash = texts(classes), texts(["/"])[0]
    folders = texts([f"{recording['split']}/{folder_name(label)}" for label in classes])
    labels, _ = artifacts.read_parquet(labels_file, ["frame", "label", "selected"])
    labels = labels.filter(pc.and_(labels["selected"], pc.is_in(labels["label"], names)))
    wanted = numbers(labels["frame"])
    code_of = numbers(pc.index_in(labels["label"], names))
    found = 0
    for manifest in manifests:
        store, _ = artifacts.read_parquet(manifest, ["frame", "seconds", "file", "digest"])
        store = store.filter(column(np.isin(numbers(store["frame"]), wanted)))
        files = store["file"].combine_chunks()
        codes = code_of[np.searchsorted(wanted, numbers(store["frame"]))]
        found += len(codes)
        columns = {
            **{name: store[name] for name in ("frame", "seconds", "digest")},
            **{
                name: texts([recording[name]] * len(codes))
                for name in ("split", "subject", "session", "camera")
            },
            "recording": texts([recording["id"]] * len(codes)),
            "class_index": column(codes),
            "label": names.take(column(codes)),
            "path": pc.binary_join_element_wise(folders.take(column(codes)), files, slash),
        }
        inodes = _inodes(manifest, files.to_pylist())
        folder = Path(manifest).parent.resolve()
        chapter = _Chapter(recording["split"], folder, files, inodes, codes)
        yield chapter, pa.table({name: columns[name] for name in SCHEMA.names}, schema=SCHEMA)
    if found != len(wanted):
        missing = f"{len(wanted) - found} of {len(wanted)} selected frames"
        raise InputError([_lost(f"{missing} of {recording['id']} are in no manifest", labels_file)])


def _inodes(manifest: str, files: Sequence[str]) -> NDArray[np.uint64]:
    """Inode of each of a chapter's files, from one listing of its folder.

    Raises:
        InputError: a file is not there.
    """
    listing = linking.list_inodes(Path(manifest).parent)
    missing = [name for name in files if name not in listing]
    if missing:
        message = (
            f"{len(missing)} files that the manifest names are gone, the first is {missing[0]}"
        )
        raise InputError([_lost(message, manifest)])
    return np.fromiter(map(listing.__getitem__, files), dtype=np.uint64, count=len(files))


def _lost(message: str, file: str) -> Problem:
    """The problem of a store that is not what its manifest says."""
    remedy = "Run `clapboard verify`; it names what has to be made again."
    return Problem("frame-not-in-store", message, remedy, file=file)


def _link(
    root: Path, classes: Sequence[str], chapters: Sequence[_Chapter], recordings: Sequence[str]
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
        (root / split).mkdir(exist_ok=True)
        for folder in sorted((root / split).iterdir()):
            if folder.is_dir() and folder not in wanted:
                linking.clear(folder, owners, done)
    for folder, (split, code) in tqdm(wanted.items(), desc="links", unit="folder"):
        stocks = [chapter.of_class(code) for chapter in chapters if chapter.split == split]
        linking.reconcile(folder, stocks, owners, done)
    if done.copied:
        os.sync()
    artifacts.write_json(ledger, sorted(owners if done.foreign else recordings))
    tqdm.write(f"{root}: {done}", file=sys.stderr)
    for name in done.foreign:
        tqdm.write(f"left alone, since it is none of ours: {name}", file=sys.stderr)
