"""Frames to batches: pictures decoded in parallel, shuffled without bias, the same in every run.

The order of an epoch is one permutation of all frames, drawn from (seed, epoch): a perfect shuffle
that costs eight bytes a frame, and that a training resumed at epoch n meets again as it was.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import simplejpeg
import tensorflow as tf
from numpy.typing import NDArray

from clapboard.problems import InputError, Problem

PREFETCHED_BATCHES = 4


class Pictures:
    """The decoded pictures of a list of JPEG files, fetched by row number.

    Attributes:
        shape: (height, width, 3) that all of them have.
        error: the first failure of `fetch`, None if there was none.
    """

    def __init__(self, files: Sequence[str], threads: int | None = None) -> None:
        """Take the shape from the first file.

        Raises:
            InputError: there is no file, or the first one is not a JPEG.
        """
        if not files:
            raise InputError(
                [
                    Problem(
                        "no-frames",
                        "there is no frame to read",
                        "Check the splits in the table of recordings and the sheets.",
                    )
                ]
            )
        self._files = list(files)
        self.error: InputError | None = None
        self._pool = ThreadPoolExecutor(threads or os.cpu_count())
        self.shape = self._decode(0).shape

    def __len__(self) -> int:
        return len(self._files)

    def fetch(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Pictures of the given rows, uint8, shape (rows, height, width, 3), in that order.

        Raises:
            InputError: a file is missing, is no JPEG, or differs in size from the first.
        """
        pictures = np.empty((len(rows), *self.shape), np.uint8)
        try:
            for place, picture in enumerate(self._pool.map(self._decode, rows)):
                if picture.shape != self.shape:
                    raise InputError([self._problem(rows[place], "frames differ in size")])
                pictures[place] = picture
        except InputError as error:
            self.error = self.error or error
            raise
        return pictures

    def _decode(self, row: int) -> NDArray[np.uint8]:
        try:
            return simplejpeg.decode_jpeg(Path(self._files[row]).read_bytes())
        except (OSError, ValueError) as error:
            raise InputError([self._problem(row, f"frame cannot be read: {error}")]) from error

    def _problem(self, row: int, message: str) -> Problem:
        return Problem(
            "unreadable-frame",
            message,
            "Delete the folder of this chapter below resized/ and run the workflow again.",
            file=self._files[row],
        )


def training_batches(
    pictures: Pictures,
    classes: NDArray[np.int64],
    batch_size: int,
    seed: int,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Endless (pictures, class indices) batches, epoch after epoch, each in its own order.

    The last batch of an epoch holds the rest, so an epoch has ceil(frames / batch_size) batches.

    Args:
        pictures: where rows are decoded.
        classes: class index of every row, shape (rows,).
        batch_size: frames per batch.
        seed: of the order.
        first_epoch: number of the first epoch given, counted from 0.
    """
    rows = tf.range(len(classes), dtype=tf.int64)

    def order(epoch: tf.Tensor) -> tf.data.Dataset:
        shuffled = tf.random.experimental.stateless_shuffle(rows, seed=tf.stack([seed, epoch]))
        return tf.data.Dataset.from_tensor_slices(shuffled).batch(batch_size)

    epochs = tf.data.Dataset.counter(start=first_epoch)
    return _with_pictures(epochs.flat_map(order), pictures, classes)


def ordered_batches(
    pictures: Pictures, classes: NDArray[np.int64], batch_size: int
) -> tf.data.Dataset:
    """(pictures, class indices) batches in the order of the rows, each row once."""
    rows = tf.data.Dataset.range(len(classes)).batch(batch_size)
    return _with_pictures(rows, pictures, classes)


def _with_pictures(
    rows: tf.data.Dataset, pictures: Pictures, classes: NDArray[np.int64]
) -> tf.data.Dataset:
    targets = tf.constant(classes)

    def load(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        decoded = tf.numpy_function(pictures.fetch, [batch], tf.uint8, stateful=False)
        decoded.set_shape((None, *pictures.shape))
        return decoded, tf.gather(targets, batch)

    return rows.map(load, num_parallel_calls=2, deterministic=True).prefetch(PREFETCHED_BATCHES)
