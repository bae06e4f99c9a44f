"""TensorFlow across several nodes, and what Keras 3 lacks for it.

Keras (3.15) fits a model under MultiWorkerMirroredStrategy but for two places: it reduces the
figures of a step along an axis that numbers do not have, and it looks at the first batch of one
worker as if it were a plain array. Here figures are the mean over all workers, so that each of them
stops at the same epoch, and the model is built before the first batch.
"""

from __future__ import annotations

import json
import os
from functools import cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def workers() -> int:
    """How many workers train together; 1 without a cluster."""
    cluster = json.loads(os.environ.get("TF_CONFIG", "{}")).get("cluster", {})
    return max(1, len(cluster.get("worker", ())))


@cache
def strategy() -> tf.distribute.Strategy:
    """All devices of all workers working on one model; to be called before any operation."""
    from keras.src.backend.tensorflow import trainer  # not part of what Keras promises to keep

    trainer.reduce_per_replica = _mean_of_all
    return tf.distribute.MultiWorkerMirroredStrategy()


def _mean_of_all(values: Any, strategy: tf.distribute.Strategy, reduction: str) -> Any:
    """The figures of a step, the mean over all replicas of all workers."""
    return keras.tree.map_structure(lambda value: strategy.reduce("MEAN", value, axis=None), values)


def build(learner: keras.Model, item_axes: int) -> None:
    """Build a compiled model, so that no batch is needed for it.

    On several GPUs Keras would take the mean of their shares of the first batch, and fail where one
    is larger.

    Args:
        learner: compiled.
        item_axes: axes of the targets of a batch, 1 for frames, 2 for sequences.
    """
    data = [np.zeros([side or 1 for side in each.shape], each.dtype) for each in learner.inputs]
    targets = np.zeros(data[0].shape[:item_axes], np.int64)
    with learner.distribute_strategy.scope():
        learner._symbolic_build(data_batch=(tuple(data) if len(data) > 1 else data[0], targets))
    learner._maybe_symbolic_build = lambda *_, **__: None


def shared(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Batches of which every worker takes its share."""
    options = tf.data.Options()
    policy = tf.data.experimental.AutoShardPolicy.DATA
    options.experimental_distribute.auto_shard_policy = policy
    return batches.with_options(options)
