"""Labelled copies of frames that are in a bucket already: ``Data/{split}/{label}/`` beside them.

The copying is done by the server; no frame passes through this machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import obstore
import pyarrow as pa
import pyarrow.compute as pc

from clapboard import artifacts
from clapboard.annotations.labels import folder_name
from clapboard.dataset.classes import CLASS_COLUMNS, class_rows, find_classes
from clapboard.dataset.tree import SPLITS
from clapboard.pictures.frame_names import file_name, find_clashes, frame_number
from clapboard.problems import Problem, refuse
from clapboard.s3 import concurrency
from clapboard.s3.bucket import Bucket, Object
from clapboard.s3.failures import explained
from clapboard.s3.location import Location, in_other_bucket
from clapboard.s3.plan import Plan, Transfer
from clapboard.s3.receipt import Made, Receipt, begin, settle, unfinished
from clapboard.sessions.suffixes import is_jpeg
from clapboard.spreadsheet import csv_text
from clapboard.video.index import RecordingIndex

CLASSES = "labels.csv"
NAMED = 3
"""How many of many missing frames a message names."""


@dataclass(frozen=True)
class Labelled:
    """What the labelled set in the bucket shall be.

    Attributes:
        frames: where the frames are, one folder per recording.
        data: where the labelled copies go.
        classes: labels in the order of their class index.
        table: one row per copy: ``path`` (below `data`), ``split``, ``label``, ``class_index``,
            ``recording``, ``frame``, ``source`` (key), ``source_etag``, ``bytes``.
        listings: LIST requests that it took to find the sources.
    """

    frames: Location
    data: Location
    classes: Sequence[str]
    table: pa.Table
    listings: int


def find_labelled(
    bucket: Bucket,
    frames: Location,
    data: Location,
    recordings: Sequence[Mapping[str, str]],
    labels_files: Mapping[str, str],
    indexes: Mapping[str, str],
    unseen: str,
) -> Labelled:
    """Find the frame behind every selected label.

    Args:
        bucket: that holds both locations.
        frames: ``{frames}/{recording}/...{number}.jpg``; the name ends in the frame number.
        data: of the copies, in the same bucket.
        recordings: ``id`` and ``split`` of each; those in none of the three splits are left out.
        labels_files: ``labels/{id}.parquet`` by recording id.
        indexes: ``index/{id}.parquet`` by recording id.
        unseen: what becomes of a label that Training does not have: ``refuse`` or ``drop``.

    Raises:
        InputError: a labelled frame is not in the bucket, the locations are in two buckets, a label
            cannot be trained.
    """
    before = bucket.listings
    refuse(in_other_bucket(frames, data, "s3.data") or unfinished(bucket, frames))
    members = [recording for recording in recordings if recording["split"] in SPLITS]
    classes = find_classes(members, labels_files, unseen)
    problems, tables = list[Problem](), list[pa.Table]()
    for recording in members:
        folder = frames.folder(recording["id"])
        there = list(bucket.objects(folder.prefix))
        index = RecordingIndex.read(indexes[recording["id"]])
        table, missing = _rows(recording, labels_files[recording["id"]], index, there, classes)
        tables.append(table)
        if missing:
            problems.append(_missing(missing, folder))
    frames_of = {
        recording["id"]: table["frame"].to_numpy()
        for recording, table in zip(members, tables, strict=True)
    }
    refuse([*problems, *find_clashes(frames_of)])
    listings = bucket.listings - before
    return Labelled(frames, data, classes, pa.concat_tables(tables), listings)


def plan_labels(bucket: Bucket, labelled: Labelled, remove_stale: bool) -> Plan:
    """What has to be copied, and what does not belong there any more.

    A copy is right when it has its source's size and entity tag, or when an earlier run has made it
    of a source with this tag (a copy under another KMS key has a tag of its own).
    """
    before = bucket.listings
    made = Made(bucket, labelled.data)
    there = {labelled.data.name(found.key): found for found in bucket.objects(labelled.data.prefix)}
    todo, in_place = list[Transfer](), dict[str, str]()
    for path, source, etag, size in _columns(labelled, "path", "source", "source_etag", "bytes"):
        copy = there.get(path)
        if copy and copy.bytes == size and (copy.etag == etag or made.is_of(path, etag, copy.etag)):
            in_place[path] = copy.etag
        else:
            replaced = copy.etag if copy else ""
            todo.append(Transfer(source, labelled.data.key(path), size, etag, replaced))
    wanted = set(labelled.table["path"].to_pylist())
    stale = [labelled.data.key(path) for path in there if path not in wanted and is_copy(path)]
    return Plan(
        action="copy",
        source=labelled.frames.url,
        target=labelled.data.url,
        todo=tuple(todo),
        kept=len(wanted) - len(todo),
        listings=labelled.listings + bucket.listings - before,
        stale=tuple(sorted(stale)),
        remove_stale=remove_stale,
        in_place=in_place,
    )


def label(bucket: Bucket, labelled: Labelled, plan: Plan) -> Receipt:
    """Carry out a plan; check the result against a new listing and write the receipt last.

    Raises:
        InputError: a request failed for good, or the listing does not show what was copied.
    """

    async def copy(transfer: Transfer) -> None:
        await obstore.copy_async(bucket.store, transfer.source, transfer.target)

    if plan.todo or plan.removed:
        source_etags = dict(_columns(labelled, "path", "source_etag"))
        begin(bucket, labelled.data, plan, source_etags)
    with explained(bucket.name):
        concurrency.run(plan.todo, copy, bucket.settings["connections"], "copying")
    bucket.delete(plan.removed)
    bucket.write(
        labelled.data.key(CLASSES), csv_text(CLASS_COLUMNS, class_rows(labelled.classes)).encode()
    )
    return settle(bucket, labelled.data, labelled.table, {})


def is_copy(path: str) -> bool:
    """Whether a name below the data location is where labelled copies are put."""
    parts = path.split("/")
    return len(parts) == 3 and parts[0] in SPLITS and parts[2].lower().endswith(".jpg")


def _rows(
    recording: Mapping[str, str],
    labels_file: str,
    index: RecordingIndex,
    there: Sequence[Object],
    classes: Sequence[str],
) -> tuple[pa.Table, list[int]]:
    """The copies of one recording's frames, and the numbers of labelled frames that are missing."""
    labels, _ = artifacts.read_parquet(labels_file, ["frame", "label", "selected"])
    names = pa.array(classes, pa.string())
    labels = labels.filter(pc.and_(labels["selected"], pc.is_in(labels["label"], names)))
    objects = _by_number(there, recording["id"])
    frames = labels["frame"].to_numpy()
    numbers = index.source_pts[frames - 1] if index.chapters[0].kind == "images" else frames
    found = np.array([int(number) in objects for number in numbers], bool)
    chosen = [objects[int(number)] for number in numbers[found]]
    labels = labels.filter(pa.array(found))
    folders = [folder_name(name) for name in labels["label"].to_pylist()]
    split, name = recording["split"], recording["id"]
    paths = [
        f"{split}/{folder}/{file_name(name, frame)}"
        for folder, frame in zip(folders, labels["frame"].to_pylist(), strict=True)
    ]
    columns = {
        "path": pa.array(paths, pa.string()),
        "split": pa.repeat(split, len(paths)),
        "label": labels["label"].combine_chunks(),
        "class_index": pc.index_in(labels["label"], names).combine_chunks(),
        "recording": pa.repeat(name, len(paths)),
        "frame": labels["frame"].combine_chunks(),
        "source": pa.array([one.key for one in chosen], pa.string()),
        "source_etag": pa.array([one.etag for one in chosen], pa.string()),
        "bytes": pa.array([one.bytes for one in chosen], pa.int64()),
    }
    return pa.table(columns), frames[~found].tolist()


def _by_number(there: Sequence[Object], recording: str) -> dict[int, Object]:
    """The pictures of a recording's listing by the frame number in their name."""
    objects, problems = dict[int, Object](), list[Problem]()
    for one in there:
        number = frame_number(PurePosixPath(one.key).stem, recording) if is_jpeg(one.key) else None
        if number is None:
            continue
        other = objects.setdefault(number, one)
        if other is not one:
            message = f"{other.key} and {one.key} have the same frame number"
            remedy = "Keep one of them, or one recording to a folder."
            problems.append(Problem("picture-number-twice", message, remedy, value=str(number)))
    refuse(problems)
    return objects


def _missing(frames: Sequence[int], folder: Location) -> Problem:
    named = ", ".join(map(str, frames[:NAMED])) + (", ..." if len(frames) > NAMED else "")
    message = f"{len(frames)} labelled frames are not there: {named}"
    remedy = "Upload them (sync_frames), or correct the sheet."
    return Problem("missing-frames", message, remedy, file=folder.url)


def _columns(labelled: Labelled, *names: str) -> Iterator[tuple[Any, ...]]:
    return zip(*(labelled.table[name].to_pylist() for name in names), strict=True)
