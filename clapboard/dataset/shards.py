"""Shards: one uncompressed WebDataset tar per recording, made to travel and to be read in place.

A sample is ``{key}.jpg`` with ``{key}.cls`` (class index) and ``{key}.json`` (all else that is
known of the frame). Names come from ids and frame numbers, labels are data inside, so that no label
can name a file. The same pictures and labels give the same bytes. The manifest beside a shard says
at which byte each picture is; it is written last: a shard without it does not exist for the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from tqdm import tqdm

from clapboard import artifacts
from clapboard.arrow import column, texts
from clapboard.dataset.classes import CLASS_COLUMNS, class_rows, find_classes
from clapboard.dataset.leakage import find_divided
from clapboard.dataset.listing import listing
from clapboard.dataset.rows import EMPTY, SCHEMA, SPLITS, find_rows, lost
from clapboard.problems import InputError, refuse

NOT_IN_JSON = ("path", "digest")
MODE = 0o644


def number_classes(
    recordings: Sequence[Mapping[str, str]],
    labels_files: Mapping[str, str],
    unseen: str,
    labels: str | os.PathLike[str],
) -> None:
    """Write ``labels.csv`` without a look at any picture.

    Args:
        recordings: ``id, subject, split`` of each; those of other splits are left out.
        labels_files: ``labels/{id}.parquet`` by recording id.
        unseen: what becomes of a label that Training does not have: ``refuse`` or ``drop``.
        labels: the file to write.

    Raises:
        InputError: a subject is in two splits, a label cannot be trained, or there is none.
    """
    members = [recording for recording in recordings if recording["split"] in SPLITS]
    refuse(find_divided(members))
    classes = find_classes(members, labels_files, unseen)
    artifacts.write_csv(labels, CLASS_COLUMNS, class_rows(classes))


def pack_shard(
    recording: Mapping[str, str],
    labels_file: str,
    manifests: Sequence[str],
    classes: str | os.PathLike[str],
    shard: str | os.PathLike[str],
    manifest: str | os.PathLike[str],
) -> None:
    """Pack the labelled pictures of one recording.

    Args:
        recording: ``id, subject, session, camera, split``.
        labels_file: ``labels/{id}.parquet``.
        manifests: ``resized/{id}/{chapter}/manifest.parquet`` of all chapters, in order.
        classes: ``Data/labels.csv``.
        shard: written: the tar.
        manifest: written last: one row per picture with the columns of ``Data/manifest.parquet``,
            ``key``, ``offset`` and ``bytes``; the metadata have size and digest of the shard.

    Raises:
        InputError: a labelled frame is not in the store, or not what its manifest says.
    """
    names = [row["label"] for row in artifacts.read_csv(classes)]
    tables, offsets, sizes, keys = [EMPTY], list[int](), list[int](), list[str]()
    with artifacts.replacing(shard) as temporary, temporary.open("wb") as file:
        tar = _Tar(file)
        for chapter, table in find_rows(recording, labels_file, manifests, names):
            rows = zip(chapter.files.to_pylist(), table.to_pylist(), strict=True)
            for name, row in tqdm(rows, total=len(table), desc="pack", unit="frame"):
                data = (chapter.folder / name).read_bytes()
                if artifacts.digest(data) != row["digest"]:
                    raise InputError([lost(f"{name} is not what its manifest says", labels_file)])
                key = name.removesuffix(".jpg").replace(".", "_")  # a key ends at the first dot
                tar.add(f"{key}.cls", str(row["class_index"]).encode())
                offsets.append(tar.add(f"{key}.jpg", data))
                tar.add(f"{key}.json", _described(row))
                sizes.append(len(data))
                keys.append(key)
            tables.append(table)
        tar.close()
    whole = pa.concat_tables(tables)
    whole = whole.append_column("key", texts(keys))
    whole = whole.append_column("offset", column(np.array(offsets, np.int64)))
    whole = whole.append_column("bytes", column(np.array(sizes, np.int64)))
    facts = {"shard": Path(shard).name, "bytes": tar.bytes, "digest": tar.digest.hexdigest()}
    artifacts.write_parquet(manifest, whole.combine_chunks(), facts)


def list_dataset(
    recordings: Sequence[Mapping[str, str]],
    shards: Mapping[str, str],
    manifest: str | os.PathLike[str],
) -> None:
    """Write ``Data/manifest.parquet`` from the manifests of the shards, as `write_dataset` does.

    Args:
        recordings: ``id`` and ``split`` of each, in order.
        shards: ``shards/{id}.parquet`` by recording id.
        manifest: the file to write.

    Raises:
        InputError: a picture is in two splits.
    """
    with listing(manifest) as whole:
        for recording in recordings:
            if recording["split"] in SPLITS:
                table, _ = artifacts.read_parquet(shards[recording["id"]], SCHEMA.names)
                part = table.replace_schema_metadata(None)
                whole.add(recording["id"], recording["split"], [part])
        refuse(whole.problems())


def _described(row: Mapping[str, Any]) -> bytes:
    """What is known of a frame, as ASCII JSON: nothing in it can end the text or name a file."""
    kept = {name: value for name, value in row.items() if name not in NOT_IN_JSON}
    return json.dumps(kept, sort_keys=True).encode("ascii")


class _Tar:
    """A tar as it is written, always the same for the same members.

    Attributes:
        bytes: written so far.
        digest: of them.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.bytes = 0
        self.digest = hashlib.blake2b(digest_size=16)
        self._file = file

    def add(self, name: str, data: bytes) -> int:
        """Write a member; the offset of its content."""
        info = tarfile.TarInfo(name)  # no time, no owner
        info.size, info.mode = len(data), MODE
        self._write(info.tobuf(tarfile.GNU_FORMAT))
        offset = self.bytes
        self._write(data + bytes(-len(data) % tarfile.BLOCKSIZE))
        return offset

    def close(self) -> None:
        """Write the end of the archive."""
        end = self.bytes + 2 * tarfile.BLOCKSIZE
        self._write(bytes(2 * tarfile.BLOCKSIZE + -end % tarfile.RECORDSIZE))

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self.digest.update(data)
        self.bytes += len(data)
