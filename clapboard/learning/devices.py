"""The machine a model runs on: seeds, threads, GPUs and number formats."""

from __future__ import annotations

import logging
import os
from functools import cache

import keras
import tensorflow as tf

from clapboard.learning import nodes

log = logging.getLogger(__name__)

HALF, SINGLE = "mixed_float16", "float32"
"""Dtype policies of Keras."""

HALF_PRECISION_SINCE = (7, 0)
"""GPU compute capability from which half precision is faster than single."""


def prepare(seed: int, threads: int = 0) -> None:
    """Seed every generator and bind TensorFlow to `threads` cores (0: all).

    On a CPU two runs then agree bit for bit. On a GPU the ops stay the fast ones, whose sums may
    differ in the last digit.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(seed)
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if not gpus:
        tf.config.experimental.enable_op_determinism()
        if granted := os.environ.get("SLURM_GPUS_ON_NODE"):
            log.warning(
                "Slurm gave this job %s GPU(s), and TensorFlow sees none: it works on the CPU. "
                "Is the environment that of `make env GPU=1`?",
                granted,
            )
    if threads and tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    if nodes.workers() > 1:
        nodes.strategy()


def precision(setting: str) -> str:
    """Keras' dtype policy for ``mixed_precision``: auto, on or off.

    ``auto`` means half precision where every GPU is quick at it, else single precision.
    """
    if setting == "on":
        return HALF
    gpus = tf.config.list_physical_devices("GPU")
    quick = [
        tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        >= HALF_PRECISION_SINCE
        for gpu in gpus
    ]
    return HALF if setting == "auto" and gpus and all(quick) else SINGLE


def strategy() -> tf.distribute.Strategy:
    """All GPUs of this machine, or of all nodes, on one model; TensorFlow's default without."""
    if nodes.workers() > 1:
        return nodes.strategy()
    if tf.config.list_physical_devices("GPU"):
        return mirrored()
    return tf.distribute.get_strategy()


@cache
def mirrored(*names: str) -> tf.distribute.Strategy:
    """Devices of this machine (none named: all GPUs) on one model, the same in all phases.

    Two of them in one process take each other's sums for their own, and no variable of one can be
    trained under the other.
    """
    return tf.distribute.MirroredStrategy(names or None)
