"""Places in S3: ``s3://bucket/prefix``."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from clapboard.problems import Problem

SCHEME = "s3://"
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)


@dataclass(frozen=True)
class Location:
    """A folder in a bucket.

    Attributes:
        bucket: name of the bucket.
        prefix: what the keys in it begin with: empty, or ending in a slash, so that ``CHEST-TUBE``
            never takes in ``CHEST-TUBE PREP``.
    """

    bucket: str
    prefix: str

    @classmethod
    def parse(cls, url: str) -> Location:
        """A location from ``s3://bucket`` or ``s3://bucket/some/folder``, with or without slash.

        Raises:
            ValueError: it is no such address, or a part of the prefix is empty, ``.`` or ``..``.
        """
        if not url.startswith(SCHEME):
            raise ValueError(f"{url!r} does not begin with {SCHEME}")
        bucket, _, rest = url.removeprefix(SCHEME).partition("/")
        if not BUCKET.fullmatch(bucket):
            raise ValueError(f"{bucket!r} is not a bucket name")
        prefix = rest.removesuffix("/")
        if prefix:
            _check_parts(prefix)
        return cls(bucket, f"{prefix}/" if prefix else "")

    @property
    def url(self) -> str:
        """The location as a user writes it."""
        return f"{SCHEME}{self.bucket}/{self.prefix}"

    def key(self, name: str) -> str:
        """The key of a name below this location.

        Raises:
            ValueError: a part of the name is empty, ``.`` or ``..``.
        """
        _check_parts(name)
        return self.prefix + name

    def name(self, key: str) -> str:
        """The part of a key below this location.

        Raises:
            ValueError: the key is not below it.
        """
        if not key.startswith(self.prefix):
            raise ValueError(f"{key!r} is not below {self.url}")
        return key[len(self.prefix) :]

    def folder(self, name: str) -> Location:
        """A folder in this one."""
        return Location(self.bucket, f"{self.key(name)}/")

    def overlaps(self, other: Location) -> bool:
        """Whether one of the two lies in the other."""
        return self.bucket == other.bucket and (
            self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        )


def in_other_bucket(frames: Location, made: Location, column: str) -> list[Problem]:
    """What is wrong with putting things made from `frames` at `made` (config key `column`)."""
    if frames.bucket == made.bucket:
        return []
    message = f"this is another bucket than the frames are in ({frames.bucket})"
    remedy = "Use one bucket: the server copies only within it."
    return [Problem("other-bucket", message, remedy, column=column, value=made.url)]


def frameless(frames: Location, recordings: Collection[str]) -> list[Problem]:
    """What is wrong when some recordings have no folder with pictures at `frames`."""
    remedy = "Correct s3.frames, upload them (sync_frames), or take the recording out of the table."
    return [
        Problem(
            "missing-frames",
            f"there are no frames of {recording}",
            remedy,
            file=frames.folder(recording).url,
        )
        for recording in recordings
    ]


def _check_parts(name: str) -> None:
    for part in name.split("/"):
        if part in ("", ".", "..") or re.search(r"[\x00-\x1f\x7f]", part):
            raise ValueError(f"{name!r} has a part that no object key should have: {part!r}")
