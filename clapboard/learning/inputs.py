"""What a model gets to see of a set of frames: single frames or sequences, pictures or features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clapboard.learning.kept import kept_within
from clapboard.learning.sources import Features, Pictures, Source
from clapboard.learning.stored import StoredFeatures, StoredFrames
from clapboard.learning.windows import Items, Singly, Windows, holding, stretches
from clapboard.parts import Rows
from clapboard.problems import InputError, Problem
from clapboard.timing.gaps import unbroken

OVERLAP = 2
"""Every frame is recognised in about so many windows, whose probabilities are averaged."""

Settings = Mapping[str, Any]
Files = TypeVar("Files")


@dataclass(frozen=True)
class Inputs:
    """The items of a set of frames.

    Attributes:
        source: where rows are fetched; row i is frame i of the set.
        items: rows of every item, shape (items,) or (items, frames); -1 for no frame.
        targets: class index of every row, shape (rows,).
        shape: of an item without the batch; None for a number of frames that may vary.
        batch_size: items in a step.
    """

    source: Source
    items: Items
    targets: NDArray[np.int64]
    shape: tuple[int | None, ...]
    batch_size: int

    @property
    def batches(self) -> int:
        """Steps of an epoch."""
        return ceil(len(self.items) / self.batch_size)

    def kept(self, room: float, folder: Path) -> tuple[Inputs, float]:
        """The same, with pictures kept on disk once decoded if there is room for all.

        Args:
            room: bytes that they may take.
            folder: where.

        Returns:
            The inputs, and the room that is left.
        """
        if not isinstance(self.source, Pictures):
            return self, room
        source, left = kept_within(self.source, len(self.targets), room, folder)
        return replace(self, source=source), left


def sees_frames(settings: Settings) -> bool:
    """Whether the model looks at pictures rather than at features of a backbone."""
    kind = settings["architecture"]
    return kind == "cnn" or bool(settings.get("fine_tune")) or settings.get("input") == "frames"


def make_inputs(
    examples: pd.DataFrame,
    settings: Settings,
    threads: int = 0,
    features: Mapping[str, str] | None = None,
    covering: bool = False,
) -> Inputs:
    """The items that a model with `settings` learns from, or recognises.

    Args:
        examples: see `clapboard.learning.manifest.read_examples`.
        settings: one section of ``models``.
        threads: that decode pictures, 0 for one per core.
        features: feature file of every recording, for models that learn from features.
        covering: all frames, and windows that overlap, for recognising; else what there is to
            learn from: items with a frame whose class index is not -1.

    Raises:
        InputError: a frame cannot be read or has no features.
    """
    files = examples["file"].array  # an object a frame would take as much as all else
    source = _source(settings, files, threads, features, partial(Features, examples))
    items = _items(len(examples), lambda gap: stretches(examples, gap), settings, covering)
    targets = examples["class_index"].to_numpy()
    if not covering:
        items = holding(items, targets >= 0)
    return _inputs(source, items, targets, settings)


def inputs_of_recording(
    stored: StoredFrames,
    settings: Settings,
    threads: int = 0,
    features: str | Path | None = None,
) -> Inputs:
    """The items that a model with `settings` recognises in one recording, of no class.

    Nothing is held of a frame.

    Args:
        stored: its frames.
        settings: one section of ``models``.
        threads: that decode pictures, 0 for one per core.
        features: its feature file, for models that learn from features.

    Raises:
        InputError: there is no frame, the first cannot be read, or it has no features.
    """
    known = partial(StoredFeatures, stored.frames)
    source = _source(settings, stored.files, threads, features, known)
    items = _items(len(stored), lambda gap: unbroken(stored.seconds, gap), settings, True)
    return _inputs(source, items, np.broadcast_to(np.int64(0), len(stored)), settings)


def _source(
    settings: Settings,
    files: Rows,
    threads: int,
    features: Files | None,
    known: Callable[[Files], Source],
) -> Source:
    """Pictures, or what is `known` from features, whichever the model learns from."""
    if sees_frames(settings):
        return Pictures(files, threads)
    if features is None:
        raise _no_features(settings)
    return known(features)


def _items(
    rows: int, found: Callable[[float], list[range]], settings: Settings, covering: bool
) -> Items:
    """Each row, or windows over the stretches that are `found` with a gap."""
    if "window" not in settings:
        return Singly(rows)
    length = settings["window"]
    stride = max(length // OVERLAP, 1) if covering else settings.get("stride", length)
    return Windows(found(settings["gap"]), length, stride)


def _inputs(source: Source, items: Items, targets: NDArray[np.int64], settings: Settings) -> Inputs:
    shape = (None, *source.shape) if items.ndim > 1 else source.shape
    return Inputs(source, items, targets, shape, settings["batch_size"])


def _no_features(settings: Settings) -> InputError:
    return InputError(
        [
            Problem(
                "features-missing",
                f"a model of architecture {settings['architecture']} learns from features",
                "Name the feature file of every recording.",
                value=settings["backbone"],
            )
        ]
    )
