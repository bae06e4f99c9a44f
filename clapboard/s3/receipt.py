"""The receipt of an operation: an object written last, with every object, count and digest.

A prefix without a receipt is not finished; whoever changes a prefix removes its receipt first, and
leaves a note of what is there and what is going to be replaced. By it the next run knows what a
stopped one has made, also where entity tags are no digests (KMS): it is what has changed since.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clapboard.artifacts import METADATA_KEY
from clapboard.problems import InputError, Problem
from clapboard.s3.bucket import Bucket
from clapboard.s3.location import Location
from clapboard.s3.plan import Plan

NAME = "manifest.parquet"
RECEIPT_COLUMNS = ("path", "bytes", "source_etag", "etag")
BEGUN = "unfinished.parquet"
BEGUN_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("path", "source_etag", "etag", "replaced")]
)


@dataclass(frozen=True)
class Receipt:
    """What a finished operation left behind.

    Attributes:
        table: one row per object: ``path`` (below the location), ``bytes``, ``etag``,
            ``source_etag``, and what else the operation knows.
        facts: counts, digest and settings.
        etag: entity tag of the object that it was read from; empty when it was not.
    """

    table: pa.Table
    facts: Mapping[str, Any]
    etag: str = ""

    @classmethod
    def of(cls, table: pa.Table, settings: Mapping[str, Any]) -> Receipt:
        """A receipt for a table, with its counts and digest."""
        table = table.sort_by("path")
        state = hashlib.blake2b(digest_size=16)
        for path, etag in zip(table["path"].to_pylist(), table["etag"].to_pylist(), strict=True):
            state.update(f"{path}\0{etag}\n".encode())
        facts = {
            "objects": table.num_rows,
            "bytes": sum(table["bytes"].to_pylist()),
            "digest": state.hexdigest(),
            "settings": dict(settings),
        }
        return cls(table, facts)

    def pairs(self) -> dict[str, tuple[str, str]]:
        """Path -> entity tags of the source and of the object made from it."""
        columns = (self.table[name].to_pylist() for name in ("path", "source_etag", "etag"))
        return {path: (source, etag) for path, source, etag in zip(*columns, strict=True)}


def read_receipt(bucket: Bucket, location: Location) -> Receipt | None:
    """The receipt of a location; None when there is none.

    Raises:
        InputError: it is cut, or not ours.
    """
    found = _read_table(bucket, location, NAME, RECEIPT_COLUMNS)
    if found is None:
        return None
    table, etag = found
    try:
        facts = json.loads((table.schema.metadata or {})[METADATA_KEY])
    except (KeyError, ValueError) as error:
        raise InputError([_unreadable(location, NAME, "it has no counts")]) from error
    return Receipt(table, facts, etag)


def _read_table(
    bucket: Bucket, location: Location, name: str, columns: Collection[str]
) -> tuple[pa.Table, str] | None:
    """A table of ours in a bucket and the object's entity tag; None when there is none.

    Raises:
        InputError: it cannot be read, or lacks a column.
    """
    found = bucket.read_version(location.key(name))
    if found is None:
        return None
    data, etag = found
    try:
        table = pq.read_table(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError([_unreadable(location, name, reason)]) from error
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        reason = f"it has no {', '.join(missing)}"
        raise InputError([_unreadable(location, name, reason)])
    return table, etag


def _unreadable(location: Location, name: str, reason: str) -> Problem:
    message = f"this is cut, or was not written by Clapboard ({reason})"
    remedy = "Delete it, or move it away if it is somebody else's: it is written anew."
    return Problem("unreadable-receipt", message, remedy, f"{location.url}{name}")


def write_receipt(bucket: Bucket, location: Location, receipt: Receipt) -> None:
    """Write the receipt of a finished operation."""
    bucket.write(location.key(NAME), _content(receipt))


def replace_receipt(bucket: Bucket, location: Location, receipt: Receipt, etag: str) -> str:
    """Write a receipt in place of the one that was read; the entity tag of the new one.

    Args:
        bucket: of the location.
        location: that it is of.
        receipt: to be written.
        etag: of the receipt that was read; empty when there was none.

    Raises:
        ReplacedError: somebody has written one since, and this one was not.
        InputError: the request failed for good.
    """
    return bucket.replace(location.key(NAME), _content(receipt), etag)


def _content(receipt: Receipt) -> bytes:
    """The object that holds a receipt."""
    described = receipt.table.replace_schema_metadata(
        {METADATA_KEY: json.dumps(receipt.facts).encode()}
    )
    buffer = io.BytesIO()
    pq.write_table(described, buffer, compression="zstd")
    return buffer.getvalue()


def settle(
    bucket: Bucket, location: Location, table: pa.Table, settings: Mapping[str, Any]
) -> Receipt:
    """Compare what is there with what was made, in a new listing, and write the receipt.

    Args:
        bucket: of the location.
        location: where the objects were made.
        table: ``path``, ``source_etag`` and what else the operation knows of each object; its
            ``bytes``, if it has them, are the sizes that the objects must have.
        settings: what decided the content of the objects.

    Raises:
        InputError: an object is missing or of another size.
    """
    there = {location.name(found.key): found for found in bucket.objects(location.prefix)}
    paths = table["path"].to_pylist()
    sizes = table["bytes"].to_pylist() if "bytes" in table.column_names else [None] * len(paths)
    found = [there.get(path) for path in paths]
    for path, size, one in zip(paths, sizes, found, strict=True):
        if one is None or (size is not None and one.bytes != size):
            message = f"{path} is not what was put there"
            remedy = "Something else writes below this prefix; stop it and run again."
            raise InputError([Problem("s3-changed", message, remedy, location.url)])
    made = [one for one in found if one is not None]
    columns = {name: table[name] for name in table.column_names if name != "bytes"}
    columns["bytes"] = pa.array([one.bytes for one in made], pa.int64())
    columns["etag"] = pa.array([one.etag for one in made], pa.string())
    receipt = Receipt.of(pa.table(columns), settings)
    write_receipt(bucket, location, receipt)
    bucket.delete([location.key(BEGUN)])
    return receipt


class Made:
    """What earlier runs have made below a location, finished or not.

    Args:
        bucket: of the location.
        location: where the objects are.

    Raises:
        InputError: what they left cannot be read.
    """

    def __init__(self, bucket: Bucket, location: Location) -> None:
        receipt = read_receipt(bucket, location)
        self._pairs = receipt.pairs() if receipt else {}
        self._begun = dict[str, tuple[str, str, str]]()
        begun = _read_table(bucket, location, BEGUN, BEGUN_SCHEMA.names)
        if begun is not None:
            self._begun = {
                row["path"]: (row["source_etag"], row["etag"], row["replaced"])
                for row in begun[0].to_pylist()
            }

    def is_of(self, path: str, source_etag: str, etag: str) -> bool:
        """Whether the object with this entity tag was made from the source with that one."""
        if self._pairs.get(path) == (source_etag, etag):
            return True
        source, kept, replaced = self._begun.get(path, ("", "", ""))
        # What was going to be made has been made when another object is there than before.
        return source == source_etag and (etag == kept if kept else etag != replaced)


def unfinished(bucket: Bucket, location: Location) -> list[Problem]:
    """What is wrong with taking objects of ours that a stopped run has not finished making."""
    if not any(bucket.objects(location.key(BEGUN))):
        return []
    message = "an upload to this place was stopped half-way, or goes on"
    remedy = (
        "Let it end, or repeat it where the frames are from (sync_frames). If all frames are there "
        "and as they should be, delete this object."
    )
    return [Problem("unfinished-upload", message, remedy, f"{location.url}{BEGUN}")]


def begin(bucket: Bucket, location: Location, plan: Plan, source_etags: Mapping[str, str]) -> None:
    """Note what a plan is going to make and what it keeps, then remove the receipt.

    Args:
        bucket: of the location.
        location: that is about to change.
        plan: of the change.
        source_etags: of every object that shall be there, by its path below the location.
    """
    replaced = {location.name(one.target): one.replaced for one in plan.todo}
    paths = sorted(source_etags)
    columns = {
        "path": paths,
        "source_etag": [source_etags[path] for path in paths],
        "etag": [plan.in_place.get(path, "") for path in paths],
        "replaced": [replaced.get(path, "") for path in paths],
    }
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns, schema=BEGUN_SCHEMA), buffer, compression="zstd")
    bucket.write(location.key(BEGUN), buffer.getvalue())
    bucket.delete([location.key(NAME)])
