"""Which results travel, and the manifest in the bucket that lists them.

``manifest.parquet`` has size, digest, entity tag and time stamp of every artifact. A row whose
object is not exactly the one that it names is not believed. It also holds what Snakemake knows of
them, so that they are never there without it: who took them up then would take a result for right
after its settings have changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa

from clapboard import artifacts
from clapboard.provenance import Records
from clapboard.s3.bucket import Bucket
from clapboard.s3.location import Location
from clapboard.s3.receipt import Receipt, read_receipt, replace_receipt

STAYS = ("resized", "frames", "framedata", "video", "sources", "Data", "s3")
"""Folders of results that do not travel: pictures, and copies of the raw material."""

TRAVELS = ("Data/labels.csv", "Data/manifest.parquet", "report.html")
"""Beside all that is in other folders; the last is where Snakemake's report belongs."""
STATES = ("training", "fine-tuning")
"""Folders of trainings that go on: files that belong together, see `clapboard.cloud.unfinished`."""

DIRECTORY_STAMP = ".snakemake_timestamp"
"""In a folder that is one result, which Snakemake takes for made when it is there."""

PROVENANCE = "provenance"
"""Name of the row whose `records` are Snakemake's, as JSON; it is of no object."""


@dataclass(frozen=True)
class Artifact:
    """A row of the manifest.

    Attributes:
        path: below the results folder.
        bytes: its size.
        digest: of its content.
        etag: entity tag of the object.
        mtime_ns: when it was made.
    """

    path: str
    bytes: int
    digest: str
    etag: str
    mtime_ns: int


def travels(name: str) -> bool:
    """Whether a file of this name below the results folder is brought to the bucket and back."""
    path = PurePosixPath(name)
    if path.is_absolute() or not path.parts or {"..", "."} & set(path.parts) or "\\" in name:
        return False
    hidden = any(part.startswith(".") and part != DIRECTORY_STAMP for part in path.parts)
    if hidden or any(map(is_state, path.parents)) or not name.isprintable():
        return False
    return name in TRAVELS or (len(path.parts) > 1 and path.parts[0] not in STAYS)


def is_state(folder: PurePosixPath) -> bool:
    """Whether a folder, from that of the results, is of a training that goes on.

    Models and people may be called `training`, too.
    """
    match folder.parts:
        case ("models", _, state) | ("models", _, "without", _, state):
            return state in STATES
    return False


def is_shard(name: str) -> bool:
    """Whether a name is of a shard, which comes down only when it is read."""
    return name.startswith("shards/") and name.endswith(".tar")


def walk(top: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """As `os.walk`, also through links to folders, but not to one around them, without end.

    Somebody may have put a folder of results on another disk.
    """
    for folder, folders, files in os.walk(top, followlinks=True):
        folders[:] = [name for name in folders if not _leads_back(Path(folder, name).absolute())]
        yield folder, folders, files


def _leads_back(path: Path) -> bool:
    return path.is_symlink() and path.resolve() in map(Path.resolve, path.parents)


def local_artifacts(results: Path) -> dict[str, os.stat_result]:
    """Every artifact that is here, by its name, the small ones first."""
    found = {}
    for folder, folders, files in walk(results):
        place = Path(folder).relative_to(results)
        if folder == str(results):
            folders[:] = [name for name in folders if name not in STAYS or name == "Data"]
        elif place == Path("Data"):
            folders.clear()
        for file in files:
            name = (place / file).as_posix()
            path = Path(folder, file)
            if travels(name) and path.is_file() and not path.is_symlink():
                with suppress(FileNotFoundError):
                    found[name] = path.stat()
    return dict(sorted(found.items(), key=lambda item: (item[1].st_size, item[0])))


class Manifest(NamedTuple):
    """What is at a location.

    Attributes:
        rows: of artifacts that are whole, by name.
        records: Snakemake's, by output.
        etag: entity tag of the manifest; empty when there is none.
        tags: entity tag of every object, by name.
    """

    rows: dict[str, Artifact]
    records: dict[str, dict[str, Any]]
    etag: str
    tags: dict[str, str]


def read_manifest(bucket: Bucket, location: Location) -> Manifest:
    """What is whole at a location, and Snakemake's records of it; nothing without the records."""
    receipt = read_receipt(bucket, location)
    there = {location.name(one.key): one for one in bucket.objects(location.prefix)}
    tags = {name: one.etag for name, one in there.items()}
    rows, lost = dict[str, Artifact](), list[str]()
    records = dict[str, dict[str, Any]]()
    if receipt is None or "records" not in receipt.table.column_names:
        return Manifest(rows, records, receipt.etag if receipt else "", tags)
    for row in receipt.table.to_pylist():
        if row["path"] == PROVENANCE:
            records = json.loads(row["records"])
            continue
        one = Artifact(row["path"], row["bytes"], row["source_etag"], row["etag"], row["mtime_ns"])
        found = there.get(one.path)
        whole = found is not None and (found.bytes, found.etag) == (one.bytes, one.etag)
        if not whole:
            lost.append(one.path)
        elif travels(one.path):
            rows[one.path] = one
    return Manifest(without_halves(rows, lost), records, receipt.etag, tags)


def without_halves(rows: Mapping[str, Artifact], lost: Collection[str]) -> dict[str, Artifact]:
    """Rows without those of a folder that is one result, if any of its files is lost.

    Args:
        rows: of what the bucket has, by name.
        lost: names of what it has not, or not as it should be.
    """
    places = {parent for name in lost for parent in PurePosixPath(name).parents}
    known = {*rows, *lost}
    halves = {place for place in places if f"{place}/{DIRECTORY_STAMP}" in known}
    return {
        name: row
        for name, row in rows.items()
        if not (halves and halves & {*PurePosixPath(name).parents})
    }


def outlived(older: Mapping[str, int], newer: Mapping[str, int]) -> set[str]:
    """What only the older side has of a folder that is one result and was made anew on the other.

    Args:
        older: time stamps by name.
        newer: of the other side.
    """
    anew = {
        PurePosixPath(name).parent
        for name, moment in newer.items()
        if PurePosixPath(name).name == DIRECTORY_STAMP and older.get(name, moment) < moment
    }
    return {name for name in older.keys() - newer.keys() if anew & {*PurePosixPath(name).parents}}


def write_manifest(
    bucket: Bucket,
    target: Location,
    rows: Mapping[str, Artifact],
    records: Records,
    etag: str,
) -> str:
    """Write the manifest, which holds the records, too; its entity tag.

    Args:
        bucket: of the location.
        target: where the artifacts are.
        rows: of artifacts, by name.
        records: Snakemake's, by output.
        etag: of the manifest that it takes the place of; empty when there is none.

    Raises:
        ReplacedError: somebody has written another since, and this one was not.
        InputError: the request failed for good.
    """
    text = json.dumps(records, sort_keys=True)
    described = Artifact(PROVENANCE, len(text), artifacts.digest(text.encode()), "", 0)
    whole = [*rows.values(), described]
    table = pa.table(
        {
            "path": [one.path for one in whole],
            "bytes": pa.array([one.bytes for one in whole], pa.int64()),
            "source_etag": [one.digest for one in whole],
            "etag": [one.etag for one in whole],
            "mtime_ns": pa.array([one.mtime_ns for one in whole], pa.int64()),
            "records": pa.array([None] * len(rows) + [text], pa.large_string()),
        }
    )
    return replace_receipt(bucket, target, Receipt.of(table, {}), etag)
