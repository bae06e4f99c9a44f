"""Frames up to a bucket or down from it, only those that differ."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import obstore
import pyarrow as pa

from clapboard.artifacts import TEMPORARY_PREFIX, write_parquet
from clapboard.problems import InputError, Problem, refuse
from clapboard.s3 import concurrency
from clapboard.s3.bucket import MOST_IN_MEMORY, Bucket, Object
from clapboard.s3.failures import explained
from clapboard.s3.location import Location, frameless
from clapboard.s3.plan import Plan, Transfer
from clapboard.s3.receipt import NAME, Made, Receipt, begin, settle, unfinished
from clapboard.sessions.suffixes import is_jpeg

SECOND = 1_000_000_000
"""Nanoseconds."""
MD5 = re.compile(r"[0-9a-f]{32}", re.ASCII)


def local_frames(folders: Mapping[str, Sequence[Path]]) -> dict[str, Path]:
    """The pictures of some recordings by their name in the bucket, ``{recording}/{file}``.

    Args:
        folders: the folders with the pictures of each recording, by its id.

    Raises:
        InputError: a folder is missing, or two pictures of a recording have one name.
    """
    files, problems = dict[str, Path](), list[Problem]()
    for recording, places in folders.items():
        for folder in places:
            if not folder.is_dir():
                remedy = "Extract the frames first, or correct the path."
                problems.append(Problem("no-folder", "there is no folder", remedy, str(folder)))
                continue
            for path in sorted(folder.iterdir()):
                if is_jpeg(path.name):
                    first = files.setdefault(f"{recording}/{path.name}", path)
                    if first != path:
                        message = f"{first} has the same name"
                        remedy = "Keep one of them."
                        problems.append(Problem("same-name", message, remedy, str(path)))
    refuse(problems)
    return files


def plan_upload(
    bucket: Bucket, files: Mapping[str, Path], target: Location, remove_stale: bool
) -> Plan:
    """What has to be uploaded: pictures that are not there with this size and content.

    The content is compared by MD5 with the entity tag. Where the tag is not an MD5 (KMS), earlier
    runs have noted which content has which tag.
    """
    before = bucket.listings
    made = Made(bucket, target)
    there = _below(bucket, target, {name.partition("/")[0] for name in files})
    todo, in_place = list[Transfer](), dict[str, str]()
    for name, path in files.items():
        found, size = there.get(name), path.stat().st_size
        if found is not None and found.bytes == size:
            content = _md5(path)
            if content == found.etag or made.is_of(name, content, found.etag):
                in_place[name] = found.etag
                continue
        replaced = found.etag if found else ""
        todo.append(Transfer(str(path), target.key(name), size, replaced=replaced))
    stale = sorted(target.key(name) for name in there if name not in files)
    source = "local frames"
    kept = len(files) - len(todo)
    return Plan(
        "upload",
        source,
        target.url,
        tuple(todo),
        kept,
        bucket.listings - before,
        tuple(stale),
        remove_stale,
        in_place,
    )


def upload(bucket: Bucket, files: Mapping[str, Path], target: Location, plan: Plan) -> Receipt:
    """Carry out a plan; check the result against a new listing and write the receipt last.

    Raises:
        InputError: a request failed for good.
    """

    async def send(transfer: Transfer) -> None:
        data = Path(transfer.source).read_bytes()
        await obstore.put_async(bucket.uploads, transfer.target, data)

    # Before anything goes up: a file that changes meanwhile does not pass for what was sent.
    contents = {name: _md5(path) for name, path in files.items()}
    if plan.todo or plan.removed:
        begin(bucket, target, plan, contents)
    connections = bucket.side_by_side(plan.largest)
    with explained(bucket.name):
        concurrency.run(plan.todo, send, connections, "uploading", lambda one: one.bytes)
    bucket.delete(plan.removed)
    sizes = [path.stat().st_size for path in files.values()]
    table = pa.table(
        {
            "path": pa.array(list(files), pa.string()),
            "source_etag": pa.array([contents[name] for name in files], pa.string()),
            "bytes": pa.array(sizes, pa.int64()),
        }
    )
    return settle(bucket, target, table, {})


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
    there = _below(bucket, source, {*recordings, *others})
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


def _below(bucket: Bucket, location: Location, recordings: set[str]) -> dict[str, Object]:
    """The pictures of some recordings by their name below a location."""
    found = dict[str, Object]()
    for recording in sorted(recordings):
        for one in bucket.objects(location.folder(recording).prefix):
            name = location.name(one.key)
            if not name.isprintable():
                message = f"an object has a name that no file should have: {name!r}"
                raise InputError([Problem("unsafe-name", message, "Rename it.", location.url)])
            if name.count("/") == 1 and is_jpeg(name):
                found[name] = one
    return found


def _is_here(path: Path, found: Object) -> bool:
    """Whether a picture is the one in the bucket, by its content or by the mark of its download."""
    if not path.is_file():
        return False
    status = path.stat()
    marked = status.st_mtime_ns % SECOND == _fraction(found.etag)
    return status.st_size == found.bytes and (marked or _md5(path) == found.etag)


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


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
