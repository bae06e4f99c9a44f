"""Trainings that are not finished, kept in a bucket so that another machine can go on with them.

What is finished travels by itself (`clapboard.s3.pushing`). The state of a training
(`clapboard.learning.checkpoint`) is a folder of a few files that belong together; it travels as one
tar, which the bucket has whole or not at all: ``unfinished/models/cnn/training.tar``.
"""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import tempfile
import threading
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from clapboard import artifacts, provenance
from clapboard.problems import InputError, Problem
from clapboard.s3.bucket import Bucket
from clapboard.s3.clients import arguments_of_uploads
from clapboard.s3.failures import begun_again, explained
from clapboard.s3.fetching import fetch
from clapboard.s3.inventory import is_state, walk
from clapboard.s3.location import Location

STATE = "state.json"
MEMBER = re.compile(r"state\.json|epoch-\d{4,6}\.weights\.h5", re.ASCII)
FOLDER = "unfinished"
SUFFIX = ".tar"
PROOF = "may-be-written"
ATTEMPTS = 5
"""How often states are listed while another machine replaces one before it is here."""
MODELS, MODEL = "models", "model.keras"
"""Where trainings are below the results, and what they make beside the folder of their state."""


class Unfinished:
    """The states of trainings below a folder, here and in a bucket.

    Args:
        place: where the bucket has them.
        settings: section `s3` of the configuration.
        results: the folder of results.
    """

    def __init__(self, place: Location, settings: Mapping[str, Any], results: Path) -> None:
        self.place = place.folder(FOLDER)
        self.bucket = Bucket(place.bucket, settings)
        self.results = results
        self._sent = dict[str, bytes]()
        """What the bucket has: path of a folder -> its state file, empty if that is not known."""
        self._lock = threading.Lock()
        """Of `_sent`. Held while states go up, lest one arrive after it has been forgotten."""

    def try_out(self) -> None:
        """Write an object, read it and remove it.

        All three: under a KMS key reading takes another right than writing, and an upload in
        parts takes both.

        Raises:
            InputError: the bucket refuses one of these.
        """
        # Machines that try at the same time would remove one another's.
        key = self.place.key(f"{PROOF}-{uuid.uuid4().hex}")
        try:
            self.bucket.write(key, PROOF.encode())
            self.bucket.read(key)
            self.bucket.delete([key])
        except InputError as error:
            raise InputError([*error.problems, self._useless()]) from error

    def _useless(self) -> Problem:
        message = "nothing can be kept here, so that no work is begun"
        if self.bucket.settings["encryption"] == "aws:kms":
            remedy = "Rights: docs/ec2.md; with aws:kms also on the key (s3.kms_key)."
        else:
            remedy = "Rights: docs/ec2.md."
        return Problem("cannot-keep", message, remedy, self.place.url, column="s3.results")

    def fetch(self) -> list[str]:
        """Bring every state that is not here, or not as far; the names of their folders.

        A disk that was kept may be newer than the bucket; or another machine has gone on since.
        What another machine replaces in the middle is looked for anew.

        Raises:
            InputError: the bucket cannot be read.
        """
        fetched = list[str]()
        begun_again(partial(self._fetch, fetched), ATTEMPTS)
        return fetched

    def _fetch(self, fetched: list[str]) -> None:
        """`fetch` by what is listed now; `fetched` gets the names."""
        for found in self.bucket.objects(self.place.prefix):
            name = self.place.name(found.key).removesuffix(SUFFIX)
            folder, path = self.results / name, PurePosixPath(name)
            if not found.key.endswith(SUFFIX) or not is_state(path) or ".." in path.parts:
                continue
            self._sent[name] = b""
            with tempfile.TemporaryDirectory() as here:
                tar = Path(here, f"{FOLDER}{SUFFIX}")
                fetch(self.bucket, found, tar)
                if _is_behind(folder, tar):
                    _unpack(tar, folder)
                    fetched += [name] if name not in fetched else []
                    self._sent[name] = (folder / STATE).read_bytes()

    def send(self) -> None:
        """Bring every state that has changed; any thread may call it.

        A state that changes meanwhile is left for the next time.

        Raises:
            InputError: the bucket refuses.
            boto3.exceptions.Boto3Error: an upload failed.
        """
        with self._lock:
            self._send()

    def _send(self) -> None:
        for name in self._names():
            packed = _pack(self.results / name)
            if packed is None or self._sent.get(name) == packed[0]:
                continue
            state, data = packed
            with explained(self.bucket.name):
                self.bucket.sender.upload_fileobj(
                    io.BytesIO(data),
                    self.bucket.name,
                    self.place.key(name + SUFFIX),
                    ExtraArgs=arguments_of_uploads(self.bucket.settings),
                )
            self._sent[name] = state

    def finished(self) -> set[str]:
        """The folders whose states the bucket has, and whose trainings have ended here by now.

        A job that has removed its state but has not ended for Snakemake is none of these: its model
        does not travel yet, and is made anew if the run ends now.
        """
        with self._lock:
            gone = self._sent.keys() - set(self._names())
        return {
            name for name in gone if not provenance.unfinished(self.results, self._beside(name))
        }

    def _beside(self, name: str) -> list[str]:
        """What is in the folder around that of a state, by its name in the results."""
        around = (self.results / name).parent
        return [path.relative_to(self.results).as_posix() for path in around.glob("*")]

    def forget(self, finished: Collection[str]) -> None:
        """Remove the states of trainings that were `finished` before their models went up.

        Raises:
            InputError: the bucket refuses.
        """
        with self._lock:
            self.bucket.delete([self.place.key(name + SUFFIX) for name in finished])
            for name in finished:
                del self._sent[name]

    def _names(self) -> Iterator[str]:
        """Every folder with a state of a training that goes on, by its name in the results."""
        for folder, below, files in walk(self.results / MODELS):
            below.sort()
            name = PurePosixPath(Path(folder).relative_to(self.results))
            if STATE in files and is_state(name) and not _has_ended(Path(folder)):
                yield name.as_posix()


def _has_ended(folder: Path) -> bool:
    """Whether a state is of a training that has made its model since.

    Where a machine went before it could remove the state from the bucket, others find both.
    """
    with suppress(FileNotFoundError):
        return (folder.parent / MODEL).stat().st_mtime > (folder / STATE).stat().st_mtime
    return False


def _is_behind(folder: Path, tar: Path) -> bool:
    """Whether a folder has no state, or one that is not as far as that in a tar."""
    try:
        here = json.loads((folder / STATE).read_bytes())
        since = (folder / STATE).stat().st_mtime
    except FileNotFoundError:
        return True
    with tarfile.open(tar) as opened:
        there, moment = json.loads(_content(opened, STATE)), opened.getmember(STATE).mtime
    if here.get("identity") == there.get("identity"):
        return len(here.get("history", [])) < len(there.get("history", []))
    return since < moment


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
            info.size, info.mtime = len(state), (folder / STATE).stat().st_mtime
            tar.addfile(info, io.BytesIO(state))
        unchanged = (folder / STATE).read_bytes() == state
    except FileNotFoundError:
        return None
    return (state, buffer.getvalue()) if unchanged else None


def _unpack(path: Path, folder: Path) -> None:
    """Write the files of a state, the one that names the others last, with its time."""
    (folder / STATE).unlink(missing_ok=True)  # it names weights that are replaced now
    with tarfile.open(path) as tar:
        members = [member for member in tar if member.isfile() and MEMBER.fullmatch(member.name)]
        names = sorted((member.name for member in members), key=lambda name: name == STATE)
        for name in names:
            artifacts.write_bytes(folder / name, _content(tar, name))
            moment = tar.getmember(name).mtime
            os.utime(folder / name, (moment, moment))


def _content(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise KeyError(name)
    return file.read()
