"""The frames of one recording in its store, and their features, read as they are asked for.

No TensorFlow.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clapboard import artifacts, parts
from clapboard.learning.sources import index_file
from clapboard.parts import Blocks, in_parts, steps
from clapboard.pictures.addresses import part_of, shard_of
from clapboard.problems import InputError, Problem


@dataclass(frozen=True)
class StoredFrames:
    """The pictures of one recording, ascending.

    Attributes:
        frames: numbers of the frames.
        seconds: when they are shown.
        files: addresses of the pictures, see `clapboard.pictures.addresses`.
    """

    frames: Blocks
    seconds: Blocks
    files: Blocks

    def __len__(self) -> int:
        return len(self.frames)


def read_stored(manifests: Sequence[str | os.PathLike[str]]) -> StoredFrames:
    """The pictures that manifests list.

    Args:
        manifests: of the chapters' folders in the frame store in order, or of the recording's
            shard.

    Raises:
        ValueError: frames are not in order.
    """
    frames = parts.numbers(manifests, "frame")
    if any((step <= 0).any() for step in steps(frames)):
        raise ValueError(f"the frames are not in order in {', '.join(map(str, manifests))}")
    _, facts = artifacts.read_parquet(manifests[0], [])
    columns, addresses = (("offset", "bytes"), _in_shard) if "shard" in facts else (("file",), _own)

    def files(table: pa.Table, place: int) -> NDArray[Any]:
        found = np.empty(len(table), object)
        found[:] = addresses(table, Path(manifests[place]))
        return found

    return StoredFrames(
        frames, parts.numbers(manifests, "seconds"), parts.blocks(manifests, columns, files)
    )


def _in_shard(table: pa.Table, manifest: Path) -> list[str]:
    shard = shard_of(manifest)
    places = zip(table["offset"].to_pylist(), table["bytes"].to_pylist(), strict=True)
    return [part_of(shard, start, size) for start, size in places]


def _own(table: pa.Table, manifest: Path) -> list[str]:
    return [f"{manifest.parent}/{name}" for name in table["file"].to_pylist()]


class StoredFeatures:
    """Feature vectors of the frames of one recording: `clapboard.learning.sources.Source`.

    Rows asked for together lie near each other, so they are read and not mapped: what is mapped
    counts as memory.
    """

    def __init__(self, frames: Blocks, file: str | Path) -> None:
        """Take the shape from the file.

        Args:
            frames: of the recording.
            file: float16 of shape (frames, size); beside it an index as
                `clapboard.learning.features` writes it.

        Raises:
            InputError: the features are of other frames.
        """
        self.error: InputError | None = None
        _check(file, frames)
        array = np.load(file, mmap_mode="r")
        self.shape: tuple[int, ...] = array.shape[1:]
        self.dtype = array.dtype
        self._file, self._begin = file, array.offset

    def fetch(self, rows: NDArray[np.int64]) -> NDArray:
        """The feature vectors of the given rows, shape (rows, size)."""
        first, count = int(rows.min()), int(np.ptp(rows)) + 1
        size = int(np.prod(self.shape))
        begin = self._begin + first * size * self.dtype.itemsize
        read = np.fromfile(self._file, self.dtype, count * size, offset=begin)
        return read.reshape(count, *self.shape)[rows - first]


def _check(file: str | Path, frames: Blocks) -> None:
    """Whether features are of these frames."""
    known = np.load(index_file(file), mmap_mode="r")
    same, start = len(known) == len(frames), 0
    for part in in_parts(frames):
        same = same and np.array_equal(known[start : start + len(part)], part)
        start += len(part)
    if not same:
        message = "the features are not of the frames that the recording has"
        remedy = "Delete the file and run the workflow again."
        raise InputError([Problem("features-of-other-frames", message, remedy, file=str(file))])
