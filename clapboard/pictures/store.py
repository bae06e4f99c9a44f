"""A folder of pictures that is believed only as far as its ledger goes.

The ledger lists every picture that is whole and on disk, and what the pictures were made from and
how. Pictures are flushed to disk before the ledger names them, so after a kill or a power cut
whatever it does not name is removed and made again; whatever it names and the folder still has is
never made twice. Like Git's index it remembers size and time of each file, so that pictures that
nobody touched are not read again.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from clapboard.arrow import column, texts
from clapboard.artifacts import (
    FLUSHED_TOGETHER,
    TEMPORARY_PREFIX,
    digest,
    digest_file,
    read_parquet,
    write_parquet,
)
from clapboard.pictures.frame_names import file_name

LEDGER = "ledger.parquet"

# What a killed job may lose.
SAVE_SECONDS = 5.0


class Picture(NamedTuple):
    """What the ledger knows of a picture: size in bytes, modification time, digest."""

    bytes: int
    mtime_ns: int
    digest: str


class FrameStore:
    """The pictures of one chapter; safe to fill from several threads.

    Args:
        folder: where they are; made when it does not exist.
        recording: id of the recording, the beginning of every name.
        origin: what the pictures are made from and how. Pictures of another origin are removed.
    """

    def __init__(
        self, folder: str | os.PathLike[str], recording: str, origin: Mapping[str, Any]
    ) -> None:
        self.folder = Path(folder)
        self.recording = recording
        self.origin = dict(origin)
        self._guard = threading.Lock()
        self._saver = ThreadPoolExecutor(1)
        self._saving: Future[None] | None = None
        self._unsaved: dict[int, Picture] = {}
        self._next_save = time.monotonic() + SAVE_SECONDS
        self.folder.mkdir(parents=True, exist_ok=True)
        self._saved = self._sweep(self._read_ledger())

    def __contains__(self, frame: int) -> bool:
        return frame in self._saved or frame in self._unsaved

    def _read_ledger(self) -> dict[int, Picture]:
        """The pictures that the ledger names; none when it is of another origin or unreadable."""
        try:
            table, metadata = read_parquet(self.folder / LEDGER)
        except (FileNotFoundError, pa.ArrowInvalid):
            return {}
        if metadata != self.origin:
            return {}
        names = ("frame", *Picture._fields)
        rows = zip(*(table[name].to_pylist() for name in names), strict=True)
        return {frame: Picture(*fields) for frame, *fields in rows}

    def _sweep(self, known: Mapping[int, Picture]) -> dict[int, Picture]:
        """Remove what is not known and give what is there; files of others are left alone."""
        ours = re.compile(re.escape(self.recording) + r"(\d{6,})\.jpg")
        found = {}
        with os.scandir(self.folder) as entries:
            for entry in entries:
                match = ours.fullmatch(entry.name)
                frame = int(match[1]) if match else 0
                if match and entry.name == file_name(self.recording, frame):
                    picture = self._verified(entry, known.get(frame))
                    if picture:
                        found[frame] = picture
                        continue
                elif not entry.name.startswith(TEMPORARY_PREFIX):
                    continue
                Path(entry.path).unlink()
        return found

    def _verified(self, entry: os.DirEntry[str], known: Picture | None) -> Picture | None:
        """What is known of a file when it is still the same one; a touched file is read."""
        status = entry.stat(follow_symlinks=False)
        if known is None or status.st_size != known.bytes:
            return None
        if status.st_mtime_ns == known.mtime_ns:
            return known
        if digest_file(entry.path) == known.digest:
            return known._replace(mtime_ns=status.st_mtime_ns)
        return None

    def add(self, frame: int, data: bytes) -> None:
        """Write a picture; it appears under its name whole or not at all."""
        name = file_name(self.recording, frame)
        temporary = f"{self.folder}/{TEMPORARY_PREFIX}{name}"
        # Not `artifacts.replacing`, which flushes each file at once: 0.5 ms instead of 0.05; nor
        # by `Path`, which takes longer than writing. Never written in place either: the data set
        # has hard links to the pictures.
        with open(temporary, "wb") as file:  # noqa: PTH123
            file.write(data)
            mtime_ns = os.fstat(file.fileno()).st_mtime_ns
        os.replace(temporary, f"{self.folder}/{name}")  # noqa: PTH105
        picture = Picture(len(data), mtime_ns, digest(data))
        with self._guard:
            self._unsaved[frame] = picture
            # Beside the decoder: a disk may take longer to flush pictures than they to be made.
            if time.monotonic() > self._next_save and self._saved_before():
                self._saving = self._saver.submit(self._save)

    def _saved_before(self) -> bool:
        """Whether no earlier pictures are being saved; fails as saving them failed."""
        if self._saving is None or not self._saving.done():
            return self._saving is None
        self._saving.result()
        return True

    def save(self) -> None:
        """Flush all pictures to disk and name them in the ledger.

        Raises:
            OSError: they, or pictures added before, could not be written.
        """
        if self._saving is not None:
            self._saving.result()
        self._saver.submit(self._save).result()

    def _save(self) -> None:
        with self._guard:
            unsaved = dict(self._unsaved)
        files = [f"{self.folder}/{file_name(self.recording, frame)}" for frame in unsaved]
        with ThreadPoolExecutor(FLUSHED_TOGETHER) as pool:
            list(pool.map(_flush, files))
        _flush(self.folder)
        with self._guard:
            self._saved |= unsaved
            for frame in unsaved:
                del self._unsaved[frame]
            self._next_save = time.monotonic() + SAVE_SECONDS
        frames = sorted(self._saved)
        pictures = [self._saved[frame] for frame in frames]
        table = pa.table(
            {
                "frame": column(np.array(frames, np.int64)),
                "bytes": column(np.array([picture.bytes for picture in pictures], np.int64)),
                "mtime_ns": column(np.array([picture.mtime_ns for picture in pictures], np.int64)),
                "digest": texts([picture.digest for picture in pictures]),
            }
        )
        write_parquet(self.folder / LEDGER, table, self.origin)

    def table(self, frames: Iterable[int], seconds: Iterable[float]) -> pa.Table:
        """The manifest of some of the saved pictures, one row each, in the order given.

        Raises:
            KeyError: a picture is not there.
        """
        frames = list(frames)
        pictures = [self._saved[frame] for frame in frames]
        return pa.table(
            {
                "frame": column(np.array(frames, np.int64)),
                "seconds": column(np.array(list(seconds), np.float64)),
                "file": texts([file_name(self.recording, frame) for frame in frames]),
                "bytes": column(np.array([picture.bytes for picture in pictures], np.int64)),
                "digest": texts([picture.digest for picture in pictures]),
            }
        )


def _flush(path: str | os.PathLike[str]) -> None:
    """Wait until a file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
