"""Trainings that are not finished, kept in a bucket so that another machine can go on with them.

What is finished travels by itself. The state of a training (`clapboard.learning.checkpoint`) is a
folder of a few files that belong together; it travels as one tar, which the bucket has whole or not
at all, at ``unfinished/{path of the folder}.tar``.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from boto3.exceptions import Boto3Error

from clapboard import artifacts
from clapboard.problems import InputError
from clapboard.s3.bucket import Bucket, explained
from clapboard.s3.location import Location

STATE = "state.json"
MEMBER = re.compile(r"state\.json|epoch-\d{4,6}\.weights\.h5", re.ASCII)
FOLDER = "unfinished"
SUFFIX = ".tar"

SKIPPED = {"resized", "frames", "Data", "shards", "video", "labels", "index", "logs"}
"""Folders in which no training is, and in which there may be a great many files."""


class Unfinished:
    """The states of trainings below some folders, here and in a bucket.

    Args:
        place: where the bucket has them.
        settings: section `s3` of the configuration.
        roots: folders to look through, relative to the working directory.
    """

    def __init__(self, place: Location, settings: Mapping[str, Any], roots: list[str]) -> None:
        self.place = place.folder(FOLDER)
        self.bucket = Bucket(place.bucket, settings)
        self.roots = roots
        self._sent = dict[str, bytes]()
        """What the bucket has: path of a folder -> its state file, empty if that is not known."""

    def fetch(self) -> list[str]:
        """Bring every state that is not here; the paths of their folders.

        A folder that has a state keeps it: a disk that was kept is newer than the bucket.

        Raises:
            InputError: the bucket cannot be read.
        """
        fetched = []
        for found in self.bucket.objects(self.place.prefix):
            path = self.place.name(found.key).removesuffix(SUFFIX)
            here = Path(path, STATE)
            if not self._is_ours(path) or not found.key.endswith(SUFFIX):
                continue
            self._sent[path] = b""
            if not here.exists():
                with tempfile.TemporaryFile() as file, explained(self.bucket.name):
                    self.bucket.control.download_fileobj(self.bucket.name, found.key, file)
                    file.seek(0)
                    _unpack(file, Path(path))
                fetched.append(path)
                self._sent[path] = here.read_bytes()
        return fetched

    def send(self) -> bool:
        """Bring every state that has changed, and remove those of trainings that are finished.

        Returns:
            Whether the bucket now has all. What went wrong is said, and is no reason to end a run.
        """
        try:
            with explained(self.bucket.name):
                return self._send()
        except (InputError, Boto3Error, OSError) as error:
            sys.stderr.write(f"clapboard node: not kept, will try again: {error}\n")
            return False

    def _send(self) -> bool:
        complete, present = True, set[str]()
        for folder in self._folders():
            path = folder.as_posix()
            present.add(path)
            packed = _pack(folder)
            if packed is None:
                complete = False
                continue
            state, data = packed
            if self._sent.get(path) == state:
                continue
            self.bucket.control.upload_fileobj(
                io.BytesIO(data),
                self.bucket.name,
                self.place.key(path + SUFFIX),
                ExtraArgs=self.bucket.arguments_of_uploads(),
            )
            self._sent[path] = state
        gone = self._sent.keys() - present
        self.bucket.delete([self.place.key(path + SUFFIX) for path in gone])
        for path in gone:
            del self._sent[path]
        return complete

    def _folders(self) -> Iterator[Path]:
        """Every folder with a state."""
        for root in self.roots:
            for folder, below, files in os.walk(root):
                below[:] = sorted(set(below) - SKIPPED)
                if STATE in files:
                    yield Path(folder)

    def _is_ours(self, path: str) -> bool:
        """Whether a path in the bucket is one below the roots."""
        below = any(Path(path).is_relative_to(root) for root in self.roots)
        return below and ".." not in Path(path).parts


def _pack(folder: Path) -> tuple[bytes, bytes] | None:
    """State file and tar of a folder; None when it changed in the middle."""
    try:
        state = (folder / STATE).read_bytes()
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for path in sorted(folder.iterdir()):
                if MEMBER.fullmatch(path.name) and path.name != STATE:
                    tar.add(path, path.name, recursive=False)
            info = tarfile.TarInfo(STATE)
            info.size = len(state)
            tar.addfile(info, io.BytesIO(state))
        unchanged = (folder / STATE).read_bytes() == state
    except FileNotFoundError:
        return None
    return (state, buffer.getvalue()) if unchanged else None


def _unpack(file: Any, folder: Path) -> None:
    """Write the files of a state, the one that names the others last."""
    with tarfile.open(fileobj=file) as tar:
        members = [member for member in tar if member.isfile() and MEMBER.fullmatch(member.name)]
        for member in sorted(members, key=lambda member: member.name == STATE):
            content = tar.extractfile(member)
            if content is not None:
                artifacts.write_bytes(folder / member.name, content.read())
