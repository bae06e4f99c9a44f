"""Videos and sheets that the table of recordings names in S3.

Chapters are known by one listing: name, size and entity tag, which is all that a dry run needs.
They are fetched by a job of their own (`fetch_chapter`) when another job reads them. Sheets are
small and come at once. Copies lie at ``{folder}/{bucket}/{key}`` and may be deleted at any time.
"""

from __future__ import annotations

import glob
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clapboard.problems import InputError, Problem
from clapboard.s3.globbing import literal_part, matches
from clapboard.s3.location import Location
from clapboard.sessions.chapters import Chapters, in_order, is_safe_path
from clapboard.sessions.recordings import Origin
from clapboard.sessions.suffixes import is_image, is_video

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from clapboard.s3.bucket import Bucket, Object

BEYOND_PLUGIN = frozenset("{}#?")
"""Signs in a key that Snakemake takes for a wildcard, or its storage plugin for the key's end."""

MEMORY = Path(".snakemake", "clapboard", "s3-sources.json")


class Sources:
    """What a bucket has of the recordings, and where the copies of it are.

    Args:
        settings: section ``s3`` of the configuration.
        folder: for the copies.
        fresh: ask the bucket, once about each place; else believe the memory, as the jobs of a run
            do. What has been found out is remembered at the end of the ``with`` block.
    """

    def __init__(self, settings: Mapping[str, Any], folder: str, fresh: bool = True) -> None:
        self._settings, self._folder, self._fresh = settings, folder, fresh
        self._buckets: dict[str, Bucket] = {}
        self._memory = _read_memory()
        self._asked = set[str]()
        self._plugin_may = dict[str, bool]()
        self._learnt = False
        self._origins: dict[str, Origin] = {}

    def __enter__(self) -> Sources:
        return self

    def __exit__(self, *_: object) -> None:
        if self._learnt:
            _write_memory(self._memory)

    def chapters(self, url: str) -> Chapters:
        """The chapters behind ``s3://bucket/`` and a file, a folder or a glob."""
        if not is_safe_path(url):
            return _unusable("unsafe-name", "the address holds control characters", "Rename it.")
        bucket, _, path = url.removeprefix("s3://").partition("/")
        try:
            found, whole = self._chosen(bucket, path)
            videos = [self._here(bucket, key, found[key]) for key in found if is_video(key)]
            if videos and self._settings.get("fetch") == "storage_plugin":
                self._refuse_beyond_plugin(bucket, filter(is_video, found))
        except (InputError, ValueError) as error:
            return _failed(error)
        if videos:
            return in_order(videos, from_first=whole)
        if any(map(is_image, found)):
            remedy = "Download them (sync_frames), and give the local folder."
            return _unusable("pictures-in-s3", "pictures are not read from S3", remedy)
        remedy = "Correct it; capitals count, and a folder is not searched below."
        return _unusable("missing-video", "there is no video in S3", remedy)

    def sheet(self, url: str) -> tuple[str, list[Problem]]:
        """The local copy of a sheet; fetched when the object is not the one it was made from."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        try:
            found = dict(self._listed(bucket, key)).get(key)
            if found is None:
                remedy = "Correct it; capitals count."
                return "", [Problem("missing-sheet", "there is no such object", remedy)]
            here = Path(self._here(bucket, key, found))
            if not here.is_file() or self._memory["sheets"].get(str(here)) != found.etag:
                from clapboard.s3.fetching import fetch  # brings the clients

                fetch(self._bucket(bucket), _as_object(key, found), here)
                self._memory["sheets"][str(here)] = found.etag
                _write_memory(self._memory)  # at once: a copy is never taken for an older version
        except (InputError, ValueError) as error:
            return "", list(_failed(error).problems)
        return str(here), []

    def origin(self, file: str) -> Origin | None:
        """Where a local file comes from; None for one that is not from S3."""
        return self._origins.get(file)

    def _chosen(self, bucket: str, path: str) -> tuple[dict[str, Origin], bool]:
        """The objects that a path chooses, by key, and whether it is a folder.

        As on disk, what exists under the very name is taken before the name is read as a glob.
        """
        folder = f"{path.rstrip('/')}/" if path.strip("/") else ""
        if glob.has_magic(path):
            listed = dict(self._listed(bucket, literal_part(path)))
        else:
            listed = dict(self._listed(bucket, path if is_video(path) else folder))
        if path in listed:
            return {path: listed[path]}, False
        below = {key: origin for key, origin in listed.items() if key.startswith(folder)}
        if below:
            return {key: below[key] for key in below if "/" not in key[len(folder) :]}, True
        return {key: listed[key] for key in listed if matches(key, path)}, False

    def _refuse_beyond_plugin(self, bucket: str, videos: Iterable[str]) -> None:
        """Refuse what Snakemake's storage plugin would say does not exist.

        Raises:
            InputError: a key has a sign that it does not know, or it may not ask for the bucket.
        """
        unknown = [key for key in videos if set(key) & BEYOND_PLUGIN]
        if unknown:
            remedy = "Rename it, or choose s3.fetch: parts."
            message = f"Snakemake's storage plugin does not find {unknown[0]!r}"
            raise InputError([Problem("unsafe-name", message, remedy)])
        if self._fresh and bucket not in self._plugin_may:
            self._plugin_may[bucket] = self._bucket(bucket).answers_for_itself()
        if not self._plugin_may.get(bucket, True):
            message = (
                f"Snakemake's storage plugin asks for the bucket (HeadBucket): {bucket} refuses"
            )
            remedy = "Allow s3:ListBucket of it without a condition, or choose s3.fetch: parts."
            raise InputError([Problem("plugin-refused", message, remedy)])

    def _listed(self, bucket: str, prefix: str) -> list[tuple[str, Origin]]:
        """Keys below a prefix with their origins, from the bucket or the memory of it."""
        place = f"s3://{bucket}/{prefix}"
        known = place in self._asked or not self._fresh
        if not known or place not in self._memory["listed"]:
            objects = self._bucket(bucket).objects(prefix)
            self._memory["listed"][place] = [[one.key, one.bytes, one.etag] for one in objects]
            self._asked.add(place)
            self._learnt = True
        return [
            (key, Origin(f"s3://{bucket}/{key}", size, etag))
            for key, size, etag in self._memory["listed"][place]
        ]

    def _here(self, bucket: str, key: str, origin: Origin) -> str:
        """The path of the copy of an object.

        Raises:
            ValueError: the key has a part that cannot be in a path.
        """
        here = f"{self._folder}/{bucket}/{Location(bucket, '').key(key)}"
        self._origins[here] = origin
        return here

    def _bucket(self, name: str) -> Bucket:
        if name not in self._buckets:
            from clapboard.s3.bucket import Bucket  # takes a second

            self._buckets[name] = Bucket(name, self._settings)
        return self._buckets[name]


def remembered(folder: str | os.PathLike[str]) -> Callable[[], Sources]:
    """Makes a `Sources` that asks nobody: for a job, which is told by the run that started it."""
    return lambda: Sources({}, os.fspath(folder), fresh=False)


def fetch_chapter(
    origin: Origin, settings: Mapping[str, Any], target: str | Path, brought: str = ""
) -> None:
    """Bring one chapter here, as it was when the run was planned: the rule `fetch_chapter`.

    Args:
        origin: the object, with size and entity tag.
        settings: section ``s3`` of the configuration.
        target: the file to make.
        brought: where Snakemake's storage plugin has put it; empty: nobody has brought it yet.

    Raises:
        InputError: it cannot be fetched, or is another one now.
    """
    from clapboard.s3.bucket import Bucket
    from clapboard.s3.fetching import fetch, take

    name, _, key = origin.url.removeprefix("s3://").partition("/")
    bucket, source = Bucket(name, settings), _as_object(key, origin)
    if brought:
        take(bucket, source, Path(brought), Path(target))
    else:
        fetch(bucket, source, Path(target))


def _as_object(key: str, origin: Origin) -> Object:
    from datetime import UTC, datetime

    from clapboard.s3.bucket import Object

    return Object(key, origin.bytes, origin.etag, datetime.fromtimestamp(0, UTC))


def _read_memory() -> dict[str, dict[str, Any]]:
    try:
        return json.loads(MEMORY.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"listed": {}, "sheets": {}}


def _write_memory(memory: Mapping[str, Any]) -> None:
    from clapboard import artifacts

    artifacts.write_json(MEMORY, memory)


def _failed(error: InputError | ValueError) -> Chapters:
    if isinstance(error, InputError):
        return Chapters(problems=tuple(error.problems))
    return _unusable("unsafe-name", str(error), "Rename the object.")


def _unusable(check: str, message: str, remedy: str) -> Chapters:
    return Chapters(problems=(Problem(check, message, remedy),))
