"""Frames down from a bucket, only those that differ.

Where an entity tag says nothing of the content, a file's date tells which object it is from.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import obstore
import pyarrow as pa

from clapboard.artifacts import TEMPORARY_PREFIX, write_parquet
from clapboard.problems import InputError, Problem, refuse
from clapboard.s3 import concurrency
from clapboard.s3.bucket import MOST_IN_MEMORY, Bucket, Object
from clapboard.s3.failures import explained
from clapboard.s3.frames import below, md5
from clapboard.s3.location import Location, frameless
from clapboard.s3.plan import Plan, Transfer
from clapboard.s3.receipt import NAME, Receipt, unfinished

SECOND = 1_000_000_000
"""Nanoseconds."""
MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)


def plan_download(
    bucket: Bucket,
    source: Location,
    recordings: Sequence[str],
    folder: Path,
    others: Sequence[str] = (),
) -> Plan:
    """What has to be downloaded to ``{folder}/{recording}/``.

    Args:
        bucket: of the location.
        source: of the frames, ``{source}/{recording}/*.jpg``.
        recordings: ids of those that must have frames there.
        folder: on this machine.
        others: ids of those that may have some.

    Raises:
        InputError: a recording has no frames there, nothing at all is there, or an upload to there
            is unfinished.
    """
    before = bucket.listings
    refuse(unfinished(bucket, source))
    there = below(bucket, source, {*recordings, *others})
    listings = bucket.listings - before
    found = {name.partition("/")[0] for name in there}
    expected = recordings if found else (*recordings, *others)
    missing = [recording for recording in expected if recording not in found]
    refuse(frameless(source, missing))
    in_place = {name: one.etag for name, one in there.items() if _is_here(folder / name, one)}
    todo = [
        Transfer(found.key, str(folder / name), found.bytes, found.etag)
        for name, found in sorted(there.items())
        if name not in in_place
    ]
    return Plan(
        "download",
        source.url,
        str(folder),
        tuple(todo),
        len(in_place),
        listings,
        in_place=in_place,
    )


def download(bucket: Bucket, plan: Plan) -> Receipt:
    """Carry out a plan; every picture appears under its name whole or not at all, the receipt last.

    Raises:
        InputError: a request failed for good, or an object's content is not what its tag says.
    """

    async def fetch(transfer: Transfer) -> None:
        answer = await obstore.get_async(bucket.store, transfer.source)
        data = await answer.bytes_async()
        await asyncio.to_thread(_take, bucket, transfer, data)

    folder = Path(plan.target)
    if plan.todo:
        (folder / NAME).unlink(missing_ok=True)
    connections = bucket.side_by_side(plan.largest, MOST_IN_MEMORY)
    with explained(bucket.name):
        concurrency.run(plan.todo, fetch, connections, "downloading", lambda one: one.bytes)
    brought = {Path(one.target).relative_to(folder).as_posix(): one.etag for one in plan.todo}
    etags = {**plan.in_place, **brought}
    columns = {
        "path": list(etags),
        "bytes": [(folder / name).stat().st_size for name in etags],
        "source_etag": list(etags.values()),
        "etag": list(etags.values()),
    }
    receipt = Receipt.of(pa.table(columns), {})
    write_parquet(folder / NAME, receipt.table, receipt.facts)
    return receipt


def _take(bucket: Bucket, transfer: Transfer, data: obstore.Bytes) -> None:
    """Check a picture and write it; in a thread, for digest, question and disk hold up the rest."""
    told = hashlib.md5(data, usedforsecurity=False).hexdigest() == transfer.etag
    if len(data) != transfer.bytes or not (told or _says_nothing(bucket, transfer)):
        message = f"{transfer.source} changed or was cut on the way"
        raise InputError([Problem("s3-changed", message, "Run it again.", bucket.name)])
    _write(Path(transfer.target), data, "" if told else transfer.etag)


def _write(path: Path, data: obstore.Bytes, mark: str) -> None:
    """Let a picture appear under its name whole, and mark it with an entity tag if one is given.

    Not flushed to disk, unlike results: the next plan compares every picture's content, so that
    one that a power cut has emptied is fetched again. A marked one it believes: that is flushed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{path.name}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            if mark:
                file.flush()
                now = time.time_ns()
                os.utime(file.fileno(), ns=(now, now - now % SECOND + _fraction(mark)))
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _is_here(path: Path, found: Object) -> bool:
    """Whether a picture is the one in the bucket, by its content or by the mark of its download."""
    if not path.is_file():
        return False
    status = path.stat()
    marked = status.st_mtime_ns % SECOND == _fraction(found.etag)
    return status.st_size == found.bytes and (marked or md5(path) == found.etag)


def _fraction(etag: str) -> int:
    """The part of a second, in nanoseconds, by which a file tells which object it is from.

    For objects whose entity tag says nothing of their content. Whoever changes the file changes
    that; another file has it with a probability of one to a thousand millions.
    """
    return int.from_bytes(hashlib.blake2b(etag.encode(), digest_size=8).digest()) % SECOND


def _says_nothing(bucket: Bucket, transfer: Transfer) -> bool:
    """Whether an entity tag is no digest of the content: of an upload in parts, or under KMS."""
    if not MD5.fullmatch(transfer.etag):
        return True
    head = bucket.control.head_object(Bucket=bucket.name, Key=transfer.source)
    return str(head.get("ServerSideEncryption", "")).startswith("aws:kms")
