"""The frames of some recordings, in a bucket and here, and how their contents are compared."""

from __future__ import annotations

import hashlib
from pathlib import Path

from clapboard.problems import InputError, Problem
from clapboard.s3.bucket import Bucket, Object
from clapboard.s3.location import Location
from clapboard.sessions.suffixes import is_jpeg


def below(bucket: Bucket, location: Location, recordings: set[str]) -> dict[str, Object]:
    """The pictures of some recordings by their name below a location, ``{recording}/{file}``.

    Raises:
        InputError: a name that no file should have, or as `Bucket.objects`.
    """
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


def md5(path: Path) -> str:
    """The digest that most entity tags are."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
