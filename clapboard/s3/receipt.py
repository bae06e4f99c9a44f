"""The receipt of an operation: an object written last, with every object, count and digest.

A prefix without a receipt is not finished; whoever changes a prefix removes its receipt first.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clapboard.artifacts import METADATA_KEY
from clapboard.s3.bucket import Bucket
from clapboard.s3.location import Location

NAME = "manifest.parquet"


@dataclass(frozen=True)
class Receipt:
    """What a finished operation left behind.

    Attributes:
        table: one row per object: ``path`` (below the location), ``bytes``, ``etag``,
            ``source_etag``, and what else the operation knows.
        facts: counts, digest and settings.
    """

    table: pa.Table
    facts: Mapping[str, Any]

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
    """The receipt of a location; None when there is none."""
    data = bucket.read(location.key(NAME))
    if data is None:
        return None
    table = pq.read_table(pa.BufferReader(data))
    return Receipt(table, json.loads((table.schema.metadata or {}).get(METADATA_KEY, b"{}")))


def write_receipt(bucket: Bucket, location: Location, receipt: Receipt) -> None:
    """Write the receipt of a finished operation."""
    described = receipt.table.replace_schema_metadata(
        {METADATA_KEY: json.dumps(receipt.facts).encode()}
    )
    buffer = io.BytesIO()
    pq.write_table(described, buffer, compression="zstd")
    bucket.write(location.key(NAME), buffer.getvalue())


def drop_receipt(bucket: Bucket, location: Location) -> None:
    """Remove the receipt, since the location is about to change."""
    bucket.delete([location.key(NAME)])
