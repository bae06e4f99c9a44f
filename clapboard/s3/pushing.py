"""Results up to a bucket: what is chunky travels, with its time stamps and Snakemake's provenance.

Folders of pictures never travel: training reads the shards.

The manifest is written last, with the provenance in it, and before an artifact is replaced its row
is taken out, with those of the whole folder where that is one result. So a killed push costs work,
and never makes a wrong result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import obstore

from clapboard import artifacts, provenance
from clapboard.problems import InputError, Problem
from clapboard.s3 import concurrency
from clapboard.s3.bucket import Bucket, ReplacedError
from clapboard.s3.failures import explained
from clapboard.s3.inventory import (
    DIRECTORY_STAMP,
    Artifact,
    local_artifacts,
    outlived,
    read_manifest,
    without_halves,
    write_manifest,
)
from clapboard.s3.lineage import Passage, bucket_side, local_side
from clapboard.s3.location import Location
from clapboard.s3.moved import Moved
from clapboard.s3.sending import send_file

SMALL = 2**20
"""Bytes up to which artifacts go up side by side; larger ones one after another, in parts."""

ATTEMPTS = 20
"""How often a push begins again because another machine has written the manifest meanwhile."""


def push(bucket: Bucket, target: Location, results: Path) -> Moved:
    """Bring up what is new here; no object is deleted.

    Of what differs the later version stays, if it was made from what is beside it there, see
    `lineage`. What there was made from what is replaced, and would pass for made from what replaces
    it, is not listed any more; nor is what a folder that is one result and was made anew has no
    more. What Snakemake has no record of here stays here where the bucket has one: it would pass
    there for made as that says.

    May run while a run goes on: what a job is writing, or what changes meanwhile, is left for the
    next push. Of two records of the same content that of the later job stays, here and in
    `pulling.pull`. May run while other machines push: what they have listed meanwhile stays listed.

    Raises:
        InputError: a request failed for good.
    """
    sent = dict[str, Artifact]()
    for _ in range(ATTEMPTS):
        with suppress(ReplacedError):
            return _push(bucket, target, results, sent)
    raise InputError([_always_another(target)])


def _push(bucket: Bucket, target: Location, results: Path, sent: dict[str, Artifact]) -> Moved:
    """`push` by what the manifest says now.

    Args:
        bucket: of the location.
        target: where the results shall be.
        results: the folder, as the configuration names it.
        sent: what is up already; gets what is brought up.

    Raises:
        ReplacedError: another machine has written the manifest meanwhile.
        InputError: a request failed for good.
    """
    known, records, etag, tags = read_manifest(bucket, target)
    local = local_artifacts(results)
    for name in provenance.unfinished(results, local):
        del local[name]
    times = {name: status.st_mtime_ns for name, status in local.items()}
    rows = dict(known)
    same, unrecorded, others = set[str](), set[str](), dict[str, Artifact]()
    for name, status in local.items():
        there = rows.get(name)
        if there and (there.bytes, there.mtime_ns) == (status.st_size, status.st_mtime_ns):
            same.add(name)
            continue
        try:
            digest = artifacts.digest_file(results / name)
        except FileNotFoundError:
            del times[name]
            continue
        mine = Artifact(name, status.st_size, digest, "", status.st_mtime_ns)
        recorded = not provenance.record_around(records.get, name) or provenance.record_around(
            partial(provenance.read_record, results), name
        )
        # The time of an empty stamp says that its folder was made anew.
        is_stamp = PurePosixPath(name).name == DIRECTORY_STAMP
        if not recorded and (is_stamp or there is None or there.digest != digest):
            unrecorded.add(name)
            del times[name]
        elif there and there.digest == digest:
            rows[name] = replace(there, mtime_ns=max(there.mtime_ns, mine.mtime_ns))
            same.add(name)
        else:
            others[name] = mine
    gone = outlived({name: row.mtime_ns for name, row in known.items()}, times)
    rows = {name: row for name, row in rows.items() if name not in gone}
    listed = {name: row.mtime_ns for name, row in rows.items()}
    passage = Passage(local_side(results, times), bucket_side(results, listed, records), same)
    todo = [mine for name, mine in others.items() if name in passage.passing]
    fresh = {one.path for one in todo}
    # Who finds what is older than its input makes it anew; what is later would pass for right.
    stale = {name for name, moment in passage.stale.items() if rows[name].mtime_ns >= moment}
    own = provenance.later(provenance.read_records(results, same), records)
    merged = {**records, **own, **provenance.read_records(results, fresh)}
    if todo or rows != known or merged != records:
        if replaced := (fresh | stale) & rows.keys():
            rows = {name: row for name, row in rows.items() if name not in replaced}
            rows = without_halves(rows, replaced)
            etag = write_manifest(bucket, target, rows, records, etag)
        _send(bucket, target, results, [one for one in todo if not _is_up(one, sent, tags)], sent)
        rows = rows | {name: sent[name] for name in fresh if name in sent}
        rows = without_halves(rows, fresh - rows.keys())
        write_manifest(bucket, target, rows, merged, etag)
    up = [one for name, one in sent.items() if rows.get(name) == one]
    kept = same - {one.path for one in up}
    remedy = "Run `clapboard pull`, then snakemake: it makes anew what is missing."
    return Moved.of(up, len(kept), passage, stale, remedy, unrecorded)


def _is_up(one: Artifact, sent: Mapping[str, Artifact], tags: Mapping[str, str]) -> bool:
    """Whether an artifact was sent, and the object there is the one that was."""
    there = sent.get(one.path)
    return there is not None and replace(there, etag="") == one and tags.get(one.path) == there.etag


def _send(
    bucket: Bucket,
    target: Location,
    results: Path,
    todo: Sequence[Artifact],
    sent: dict[str, Artifact],
) -> None:
    """Bring up artifacts, and note in `sent` those whose files have not changed meanwhile."""

    def note(one: Artifact, etag: str) -> None:
        with suppress(FileNotFoundError):
            after = (results / one.path).stat()
            if (after.st_size, after.st_mtime_ns) == (one.bytes, one.mtime_ns):
                sent[one.path] = replace(one, etag=etag)

    async def send(one: Artifact) -> None:
        try:
            data = (results / one.path).read_bytes()
        except FileNotFoundError:
            return
        answer = await obstore.put_async(bucket.uploads, target.key(one.path), data)
        note(one, (answer["e_tag"] or "").strip('"'))

    for one in todo:
        sent.pop(one.path, None)
    with explained(bucket.name):
        small = [one for one in todo if one.bytes <= SMALL]
        connections = bucket.side_by_side(SMALL)
        concurrency.run(small, send, connections, "pushing", lambda one: one.bytes)
    for one in todo:
        if one.bytes > SMALL:
            with suppress(FileNotFoundError):
                note(one, send_file(bucket, results / one.path, target.key(one.path)))


def _always_another(location: Location) -> Problem:
    message = f"other machines have written the manifest {ATTEMPTS} times during this push"
    remedy = "Run `clapboard push` again."
    return Problem("s3-changed", message, remedy, location.url)
