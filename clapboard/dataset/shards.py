"""Shards: one uncompressed WebDataset tar per recording, made to travel and to be read in place.

A sample is ``{key}.jpg`` with ``{key}.json``: label, frame number and all else that is known of the
frame. Names come from ids and frame numbers, labels are data inside, so that no label can name a
file. The same pictures and labels give the same bytes, whatever other recordings hold: how classes
are numbered, and which are left out, is a matter of the dataset. The manifest beside a shard says
at which byte each picture is; it is written last: a shard without it does not exist for the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tqdm import tqdm

from clapboard import artifacts
from clapboard.arrow import column, texts
from clapboard.dataset.classes import CLASS_COLUMNS, class_rows, find_classes, labels_of
from clapboard.dataset.leakage import find_divided
from clapboard.dataset.listing import listing
from clapboard.dataset.rows import EMPTY, SCHEMA, SPLITS, find_rows, lost
from clapboard.dataset.tree import take_down
from clapboard.problems import InputError, refuse

NOT_IN_JSON = ("path", "digest", "class_index")
MODE = 0o644

BLOCKS_BESIDE = 3.5
"""Of a tar beside each picture: two headers, a description, half a block that fills the last up."""


def number_classes(
    recordings: Sequence[Mapping[str, str]],
    labels_files: Mapping[str, str],
    unseen: str,
    labels: str | os.PathLike[str],
) -> None:
    """Write ``labels.csv`` without a look at any picture; folders of before are taken down.

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
    take_down(Path(labels).parent)
    artifacts.write_csv(labels, CLASS_COLUMNS, class_rows(classes))


def pack_shard(
    recording: Mapping[str, str],
    labels_file: str,
    manifests: Sequence[str],
    shard: str | os.PathLike[str],
    manifest: str | os.PathLike[str],
) -> None:
    """Pack the labelled pictures of one recording.

    Args:
        recording: ``id, subject, session, camera, split``.
        labels_file: ``labels/{id}.parquet``.
        manifests: ``resized/{id}/{chapter}/manifest.parquet`` of all chapters, in order.
        shard: written: the tar.
        manifest: written last: one row per picture with the columns of ``Data/manifest.parquet``
            but ``class_index``, and ``key``, ``offset`` and ``bytes``; the metadata have size and
            digest of the shard, and ``damages``: ``chapter``, ``file`` and ``spoilt`` of every
            chapter that has lost frames to damage.

    Raises:
        InputError: a labelled frame is not in the store, or not what its manifest says.
    """
    names = labels_of(labels_file)
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
                offsets.append(tar.add(f"{key}.jpg", data))
                tar.add(f"{key}.json", _described(row))
                sizes.append(len(data))
                keys.append(key)
            tables.append(table)
        tar.close()
    whole = pa.concat_tables(tables).drop_columns(["class_index"])
    whole = whole.append_column("key", texts(keys))
    whole = whole.append_column("offset", column(np.array(offsets, np.int64)))
    whole = whole.append_column("bytes", column(np.array(sizes, np.int64)))
    facts = {
        "shard": Path(shard).name,
        "bytes": tar.bytes,
        "digest": tar.digest.hexdigest(),
        "damages": list(_damages(manifests)),
    }
    artifacts.write_parquet(manifest, whole.combine_chunks(), facts)


def _damages(manifests: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What damage has cost, by chapter, since the manifests of chapters stay where they are."""
    for manifest in manifests:
        _, facts = artifacts.read_parquet(manifest, [])
        if facts.get("spoilt"):
            yield {name: facts[name] for name in ("chapter", "file", "spoilt")}


def packed_bytes(pictures: int, size: int) -> int:
    """About how many bytes a shard of some pictures has, which have `size` bytes together."""
    return size + round(pictures * BLOCKS_BESIDE * tarfile.BLOCKSIZE)


def list_dataset(
    recordings: Sequence[Mapping[str, str]],
    shards: Mapping[str, str],
    classes: str | os.PathLike[str],
    manifest: str | os.PathLike[str],
) -> None:
    """Write ``Data/manifest.parquet`` from the manifests of the shards, as `write_dataset` does.

    Pictures of a label that is no class, since Training does not have it, are left out.

    Args:
        recordings: ``id`` and ``split`` of each, in order.
        shards: ``shards/{id}.parquet`` by recording id.
        classes: ``Data/labels.csv``.
        manifest: the file to write.

    Raises:
        InputError: a picture is in two splits.
    """
    names = texts([row["label"] for row in artifacts.read_csv(classes)])
    packed = [name for name in SCHEMA.names if name != "class_index"]
    with listing(manifest) as whole:
        for recording in recordings:
            if recording["split"] in SPLITS:
                table, _ = artifacts.read_parquet(shards[recording["id"]], packed)
                part = _numbered(table, names)
                whole.add(recording["id"], recording["split"], [part])
        refuse(whole.problems())


def _numbered(table: pa.Table, names: pa.Array) -> pa.Table:
    """The pictures of a shard that have one of the classes `names`, as rows of `SCHEMA`."""
    codes = pc.index_in(table["label"], names)
    table = table.append_column("class_index", codes).filter(codes.is_valid())
    return table.select(SCHEMA.names).cast(SCHEMA)


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
