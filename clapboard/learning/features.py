"""Features of a backbone, computed once per frame and used by every head, fold and sequence."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from tqdm import tqdm

from clapboard.artifacts import replacing
from clapboard.learning import devices
from clapboard.learning.backbones import make_backbone
from clapboard.learning.sources import Pictures, index_file
from clapboard.learning.stored import read_stored
from clapboard.parts import Rows, in_parts
from clapboard.problems import InputError, Problem
from clapboard.settings.backbones import SMALLEST

CPU_BATCH, GPU_BATCH = 8, 64
MOST_AT_ONCE = 4
"""Copies of a backbone on a CPU, which share the cores; each keeps its own weights in memory."""
TOLERANCE = 2e-2
"""Half precision agrees with single precision to this share of the largest feature; LiteRT with
TensorFlow to a thousandth of it."""


class Extractor(Protocol):
    """Pictures to feature vectors.

    Attributes:
        size: length of a vector.
        batch: pictures it takes at once.
        at_once: batches that are under way at the same time, in threads.
        alone: whether it keeps all cores busy, so that each thread decodes its own pictures.
    """

    size: int
    batch: int
    at_once: int
    alone: bool

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.floating]:
        """Features of up to `batch` pictures, shape (pictures, size)."""


def compute_features(
    manifests: Sequence[str | Path],
    settings: Mapping[str, Any],
    features: str | Path,
    threads: int = 0,
) -> None:
    """Write the features of every stored frame of one recording.

    Args:
        manifests: the recording's chapters in order, ``resized/{recording}/{chapter}/manifest``,
            or the manifest of its shard.
        settings: ``backbone``, ``weights``, ``mixed_precision`` and ``seed`` of a model.
        features: written; float16 array of shape (frames, size). Beside it
            (`clapboard.learning.sources.index_file`) the frame number of every row, int64.
        threads: cores to use, 0 for all.

    Raises:
        InputError: a frame cannot be read, the backbone cannot be had, or its features are not
            finite, or zero for every frame, in half precision.
    """
    devices.prepare(settings["seed"], threads)
    frames, files = _stored(manifests)
    pictures = Pictures(files, threads) if len(files) else None
    shape = pictures.shape if pictures else (SMALLEST, SMALLEST, 3)
    extract = make_extractor(make_backbone(shape, settings), settings, threads)
    form = {"descr": "<f2", "fortran_order": False, "shape": (len(files), extract.size)}
    with replacing(features) as temporary:
        # Not mapped into memory: on a full disk that is a signal, not an error.
        shown = tqdm(total=len(files), desc="features", unit="frame")
        with temporary.open("wb") as file, shown as progress:
            np.lib.format.write_array_header_1_0(file, form)
            if pictures:
                zero = True
                for vectors in _extracted(pictures, len(files), extract):
                    kept = _halved(vectors, settings)
                    zero = zero and not kept.any()
                    file.write(kept.tobytes())
                    progress.update(len(vectors))
                if zero:
                    raise _useless("0 for every frame", settings)
        with replacing(index_file(features)) as index:
            np.save(index, frames)


def make_extractor(
    backbone: keras.Model, settings: Mapping[str, Any], threads: int = 0
) -> Extractor:
    """LiteRT on a CPU, TensorFlow on a GPU."""
    if tf.config.list_physical_devices("GPU"):
        return OnGpu(backbone, devices.precision(settings["mixed_precision"]))
    return OnCpu(backbone, threads)


class OnCpu:
    """A backbone converted to LiteRT, single precision, in copies that work side by side.

    Two copies with a thread each do more than one with two threads, which wait for each other in
    every layer, and for the pictures.
    """

    batch, alone = CPU_BATCH, True

    def __init__(self, backbone: keras.Model, threads: int = 0) -> None:
        """Convert the backbone for batches of a fixed size."""
        cores = threads or len(os.sched_getaffinity(0))
        self.at_once = min(cores, MOST_AT_ONCE)
        self.size = backbone.output_shape[-1]
        shape = (self.batch, *backbone.input_shape[1:])
        signature = [tf.TensorSpec(shape, tf.float32)]
        function = tf.function(backbone, input_signature=signature).get_concrete_function()
        # The backbone is not named along with its function: its weights would not be frozen.
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
        content = converter.convert()
        self._idle: SimpleQueue[Interpreter] = SimpleQueue()
        for _ in range(self.at_once):
            model = Interpreter(model_content=content, num_threads=cores // self.at_once)
            model.allocate_tensors()
            self._idle.put(model)

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.floating]:
        """Features of up to `batch` pictures, shape (pictures, size)."""
        model = self._idle.get()
        try:
            (taken,), (given,) = model.get_input_details(), model.get_output_details()
            # In place, for fresh memory for a batch costs as much as a picture to decode. What a
            # last batch does not fill keeps the pictures of another.
            model.tensor(taken["index"])()[: len(pictures)] = pictures
            model.invoke()
            return model.get_tensor(given["index"])[: len(pictures)]
        finally:
            self._idle.put(model)


class OnGpu:
    """A backbone run by TensorFlow, in half precision where the GPU is quick at it."""

    batch, alone = GPU_BATCH, False
    at_once = 3
    """One more than it needs to be busy, so that it does not wait for pictures."""

    def __init__(self, backbone: keras.Model, policy: str) -> None:
        """Take the backbone, rebuilt under the dtype policy `policy`."""
        self.size = backbone.output_shape[-1]
        self._backbone = backbone
        if policy != "float32":
            self._backbone = keras.models.clone_model(
                backbone,
                clone_function=lambda layer: layer.from_config(
                    layer.get_config() | {"dtype": policy}
                ),
            )
            self._backbone.set_weights(backbone.get_weights())
        self._run = tf.function(self._backbone, reduce_retracing=True)

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.floating]:
        """Features of up to `batch` pictures, shape (pictures, size)."""
        return self._run(tf.constant(pictures, tf.float32)).numpy()


def _extracted(
    pictures: Pictures, count: int, extract: Extractor
) -> Iterator[NDArray[np.floating]]:
    """Features in the order of the pictures, batch by batch."""
    fetch = pictures.fetch_alone if extract.alone else pictures.fetch

    def features(rows: NDArray[np.int64]) -> NDArray[np.floating]:
        return extract(fetch(rows))

    waiting: deque[Future[NDArray[np.floating]]] = deque()
    with ThreadPoolExecutor(extract.at_once) as pool:
        for start in range(0, count, extract.batch):
            rows = np.arange(start, min(start + extract.batch, count))
            waiting.append(pool.submit(features, rows))
            if len(waiting) > extract.at_once + 1:
                yield waiting.popleft().result()
        for vectors in waiting:
            yield vectors.result()


def _halved(vectors: NDArray[np.floating], settings: Mapping[str, Any]) -> NDArray[np.float16]:
    """Features as they are kept."""
    with np.errstate(over="ignore"):
        kept = vectors.astype("<f2")
    if not np.isfinite(kept).all():
        raise _useless("no numbers, or too large", settings)
    return kept


def _useless(what: str, settings: Mapping[str, Any]) -> InputError:
    """Features that nothing can be learnt from."""
    message = f"the features of {settings['backbone']} are {what} in half precision"
    remedy = "Set weights to imagenet or to a file of learnt weights, or take another backbone."
    place = {"column": "weights", "value": settings["weights"]}
    return InputError([Problem("useless-features", message, remedy, **place)])


def _stored(manifests: Sequence[str | Path]) -> tuple[NDArray[np.int64], Rows]:
    """Numbers and files of the frames that the chapters' manifests list, ascending."""
    stored = read_stored(manifests)
    return np.concatenate(list(in_parts(stored.frames)) or [stored.frames[:]]), stored.files
