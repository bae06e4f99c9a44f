"""The results folder and its copy in S3 (`s3.results`), as a run and the commands use them."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from clapboard import artifacts, running
from clapboard.problems import InputError, Problem
from clapboard.s3 import pulling, pushing
from clapboard.s3.bucket import Bucket
from clapboard.s3.location import Location
from clapboard.s3.moved import Moved

STAMP = ".mirror.json"
"""A results folder with this file has been brought in line with the bucket once, to the end."""

KEPT_BY_NODE = "CLAPBOARD_KEPT_BY_NODE"
"""The process of a `clapboard node`, for the run that it has started: as long as that process lives
it hands over for the run."""

Settings = Mapping[str, Any]


def push(settings: Settings, results: Path) -> Moved:
    """Bring up what is new; `settings` is the section ``s3``.

    Raises:
        InputError: ``s3.results`` is not set, or a request failed for good.
    """
    place = _place(settings)
    return pushing.push(Bucket(place.bucket, settings), place, results)


def pull(settings: Settings, results: Path, shards: bool = False) -> Moved:
    """Bring down what is not here or older; shards themselves only with `shards`.

    Raises:
        InputError: as `push`.
    """
    place = _place(settings)
    bucket = Bucket(place.bucket, settings)
    if shards:
        moved = pulling.pull(bucket, place, results, lambda name: True)
    else:
        moved = pulling.pull(bucket, place, results)
    artifacts.write_json(results / STAMP, {"results": place.url})
    return moved


def take_up(settings: Settings, results: Path) -> None:
    """Pull into a results folder into which nothing has been pulled yet, and say so.

    Beside a run that works there nothing is pulled: only a dry run goes on from here.

    Raises:
        InputError: as `push`.
    """
    if (results / STAMP).exists():
        return
    place = _place(settings)
    with ExitStack() as stack:
        try:
            stack.enter_context(running.held(results))
        except InputError as error:
            sys.stderr.write(f"nothing is taken up from {place.url}: {error}\n")
            return
        sys.stderr.write(f"from {place.url}: {pull(settings, results)}\n")


def take_up_again(results: Path) -> None:
    """Let the next run pull again: other machines may have gone on since this one has stopped."""
    (results / STAMP).unlink(missing_ok=True)


def take_shards(settings: Settings, results: Path, manifests: Collection[str]) -> None:
    """Fetch the shards that some manifests ``shards/{id}.parquet`` list and that are not here.

    Raises:
        InputError: as `push`, or the bucket has another shard than a manifest lists.
    """
    recordings = {Path(manifest).stem for manifest in manifests}
    missing = {id for id in recordings if not (results / "shards" / f"{id}.tar").exists()}
    if missing:
        place = _place(settings)
        moved = pulling.pull_shards(Bucket(place.bucket, settings), place, results, missing)
        sys.stderr.write(f"from {place.url}: {moved}\n")


def hand_over(settings: Settings, results: Path) -> None:
    """Push at the end of a run; what goes wrong is said and does not undo the run.

    Not below a `clapboard node`: of a machine that is taken away unfinished trainings go first.
    """
    if os.environ.get(KEPT_BY_NODE) == str(os.getppid()):
        return
    try:
        moved = push(settings, results)
        sys.stderr.write(f"to {_place(settings).url}: {moved}\n")
    except InputError as error:
        sys.stderr.write(f"{error}\nThe results are here; `clapboard push` brings them up.\n")


def _place(settings: Settings) -> Location:
    if not settings["results"]:
        remedy = "Write s3://bucket/results or the like."
        raise InputError([Problem("not-set", "this is not set", remedy, column="s3.results")])
    return Location.parse(settings["results"])
