"""A trained model's answer for every frame of a set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from clapboard.learning import data, failures
from clapboard.learning.devices import HALF, SINGLE
from clapboard.learning.each_frame import EachFrame
from clapboard.learning.inputs import Inputs, sees_frames
from clapboard.learning.transfer import head_of
from clapboard.learning.windows import Merged

OWN = {"clapboard>EachFrame": EachFrame}
"""The one layer that is not Keras' own."""


def load(model: str | Path, settings: Mapping[str, Any]) -> keras.Model:
    """A saved model, or its head alone where the features of its backbone are at hand."""
    network = load_whole(model)
    if settings["architecture"] == "transfer" and not sees_frames(settings):
        return head_of(network)
    return network


def load_whole(model: str | Path) -> keras.Model:
    """A saved model as it is."""
    return keras.models.load_model(model, compile=False, custom_objects=OWN, safe_mode=True)


def in_single_precision(network: keras.Model) -> keras.Model:
    """A network as it is, or one that was taught in half precision, as one that was not."""
    described = network.to_json()
    if HALF not in described:
        return network
    described = described.replace(HALF, SINGLE)
    single = keras.models.model_from_json(described, custom_objects=OWN)
    single.set_weights(network.get_weights())
    return single


def recognise(network: keras.Model, seen: Inputs) -> NDArray[np.floating]:
    """Class probabilities of every row, shape (rows, classes); see `recognised`."""
    return np.concatenate(list(recognised(network, seen)))


def recognised(network: keras.Model, seen: Inputs) -> Iterator[NDArray[np.floating]]:
    """Class probabilities of all rows in order, part by part, each of shape (rows, classes).

    Sequences overlap; a frame gets the mean over the windows that hold it.

    Args:
        network: gives probabilities.
        seen: frames, or windows that cover them all.

    Raises:
        InputError: a frame cannot be read, or memory runs out.
    """
    batches = data.ordered_batches(seen.source, seen.items, seen.targets, seen.batch_size)
    rows = len(seen.targets)
    merged: Merged | None = None
    reached = 0
    with (
        failures.explained(seen.batch_size, seen.source),
        tqdm(total=rows, unit="frame", desc="recognised") as progress,
    ):
        for batch, _ in batches:
            answers = _answers(network, batch)
            if seen.items.ndim > 1:
                merged = merged or Merged(answers.shape[-1])
                merged.add(seen.items[np.arange(reached, reached + len(answers))], answers)
                reached += len(answers)
                more = reached < len(seen.items)
                answers = merged.take(int(seen.items[np.array([reached])][0, 0]) if more else rows)
            progress.update(len(answers))
            yield answers


def _answers(network: keras.Model, batch: Any) -> NDArray[np.floating]:
    """Probabilities of a batch; of sequences those of the same length together, without filling.

    So an answer does not depend on the sequences beside it. Steps that are no frame get zeros.
    """
    if not isinstance(batch, tuple):
        return network.predict_on_batch(batch)
    data, known = (part.numpy() for part in batch)
    if known.all():
        return network.predict_on_batch(data)
    lengths = known.sum(axis=1)
    parts = {
        length: network.predict_on_batch(data[lengths == length, :length])
        for length in np.unique(lengths).tolist()
    }
    classes = next(iter(parts.values())).shape[-1]
    answers = np.zeros((*known.shape, classes), np.float32)
    for length, part in parts.items():
        answers[lengths == length, :length] = part
    return answers
