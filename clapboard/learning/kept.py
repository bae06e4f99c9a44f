"""Rows of a source in a file of their own, so that an epoch decodes nothing twice."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clapboard.learning.sources import Source, aligned
from clapboard.problems import InputError, Problem

MEBIBYTE = 2**20


class Kept:
    """A source whose rows are kept in a file once fetched, so that nothing is decoded twice.

    The file is mapped into memory: the operating system keeps as much of it as there is room. It is
    written by its descriptor, which is faster, and on a full disk an error and no crash. It has no
    name, so that it is gone with this process however that ends.
    """

    def __init__(self, source: Source, rows: int, folder: Path) -> None:
        """Make the file for `rows` rows in `folder`; it stays sparse until rows are fetched."""
        folder.mkdir(parents=True, exist_ok=True)
        self.shape, self.dtype = source.shape, source.dtype
        self._source, self._folder = source, folder
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - kept open
        self._kept = np.memmap(self._file, self.dtype, "w+", shape=(rows, *self.shape))
        self._known = np.zeros(rows, bool)
        self._error: InputError | None = None

    @property
    def error(self) -> InputError | None:
        """The first failure of the source behind, or of writing."""
        return self._source.error or self._error

    def fetch(self, rows: NDArray[np.int64]) -> NDArray:
        """The given rows, from the file where it has them.

        Raises:
            InputError: the source cannot fetch them, or the disk is full.
        """
        known = self._known[rows]
        if known.all():
            return self._gathered(rows)
        missing = rows[~known]
        fetched = self._source.fetch(missing)
        self._keep(missing, fetched)
        if not known.any():
            return fetched
        result = aligned((len(rows), *self.shape), self.dtype)
        result[known], result[~known] = self._gathered(rows[known]), fetched
        return result

    def _gathered(self, rows: NDArray[np.int64]) -> NDArray:
        result = aligned((len(rows), *self.shape), self.dtype)
        for place, row in zip(result, rows.tolist(), strict=True):
            place[:] = self._kept[row]
        return result

    def _keep(self, rows: NDArray[np.int64], data: NDArray) -> None:
        try:
            for row, content in zip(rows.tolist(), data, strict=True):
                if os.pwrite(self._file.fileno(), content, row * content.nbytes) < content.nbytes:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            remedy = "Make room on the disk, or set cache_mb of the model to 0."
            message = f"decoded frames cannot be kept: {error.strerror}"
            self._error = InputError([Problem("cache", message, remedy, file=str(self._folder))])
            raise self._error from error
        self._known[rows] = True


def kept_within(source: Source, rows: int, room: float, folder: Path) -> tuple[Source, float]:
    """`source`, kept in a file in `folder` if its rows need no more than `room`, and what is left.

    Args:
        source: of so many rows.
        rows: how many there are.
        room: bytes.
        folder: where the file may be.
    """
    size = rows * int(np.prod(source.shape)) * source.dtype.itemsize
    return (Kept(source, rows, folder), room - size) if size <= room else (source, room)
