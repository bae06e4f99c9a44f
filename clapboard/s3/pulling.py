"""Results down from a bucket: what is not here or older, so that a run does what is missing.

A run on an empty machine then finds everything as it was left. A shard itself comes only when a job
is going to read it.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import obstore

from clapboard import artifacts, provenance
from clapboard.problems import InputError, Problem, refuse
from clapboard.s3 import concurrency
from clapboard.s3.bucket import MOST_IN_MEMORY, Bucket, Object
from clapboard.s3.failures import begun_again, explained
from clapboard.s3.fetching import fetch
from clapboard.s3.inventory import Artifact, is_shard, local_artifacts, outlived, read_manifest
from clapboard.s3.lineage import Passage, bucket_side, local_side
from clapboard.s3.location import Location
from clapboard.s3.moved import Moved
from clapboard.s3.parts import PART_BYTES

SECOND = 10**9
"""In nanoseconds: more than the steps of any file system's dates but FAT's."""

ATTEMPTS = 3
"""How often a pull begins again because another machine has replaced what it was bringing."""

AFTER_PICTURES = ("labels", "sampled", "shards")
"""Folders with a file per recording that says which pictures are taken, or lists them."""


def pull(
    bucket: Bucket,
    source: Location,
    results: Path,
    wanted: Callable[[str], bool] = lambda name: not is_shard(name),
) -> Moved:
    """Bring down what is not here or older, with its time stamp and provenance.

    As in `pushing.push`, what was made from another version than the one that stays here does not
    come. What stays here though what it was made from is replaced gets a date before that, so that
    Snakemake makes it anew.

    A folder that is one result and is replaced keeps no file that the newer one has not. What is to
    be replaced goes first, then provenance is written, then files come: wherever it is killed, no
    file is here with the provenance of another or none, and the next pull brings what is missing.
    What another machine replaces meanwhile is looked for anew.

    Args:
        bucket: of the location.
        source: where the results are.
        results: the folder, as the configuration names it.
        wanted: which names to bring; those of shards only when asked for.

    Raises:
        InputError: a request failed for good, or an object is not what the manifest says.
    """
    brought = dict[str, Artifact]()
    return begun_again(partial(_pull, bucket, source, results, wanted, brought), ATTEMPTS)


def _pull(
    bucket: Bucket,
    source: Location,
    results: Path,
    wanted: Callable[[str], bool],
    brought: dict[str, Artifact],
) -> Moved:
    """`pull` by what the manifest says now; `brought` gets what has come."""
    known, records, *_ = read_manifest(bucket, source)
    listed = {name: row.mtime_ns for name, row in known.items()}
    times = {name: status.st_mtime_ns for name, status in local_artifacts(results).items()}
    gone = outlived(times, listed)
    times = {name: moment for name, moment in times.items() if name not in gone}
    kept = list[Artifact]()
    for name, there in known.items():
        path = results / name
        if path.is_file():
            status = path.stat()
            times[name] = status.st_mtime_ns
            same = (status.st_size, status.st_mtime_ns) == (there.bytes, there.mtime_ns)
            if same or artifacts.digest_file(path) == there.digest:
                kept.append(there)
    the_same = {one.path for one in kept}
    passage = Passage(bucket_side(results, listed, records), local_side(results, times), the_same)
    todo = [known[name] for name in known if name in passage.passing]
    todo = [one for one in todo if one.path in times or wanted(one.path)]
    stale = {name: moment for name, moment in passage.stale.items() if times[name] >= moment}
    due = {one.path for one in todo}
    right, left = due | the_same, passage.passing - due
    whole = provenance.folders(records, right)
    whole -= provenance.folders(records, passage.newer | passage.held)
    own = provenance.read_records(results, right | left)
    later = provenance.later(records, own)
    with provenance.bringing(results, whole, due):
        for name, moment in stale.items():
            # Older than its input, so that snakemake makes it anew.
            os.utime(results / name, ns=(moment - SECOND, moment - SECOND))
        _forget_pictures(results, due | later.keys())
        for name in due | gone:
            (results / name).unlink(missing_ok=True)
        provenance.write_records(results, later, right | left)
        provenance.write_records(results, records, due)
        for one in kept:
            os.utime(results / one.path, ns=(one.mtime_ns, one.mtime_ns))
        _bring(bucket, source, results, todo, brought)
    right_before = sum(one.path not in brought for one in kept)
    return Moved.of(
        [*brought.values()], right_before, passage, stale, "snakemake makes them anew here."
    )


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
    known = read_manifest(bucket, source).rows
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
    _bring(bucket, source, results, todo, {})
    return Moved.of(todo)


def _bring(
    bucket: Bucket,
    source: Location,
    results: Path,
    todo: Sequence[Artifact],
    brought: dict[str, Artifact],
) -> None:
    """Bring down artifacts, with their time stamps, and note them in `brought`."""

    async def bring(one: Artifact) -> None:
        answer = await obstore.get_async(bucket.store, source.key(one.path))
        data = bytes(await answer.bytes_async())
        if artifacts.digest(data) != one.digest:
            raise InputError([_not_as_listed(one.path, source)])
        artifacts.write_bytes(results / one.path, data)
        os.utime(results / one.path, ns=(one.mtime_ns, one.mtime_ns))
        brought[one.path] = one

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
        if artifacts.digest_file(path) != one.digest:  # entity tags may say nothing of the content
            path.unlink()
            raise InputError([_not_as_listed(one.path, source)])
        os.utime(path, ns=(one.mtime_ns, one.mtime_ns))
        brought[one.path] = one


def _another_shard(name: str, manifest: Path, location: Location) -> Problem:
    message = f"{name} is not in the bucket as {manifest} lists it"
    remedy = f"Run `clapboard pull`; if that is of no help, delete {manifest}: it is packed anew."
    return Problem("s3-changed", message, remedy, location.url)


def _not_as_listed(name: str, location: Location) -> Problem:
    message = f"{name} is not what the manifest says"
    remedy = "Run it again; if it stays, push the artifact anew from where it was made."
    return Problem("s3-changed", message, remedy, location.url)
