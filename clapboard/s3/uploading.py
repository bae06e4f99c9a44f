"""Frames up to a bucket, only those that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import obstore
import pyarrow as pa

from clapboard.problems import Problem, refuse
from clapboard.s3 import concurrency
from clapboard.s3.bucket import Bucket
from clapboard.s3.failures import explained
from clapboard.s3.frames import below, md5
from clapboard.s3.location import Location
from clapboard.s3.plan import Plan, Transfer
from clapboard.s3.receipt import Made, Receipt, begin, settle
from clapboard.sessions.suffixes import is_jpeg


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
    bucket: Bucket,
    files: Mapping[str, Path],
    target: Location,
    remove_stale: bool,
    originals: bool = False,
) -> Plan:
    """What has to be uploaded: pictures that are not there with this size and content.

    The content is compared by MD5 with the entity tag. Where the tag is not an MD5 (KMS), earlier
    runs have noted which content has which tag.

    Args:
        bucket: of the target.
        files: what shall be there, by name below the target.
        target: where to.
        remove_stale: consent to remove other pictures of these recordings.
        originals: the target also holds pictures that are nobody's copies; none of them is stale.
    """
    before = bucket.listings
    made = Made(bucket, target)
    there = below(bucket, target, {name.partition("/")[0] for name in files})
    todo, in_place = list[Transfer](), dict[str, str]()
    for name, path in files.items():
        found, size = there.get(name), path.stat().st_size
        if found is not None and found.bytes == size:
            content = md5(path)
            if content == found.etag or made.is_of(name, content, found.etag):
                in_place[name] = found.etag
                continue
        replaced = found.etag if found else ""
        todo.append(Transfer(str(path), target.key(name), size, replaced=replaced))
    stale = [] if originals else sorted(target.key(name) for name in there if name not in files)
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
    contents = {name: md5(path) for name, path in files.items()}
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
