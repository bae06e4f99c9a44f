"""Rows to batches: shuffled without bias, the same in every run.

The order of an epoch is one permutation of all items, drawn from (seed, epoch): a perfect shuffle
that costs eight bytes an item, and that a training resumed at epoch n meets again as it was.

An item is a frame, or a sequence of them. A row of -1 stands for no frame: it fills up sequences
that are shorter than the others, its data are zeros and said to be no frame, and its target -1 is
left out of every loss and measure. Items that fill up a batch have the target -2, also left out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from clapboard.learning.sources import Source
from clapboard.learning.windows import NONE, Items

PREFETCHED_BATCHES = 4
FILLED = -2
"""Target of an item that only makes a batch as large as the devices need it."""


def training_batches(
    source: Source,
    items: Items,
    targets: NDArray[np.int64],
    batch_size: int,
    seed: int,
    first_epoch: int = 0,
    shares: int = 1,
) -> tf.data.Dataset:
    """Endless (data, targets) batches, epoch after epoch, each in its own order.

    The data of sequences are a pair: what is in their steps, and which of these are frames.

    The last batch of an epoch holds the rest, so an epoch has ceil(items / batch_size) batches.

    Args:
        source: where rows are fetched.
        items: rows of every item, shape (items,) or (items, frames).
        targets: class index of every row of the source, shape (rows,).
        batch_size: items per batch.
        seed: of the order.
        first_epoch: number of the first epoch given, counted from 0.
        shares: equal parts that every batch must have, see `_with_data`.
    """
    numbers = tf.range(len(items), dtype=tf.int64)

    def order(epoch: tf.Tensor) -> tf.data.Dataset:
        shuffled = tf.random.experimental.stateless_shuffle(numbers, seed=tf.stack([seed, epoch]))
        return tf.data.Dataset.from_tensor_slices(shuffled).batch(batch_size)

    epochs = tf.data.Dataset.counter(start=first_epoch)
    return _with_data(epochs.flat_map(order), source, items, targets, shares)


def ordered_batches(
    source: Source,
    items: Items,
    targets: NDArray[np.int64],
    batch_size: int,
    shares: int = 1,
) -> tf.data.Dataset:
    """(data, targets) batches in the order of the items, each once; see `training_batches`."""
    numbers = tf.data.Dataset.range(len(items)).batch(batch_size)
    return _with_data(numbers, source, items, targets, shares)


def _with_data(
    numbers: tf.data.Dataset,
    source: Source,
    items: Items,
    targets: NDArray[np.int64],
    shares: int,
) -> tf.data.Dataset:
    """The items of every batch, repeated to as many as make so many equal shares.

    Each device takes a share, and a convolution fails on one without a picture.
    """

    def fetch(numbers: NDArray[np.int64]) -> tuple[NDArray, NDArray[np.int64], NDArray[np.bool_]]:
        places = -(-len(numbers) // shares) * shares
        rows = items[np.resize(numbers, places)]
        known = rows != NONE
        target = np.where(known, targets[rows], NONE)
        target[len(numbers) :] = FILLED
        if known.all():
            data = source.fetch(rows.ravel())
            return data.reshape(*rows.shape, *source.shape), target, known
        data = np.zeros((*rows.shape, *source.shape), source.dtype)
        data[known] = source.fetch(rows[known])
        return data, target, known

    def load(batch: tf.Tensor) -> tuple[Any, tf.Tensor]:
        types = source.dtype, np.dtype(np.int64), np.dtype(bool)
        data, target, known = tf.numpy_function(fetch, [batch], types, stateful=False)
        data.set_shape((None, *items.shape[1:], *source.shape))
        target.set_shape((None, *items.shape[1:]))
        known.set_shape(target.shape)
        return (data, known) if items.ndim > 1 else data, target

    return numbers.map(load, num_parallel_calls=2, deterministic=True).prefetch(PREFETCHED_BATCHES)
