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
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path, PurePosixPath

import obstore

from clapboard import artifacts
from clapboard.problems import InputError, Problem, refuse
from clapboard.s3 import concurrency, provenance
from clapboard.s3.bucket import MOST_IN_MEMORY, Bucket, Object, ReplacedError
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
from clapboard.s3.lineage import Passage, Side
from clapboard.s3.location import Location
from clapboard.s3.parts import PART_BYTES
from clapboard.s3.sending import send_file

SMALL = 2**20
"""Bytes up to which artifacts go up side by side; larger ones one after another, in parts."""

SECOND = 10**9
"""In nanoseconds: more than the steps of any file system's dates but FAT's."""

NAMED = 5
"""How many names are said; there may be thousands."""

ATTEMPTS = 20
"""How often a push begins again because another machine has written the manifest meanwhile."""

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
        held: names left alone because the other side keeps another version of what they were made
            from.
        stale: names of what the receiving side has, but made from what was replaced there.
        remedy: what to do about the last two.
    """

    moved: tuple[str, ...]
    bytes: int
    kept: int
    newer: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    remedy: str = ""

    def __str__(self) -> str:
        text = f"{len(self.moved):,} artifacts, {self.bytes:,} bytes; {self.kept:,} in place"
        if self.newer:
            text += f"; {len(self.newer):,} not replaced, since they are newer"
        if self.held:
            text += (
                f"\nleft out, since made from another version than stays there: {_some(self.held)}"
            )
        if self.stale:
            text += f"\nto be made anew, since made from what is replaced: {_some(self.stale)}"
        return f"{text}\n{self.remedy}" if self.held or self.stale else text


def _some(names: Sequence[str]) -> str:
    """The first names of many, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def push(bucket: Bucket, target: Location, results: Path) -> Moved:
    """Bring up what is new here; no object is deleted.

    Of what differs the later version stays, if it was made from what is beside it there, see
    `lineage`. What there was made from what is replaced, and would pass for made from what replaces
    it, is not listed any more; nor is what a folder that is one result and was made anew has no
    more.

    May run while a run goes on: what a job is writing, or what changes meanwhile, is left for the
    next push. Of two records of the same content that of the later job stays, here and in `pull`.
    May run while other machines push: what they have listed meanwhile stays listed.

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
    gone = outlived({name: row.mtime_ns for name, row in known.items()}, times)
    rows = {name: row for name, row in known.items() if name not in gone}
    same, others = set[str](), dict[str, Artifact]()
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
        if there and there.digest == digest:
            rows[name] = replace(there, mtime_ns=max(there.mtime_ns, mine.mtime_ns))
            same.add(name)
        else:
            others[name] = mine
    passage = Passage(_here(results, times), _there(results, rows, records), same)
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
    return _moved(up, len(kept), passage, stale, remedy)


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


def pull(
    bucket: Bucket,
    source: Location,
    results: Path,
    wanted: Callable[[str], bool] = lambda name: not is_shard(name),
) -> Moved:
    """Bring down what is not here or older, with its time stamp and provenance.

    As in `push`, what was made from another version than the one that stays here does not come.
    What stays here though what it was made from is replaced gets a date before that, so that
    Snakemake makes it anew.

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
    known, records, *_ = read_manifest(bucket, source)
    times = {name: status.st_mtime_ns for name, status in local_artifacts(results).items()}
    gone = outlived(times, {name: row.mtime_ns for name, row in known.items()})
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
    passage = Passage(_there(results, known, records), _here(results, times), the_same)
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
        _bring(bucket, source, results, todo)
    return _moved(todo, len(kept), passage, stale, "snakemake makes them anew here.")


def _here(results: Path, times: Mapping[str, int]) -> Side:
    """This machine; `times` of its artifacts, in nanoseconds."""
    record = cache(partial(provenance.local_record, results))
    return Side(times, record, partial(provenance.inputs, results))


def _there(results: Path, rows: Mapping[str, Artifact], records: provenance.Records) -> Side:
    """The bucket, by what its manifest says."""
    times = {name: row.mtime_ns for name, row in rows.items()}
    record = partial(provenance.record_around, records)
    return Side(times, record, partial(provenance.inputs, results))


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
        if artifacts.digest_file(path) != one.digest:  # entity tags may say nothing of the content
            path.unlink()
            raise InputError([_not_as_listed(one.path, source)])
        os.utime(path, ns=(one.mtime_ns, one.mtime_ns))


def _moved(
    some: Sequence[Artifact],
    kept: int = 0,
    passage: Passage | None = None,
    stale: Iterable[str] = (),
    remedy: str = "",
) -> Moved:
    return Moved(
        tuple(one.path for one in some),
        sum(one.bytes for one in some),
        kept,
        tuple(sorted(passage.newer if passage else ())),
        tuple(sorted(passage.held if passage else ())),
        tuple(sorted(stale)),
        remedy,
    )


def _another_shard(name: str, manifest: Path, location: Location) -> Problem:
    message = f"{name} is not in the bucket as {manifest} lists it"
    remedy = f"Run `clapboard pull`; if that is of no help, delete {manifest}: it is packed anew."
    return Problem("s3-changed", message, remedy, location.url)


def _always_another(location: Location) -> Problem:
    message = f"other machines have written the manifest {ATTEMPTS} times during this push"
    remedy = "Run `clapboard push` again."
    return Problem("s3-changed", message, remedy, location.url)


def _not_as_listed(name: str, location: Location) -> Problem:
    message = f"{name} is not what the manifest says"
    remedy = "Run it again; if it stays, push the artifact anew from where it was made."
    return Problem("s3-changed", message, remedy, location.url)
