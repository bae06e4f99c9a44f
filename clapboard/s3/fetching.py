"""One object of any size to a file: in parts, going on where it stopped, believed only when whole.

Parts are asked for by entity tag, so that all of them are of one version of the object; those that
are on disk are noted beside the unfinished file. The source is only ever read.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import obstore
from obstore.exceptions import (
    BaseError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from tqdm import tqdm

from clapboard.artifacts import TEMPORARY_PREFIX, replacing
from clapboard.problems import InputError, Problem
from clapboard.s3 import concurrency
from clapboard.s3.bucket import Bucket, Object
from clapboard.s3.clients import pause
from clapboard.s3.failures import explained
from clapboard.s3.parts import PART_BYTES

AT_ONCE = 8


def fetch(bucket: Bucket, source: Object, target: Path) -> None:
    """Bring an object to `target`, which appears whole or not at all.

    Raises:
        InputError: the object was replaced meanwhile, is not what its entity tag says, or the
            server did not answer; what has come so far is kept for the next attempt.
        OSError: it cannot be written; the same holds.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{TEMPORARY_PREFIX}s3-{source.etag}-{target.name}")
    journal = unfinished.with_name(f"{unfinished.name}.parts")
    here = _finished_parts(journal) if unfinished.exists() else set[int]()
    count = max(1, -(-source.bytes // PART_BYTES))
    missing = [part for part in range(count) if part not in here]
    if here:
        tqdm.write(f"{target.name}: {len(here)} of {count} parts are here", file=sys.stderr)
    # A journal that outlived its file would vouch for parts that are not here.
    mode, noting = ("r+b", "a") if unfinished.exists() else ("w+b", "w")
    with journal.open(noting) as note, unfinished.open(mode) as file:
        os.truncate(file.fileno(), source.bytes)

        async def work(part: int) -> None:
            data = await _part(bucket, source, part)
            _write(file.fileno(), data, part * PART_BYTES)
            note.write(f"{part}\n")
            note.flush()

        with explained(bucket.name):
            concurrency.run(missing, work, AT_ONCE, target.name, lambda part: PART_BYTES)
        os.fsync(file.fileno())
    if not is_content(bucket, source, unfinished):
        journal.unlink()
        unfinished.unlink()
        raise InputError([_changed(source, "is not what its entity tag says")])
    journal.unlink()
    unfinished.replace(target)
    for older in target.parent.glob(f"{TEMPORARY_PREFIX}s3-*"):
        if older.name.removesuffix(".parts").endswith(f"-{target.name}"):
            older.unlink()


def take(bucket: Bucket, source: Object, brought: Path, target: Path) -> None:
    """Give an object that another program has brought the name `target`, if it is whole.

    Args:
        bucket: where it is from.
        source: the object.
        brought: the file that is to be it, on the disk of `target` or another one.
        target: appears whole or not at all.

    Raises:
        InputError: the file is not what size and entity tag say.
        OSError: it cannot be written.
    """
    if brought.stat().st_size != source.bytes or not is_content(bucket, source, brought):
        raise InputError([_changed(source, "was replaced, or damaged on the way")])
    with replacing(target) as temporary:
        try:
            temporary.hardlink_to(brought)
        except OSError:  # another disk, or one without links
            shutil.copyfile(brought, temporary)


def _write(descriptor: int, data: bytes, offset: int) -> None:
    """All of `data` from a byte on, to the disk: after a power cut the journal is believed.

    A disk that gets full takes some of it before it refuses.
    """
    while data:
        written = os.pwrite(descriptor, data, offset)
        data, offset = data[written:], offset + written
    os.fdatasync(descriptor)


async def _part(bucket: Bucket, source: Object, part: int) -> bytes:
    """One part, asked for again when the connection breaks in the middle of it."""
    start = part * PART_BYTES
    stop = min(start + PART_BYTES, source.bytes)
    if stop == start:
        return b""
    for attempt in range(bucket.settings["tries"] + 1):
        try:
            answer = await obstore.get_async(
                bucket.parts,
                source.key,
                options={"range": (start, stop), "if_match": f'"{source.etag}"'},
            )
            data = bytes(await answer.bytes_async())
            if len(data) == stop - start:
                return data
        except PreconditionError as error:
            raise InputError([_changed(source, "was replaced while it was fetched")]) from error
        except (NotFoundError, PermissionDeniedError, UnauthenticatedError):
            raise
        except BaseError:
            if attempt == bucket.settings["tries"]:
                raise
        await asyncio.sleep(pause(attempt))
    raise InputError([_changed(source, f"was cut at byte {start} again and again")])


def is_content(bucket: Bucket, source: Object, path: Path) -> bool:
    """Whether a file is what the entity tag of an object says.

    The tag of an object that was uploaded at once is the MD5 of its content; uploaded in n parts it
    is the MD5 of their MD5s and ``-n``. Tags of objects under a KMS key say nothing.
    """
    digest, _, parts = source.etag.partition("-")
    length = max(source.bytes, 1)
    head = {"Bucket": bucket.name, "Key": source.key}
    with explained(bucket.name):
        if parts:
            length = bucket.control.head_object(**head, PartNumber=1)["ContentLength"]
        found = _md5s(path, length)
        if parts and len(found) == int(parts):
            joined = b"".join(map(bytes.fromhex, found))
            found = [hashlib.md5(joined, usedforsecurity=False).hexdigest()]
        elif parts:  # the server does not tell how long its parts are
            return True
        if found == [digest]:
            return True
        encryption = bucket.control.head_object(**head).get("ServerSideEncryption", "")
    return str(encryption).startswith("aws:kms")


def _md5s(path: Path, length: int) -> list[str]:
    """MD5 of every `length` bytes of a file, of an empty file one."""
    found = list[str]()
    with path.open("rb") as file:
        while True:
            state, share = hashlib.md5(usedforsecurity=False), length
            while share and (block := file.read(min(share, 2**20))):
                state.update(block)
                share -= len(block)
            if share < length or not found:
                found.append(state.hexdigest())
            if share:
                return found


def _finished_parts(journal: Path) -> set[int]:
    """Parts that are on disk; a last line that was cut off does not count."""
    with suppress(FileNotFoundError):
        lines = journal.read_text().splitlines(keepends=True)
        return {int(line) for line in lines if line.endswith("\n") and line.strip().isdecimal()}
    return set()


def _changed(source: Object, what: str) -> Problem:
    return Problem("s3-changed", f"{source.key} {what}", "Run it again.")
