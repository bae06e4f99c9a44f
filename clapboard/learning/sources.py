"""What models see, fetched by row number: pictures from JPEGs, features from arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import simplejpeg
from numpy.typing import NDArray

from clapboard.parts import Rows
from clapboard.pictures.addresses import read_picture
from clapboard.problems import InputError, Problem

ALIGNED = 64


class Source(Protocol):
    """Rows of equal shape.

    Attributes:
        shape: of one row.
        dtype: of its values.
        error: the first failure of `fetch`, None if there was none; a ``tf.data`` pipeline passes
            on no more than its text.
    """

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def error(self) -> InputError | None:
        """Set by a failed `fetch`."""

    def fetch(self, rows: NDArray[np.int64]) -> NDArray:
        """The given rows in that order, shape (rows, *shape)."""


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> NDArray:
    """Memory for an array that TensorFlow takes over without copying it, which needs `ALIGNED`.

    Args:
        shape: of the array.
        dtype: of its values.
    """
    size = prod(shape) * dtype.itemsize
    memory = np.empty(size + ALIGNED, np.uint8)
    start = -memory.ctypes.data % ALIGNED
    return memory[start : start + size].view(dtype).reshape(shape)


class Pictures:
    """The decoded pictures of a list of JPEGs, uint8 of shape (height, width, 3)."""

    dtype = np.dtype(np.uint8)

    def __init__(self, files: Rows, threads: int = 0) -> None:
        """Take the shape from the first file.

        Args:
            files: addresses in row order, see `clapboard.pictures.addresses`.
            threads: that decode, 0 for one per core.

        Raises:
            InputError: there is no file, or the first one is not a JPEG.
        """
        if not len(files):
            raise InputError(
                [
                    Problem(
                        "no-frames",
                        "there is no frame to read",
                        "Check the splits in the table of recordings and the sheets.",
                    )
                ]
            )
        self.error: InputError | None = None
        self._files = files
        self._threads = threads or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self._threads)
        self.shape: tuple[int, ...] = self._decode(0).shape

    def fetch(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The given pictures.

        Raises:
            InputError: a file is missing, is no JPEG, or differs in size from the first.
        """
        pictures = aligned((len(rows), *self.shape), self.dtype)
        parts = (np.array_split(whole, self._threads) for whole in (rows, pictures))
        try:
            list(self._pool.map(self._fill, *parts))
        except InputError as error:
            self.error = self.error or error
            raise
        return pictures

    def fetch_alone(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """As `fetch`, decoded by the thread that calls, for those who fetch in several threads."""
        pictures = aligned((len(rows), *self.shape), self.dtype)
        self._fill(rows, pictures)
        return pictures

    def _fill(self, rows: NDArray[np.int64], pictures: NDArray[np.uint8]) -> None:
        """Decode rows into the places for them."""
        for row, place in zip(rows.tolist(), pictures, strict=True):
            if self._decode(row, place).shape != self.shape:
                raise InputError([self._problem(row, "frames differ in size")])

    def _decode(self, row: int, place: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """A picture, in `place` if it has the size for it."""
        try:
            return simplejpeg.decode_jpeg(read_picture(self._files[row]), buffer=place)
        except (OSError, ValueError) as error:
            raise InputError([self._problem(row, f"frame cannot be read: {error}")]) from error

    def _problem(self, row: int, message: str) -> Problem:
        return Problem(
            "unreadable-frame",
            message,
            "Delete the folder of this chapter below resized/ and run the workflow again.",
            file=self._files[row],
        )


class Features:
    """Feature vectors of frames, mapped from one array file per recording."""

    def __init__(self, examples: pd.DataFrame, files: Mapping[str, str | Path]) -> None:
        """Find every frame in the arrays.

        Args:
            examples: columns `recording` and `frame`; its order is the order of the rows.
            files: array file of every recording, float16 of shape (frames, size); beside it an
                index as `clapboard.learning.features` writes it.

        Raises:
            InputError: a frame has no features.
        """
        self.error: InputError | None = None
        self._arrays = []
        self._array = np.zeros(len(examples), np.int64)
        self._place = np.zeros(len(examples), np.int64)
        problems = []
        for number, (recording, rows) in enumerate(examples.groupby("recording").indices.items()):
            array = np.load(files[str(recording)], mmap_mode="r")
            known = np.load(index_file(files[str(recording)]))
            wanted = examples["frame"].to_numpy()[rows]
            place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
            missing = wanted[known[place] != wanted]
            if len(missing):
                problems.append(_without_features(files[str(recording)], missing))
            self._arrays.append(array)
            self._array[rows], self._place[rows] = number, place
        if problems:
            raise InputError(problems)
        self.shape: tuple[int, ...] = self._arrays[0].shape[1:]
        self.dtype = self._arrays[0].dtype

    def fetch(self, rows: NDArray[np.int64]) -> NDArray:
        """The feature vectors of the given rows, shape (rows, size)."""
        fetched = np.empty((len(rows), *self.shape), self.dtype)
        arrays = self._array[rows]
        for number in np.unique(arrays):
            chosen = arrays == number
            fetched[chosen] = self._arrays[number][self._place[rows[chosen]]]
        return fetched


def index_file(features: str | Path) -> Path:
    """The file beside a feature array that holds the frame number of every row, ascending."""
    return Path(features).with_suffix(".frames.npy")


def _without_features(file: str | Path, missing: NDArray[np.int64]) -> Problem:
    return Problem(
        "frame-without-features",
        f"{len(missing)} frames of the dataset have no features",
        "Delete the file and run the workflow again.",
        file=str(file),
        value=f"frame {missing[0]}",
    )
