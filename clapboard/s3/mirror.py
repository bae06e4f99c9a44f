"""Results in a bucket: what is chunky travels, with its time stamps and Snakemake's provenance.

`push` brings up what is new, `pull` brings down what is not here or older, so that a run on an
empty machine finds everything as it was left and does what is missing. Folders of pictures never
travel: training reads the shards. A shard itself comes only when a job is going to read it.

The manifest is written last, with the provenance in it, and before an artifact is replaced its row
is taken out, with those of the whole folder where that is one result. So a killed push costs work,
and never makes a wrong result.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import obstore

from clapboard import artifacts, provenance
from clapboard.problems import InputError, Problem, refuse
from clapboard.s3 import concurrency
from clapboard.s3.bucket import MOST_IN_MEMORY, Bucket, Object
from clapboard.s3.failures import explained
from clapboard.s3.fetching import fetch
from clapboard.s3.inventory import (
    Artifact,
    is_shard,
    local_artifacts,
    outlived,
    read_manifest,
    without_halves,
    write_manifest,
)
from clapboard.s3.location import Location
from clapboard.s3.parts import PART_BYTES
from clapboard.s3.sending import send_file

SMALL = 2**20
"""Bytes up to which artifacts go up side by side; larger ones one after another, in parts."""


AFTER_PICTURES = ("labels", "sampled", "shards")
"""Folders with a file per recording that says which pictures are taken, or lists them."""


@dataclass(frozen=True)
class Moved:
    """What a push or pull did, counted in artifacts.

    Attributes:
        moved: names of those that were transferred.
        bytes: in all of them.
        kept: those that were right already.
        newer: names left alone because the other side's is newer.
    """

    moved: tuple[str, ...]
    bytes: int
    kept: int
    newer: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{len(self.moved):,} artifacts, {self.bytes:,} bytes; {self.kept:,} in place"
        if self.newer:
            text += f"; {len(self.newer):,} not replaced, since they are newer"
        return text


def push(bucket: Bucket, target: Location, results: Path) -> Moved:
    """Bring up what is new here; nothing is deleted, nothing newer is replaced.

    What a folder that is one result and was made anew has no more is not listed any more.

    May run while a run goes on: what a job is writing, or what changes meanwhile, is left for the
    next push. Of two records of the same content that of the later job stays, here and in `pull`.

    Raises:
        InputError: a request failed for good.
    """
    known, records = read_manifest(bucket, target)
    local = local_artifacts(results)
    for name in provenance.unfinished(results, local):
        del local[name]
    times = {name: status.st_mtime_ns for name, status in local.items()}
    gone = outlived({name: row.mtime_ns for name, row in known.items()}, times)
    rows = {name: row for name, row in known.items() if name not in gone}
    todo, newer = list[Artifact](), list[str]()
    for name, status in local.items():
        there = known.get(name)
        if there and (there.bytes, there.mtime_ns) == (status.st_size, status.st_mtime_ns):
            continue
        try:
            digest = artifacts.digest_file(results / name)
        except FileNotFoundError:
            continue
        mine = Artifact(name, status.st_size, digest, "", status.st_mtime_ns)
        if there and there.digest == digest:
            rows[name] = replace(there, mtime_ns=max(there.mtime_ns, mine.mtime_ns))
        elif there and there.mtime_ns > mine.mtime_ns:
            newer.append(name)
        else:
            todo.append(mine)
    fresh = [one.path for one in todo]
    same_here = local.keys() - {*newer, *fresh}
    own = provenance.later(provenance.read_records(results, same_here), records)
    merged = {**records, **own, **provenance.read_records(results, fresh)}
    same = not todo and rows == known and merged == records
    if same:
        return Moved((), 0, len(local) - len(newer), tuple(newer))

    replaced = {one.path for one in todo} & set(rows)
    if replaced:
        for name in replaced:
            rows.pop(name)
        write_manifest(bucket, target, without_halves(rows, replaced), records)
    sent = list[Artifact]()

    def note(one: Artifact, etag: str) -> None:
        """Believe what was sent, unless the file has changed meanwhile."""
        with suppress(FileNotFoundError):
            after = (results / one.path).stat()
            if (after.st_size, after.st_mtime_ns) == (one.bytes, one.mtime_ns):
                sent.append(replace(one, etag=etag))

    async def send(one: Artifact) -> None:
        try:
            data = (results / one.path).read_bytes()
        except FileNotFoundError:
            return
        answer = await obstore.put_async(bucket.uploads, target.key(one.path), data)
        note(one, (answer["e_tag"] or "").strip('"'))

    with explained(bucket.name):
        small = [one for one in todo if one.bytes <= SMALL]
        connections = bucket.side_by_side(SMALL)
        concurrency.run(small, send, connections, "pushing", lambda one: one.bytes)
    for one in todo:
        if one.bytes > SMALL:
            with suppress(FileNotFoundError):
                note(one, send_file(bucket, results / one.path, target.key(one.path)))
    rows |= {one.path: one for one in sent}
    lost = {one.path for one in todo} - set(rows)
    write_manifest(bucket, target, without_halves(rows, lost), merged)
    moved = tuple(one.path for one in sent)
    size = sum(one.bytes for one in sent)
    return Moved(moved, size, len(local) - len(todo) - len(newer), tuple(newer))


def pull(
    bucket: Bucket,
    source: Location,
    results: Path,
    wanted: Callable[[str], bool] = lambda name: not is_shard(name),
) -> Moved:
    """Bring down what is not here or older, with its time stamp and provenance.

    A folder that is one result and is replaced keeps no file that the newer one has not. What is to
    be replaced goes first, then provenance is written, then files come: wherever it is killed, no
    file is here with the provenance of another or none, and the next pull brings what is missing.

    Args:
        bucket: of the location.
        source: where the results are.
        results: the folder, as the configuration names it.
        wanted: which names to bring; those of shards only when asked for.

    Raises:
        InputError: a request failed for good, or an object is not what the manifest says.
    """
    known, records = read_manifest(bucket, source)
    times = {name: status.st_mtime_ns for name, status in local_artifacts(results).items()}
    gone = outlived(times, {name: row.mtime_ns for name, row in known.items()})
    todo, newer, kept, left = list[Artifact](), list[str](), list[Artifact](), set[str]()
    for name, there in known.items():
        path = results / name
        if not path.is_file():
            if wanted(name):
                todo.append(there)
            else:
                left.add(name)
            continue
        status = path.stat()
        same = (status.st_size, status.st_mtime_ns) == (there.bytes, there.mtime_ns)
        if same or artifacts.digest_file(path) == there.digest:
            kept.append(there)
        elif status.st_mtime_ns > there.mtime_ns:
            newer.append(name)
        else:
            todo.append(there)
    due = {one.path for one in todo}
    right = due | {one.path for one in kept}
    whole = provenance.folders(records, right) - provenance.folders(records, newer)
    own = provenance.read_records(results, right | left)
    later = provenance.later(records, own)
    with provenance.bringing(results, whole, due):
        _forget_pictures(results, due | later.keys())
        for name in due | gone:
            (results / name).unlink(missing_ok=True)
        provenance.write_records(results, later, right | left)
        provenance.write_records(results, records, due)
        for one in kept:
            os.utime(results / one.path, ns=(one.mtime_ns, one.mtime_ns))
        _bring(bucket, source, results, todo)
    return _moved(todo, len(kept), newer)


def _forget_pictures(results: Path, taken: Iterable[str]) -> None:
    """Remove manifests of pictures here that what comes was not made from.

    With them it would be made again at once. Pictures and ledger stay: where they are wanted again,
    only what is new is decoded.

    Args:
        results: the folder, as the configuration names it.
        taken: names of what comes, or of which only the record does.
    """
    for path in map(PurePosixPath, taken):
        if path.parent.as_posix() in AFTER_PICTURES and path.suffix == ".parquet":
            for manifest in results.glob(f"resized/{glob.escape(path.stem)}/*/manifest.parquet"):
                manifest.unlink()
                provenance.record_of(manifest).unlink(missing_ok=True)


def pull_shards(
    bucket: Bucket, source: Location, results: Path, recordings: Collection[str]
) -> Moved:
    """Bring down shards that are not here and nothing else: for a run that is planned already.

    Args:
        bucket: of the location.
        source: where the results are.
        results: the folder, as the configuration names it.
        recordings: whose shards; their manifests ``shards/{id}.parquet`` are here.

    Raises:
        InputError: the bucket's shard is not the one that a manifest here lists; or as `pull`.
    """
    known, _ = read_manifest(bucket, source)
    todo, problems = list[Artifact](), list[Problem]()
    for recording in sorted(recordings):
        shard, manifest = (f"shards/{recording}{suffix}" for suffix in (".tar", ".parquet"))
        listed = known.get(manifest)
        same = listed and listed.digest == artifacts.digest_file(results / manifest)
        if same and shard in known:
            todo.append(known[shard])
        else:
            problems.append(_another_shard(shard, results / manifest, source))
    refuse(problems)
    _bring(bucket, source, results, todo)
    return _moved(todo)


def _bring(bucket: Bucket, source: Location, results: Path, todo: Sequence[Artifact]) -> None:
    """Bring down artifacts, with their time stamps."""

    async def bring(one: Artifact) -> None:
        answer = await obstore.get_async(bucket.store, source.key(one.path))
        data = bytes(await answer.bytes_async())
        if artifacts.digest(data) != one.digest:
            raise InputError([_not_as_listed(one.path, source)])
        artifacts.write_bytes(results / one.path, data)
        os.utime(results / one.path, ns=(one.mtime_ns, one.mtime_ns))

    with explained(bucket.name):
        small = [one for one in todo if one.bytes <= PART_BYTES]
        # Each is in memory twice: as the client has it, and as bytes.
        largest = 2 * max((one.bytes for one in small), default=0)
        connections = bucket.side_by_side(largest, MOST_IN_MEMORY)
        concurrency.run(small, bring, connections, "pulling", lambda one: one.bytes)
    for one in (one for one in todo if one.bytes > PART_BYTES):
        path = results / one.path
        moment = next(bucket.objects(source.key(one.path))).modified
        fetch(bucket, Object(source.key(one.path), one.bytes, one.etag, moment), path)
        os.utime(path, ns=(one.mtime_ns, one.mtime_ns))


def _moved(some: Sequence[Artifact], kept: int = 0, newer: Sequence[str] = ()) -> Moved:
    return Moved(
        tuple(one.path for one in some), sum(one.bytes for one in some), kept, tuple(newer)
    )


def _another_shard(name: str, manifest: Path, location: Location) -> Problem:
    message = f"{name} is not in the bucket as {manifest} lists it"
    remedy = f"Run `clapboard pull`; if that is of no help, delete {manifest}: it is packed anew."
    return Problem("s3-changed", message, remedy, location.url)


def _not_as_listed(name: str, location: Location) -> Problem:
    message = f"{name} is not what the manifest says"
    remedy = "Run it again; if it stays, push the artifact anew from where it was made."
    return Problem("s3-changed", message, remedy, location.url)
