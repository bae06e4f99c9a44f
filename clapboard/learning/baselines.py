"""What is reached without any model: the figures every result has to be read against."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import simplejpeg
from numpy.typing import NDArray

from clapboard.pictures.addresses import read_picture

NAMES = ("majority", "time_prior", "nearest_neighbour")
"""Those that say something of every frame; chance is what is expected of a draw."""

PARTS = 50
"""Parts of a recording that the time prior tells apart."""

THUMBNAIL = 8
MOST_EXAMPLES = 20_000
"""Training frames that the nearest neighbour is looked for among; more are drawn from."""

CHUNK = 1024


def said(
    training: pd.DataFrame, test: pd.DataFrame, classes: int, seed: int
) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Each of `NAMES` with its answer for every test frame, shape (test frames,)."""
    answers = (
        majority(training, test, classes),
        time_prior(training, test, classes),
        nearest_neighbour(training, test, seed),
    )
    yield from zip(NAMES, answers, strict=True)


def majority(training: pd.DataFrame, test: pd.DataFrame, classes: int) -> NDArray[np.int64]:
    """The most frequent class of Training for every frame, shape (test frames,)."""
    counts = np.bincount(training["class_index"], minlength=classes)
    return np.full(len(test), int(counts.argmax()), np.int64)


def time_prior(training: pd.DataFrame, test: pd.DataFrame, classes: int) -> NDArray[np.int64]:
    """The class that Training subjects mostly show at that part of their recordings.

    Recordings are divided into `PARTS` parts of equal length from their first frame in the set to
    their last; where Training shows nothing, its most frequent class is the answer.
    """
    counts = np.zeros((PARTS, classes))
    np.add.at(counts, (_part(training), training["class_index"].to_numpy()), 1)
    answers = np.where(counts.any(axis=1), counts.argmax(axis=1), counts.sum(axis=0).argmax())
    return answers[_part(test)].astype(np.int64)


def nearest_neighbour(training: pd.DataFrame, test: pd.DataFrame, seed: int) -> NDArray[np.int64]:
    """The class of the training frame whose grey thumbnail is nearest, shape (test frames,)."""
    if len(training) > MOST_EXAMPLES:
        training = training.sample(MOST_EXAMPLES, random_state=seed)
    known, asked = _thumbnails(training["file"]), _thumbnails(test["file"])
    classes, lengths = training["class_index"].to_numpy(), (known**2).sum(axis=1)
    answers = np.empty(len(asked), np.int64)
    for start in range(0, len(asked), CHUNK):
        part = asked[start : start + CHUNK]
        answers[start : start + CHUNK] = classes[(lengths - 2 * part @ known.T).argmin(axis=1)]
    return answers


def _part(frames: pd.DataFrame) -> NDArray[np.int64]:
    """In which part of its recording each frame lies, 0 to PARTS - 1."""
    seconds = frames.groupby("recording")["seconds"]
    first, last = seconds.transform("min"), seconds.transform("max")
    share = (frames["seconds"] - first) / (last - first).replace(0, 1)
    return np.minimum((share.to_numpy() * PARTS).astype(np.int64), PARTS - 1)


def _thumbnails(files: pd.Series) -> NDArray[np.float32]:
    """Grey pictures of 8 x 8 mean values, shape (files, 64)."""
    found = np.empty((len(files), THUMBNAIL**2), np.float32)
    paths = files.to_numpy()
    with ThreadPoolExecutor() as pool:
        # A pool remembers all that it is given, which for millions of files would be gigabytes.
        for start in range(0, len(paths), CHUNK):
            part = paths[start : start + CHUNK]
            for row, values in enumerate(pool.map(_thumbnail, part), start):
                found[row] = values
    return found


def _thumbnail(file: str) -> NDArray[np.float32]:
    # The decoder halves the sides as often as it can by itself, which costs next to nothing.
    grey = simplejpeg.decode_jpeg(
        read_picture(file), "GRAY", min_height=THUMBNAIL, min_width=THUMBNAIL, min_factor=2
    )[..., 0]
    rows = np.linspace(0, grey.shape[0], THUMBNAIL + 1).astype(int)
    columns = np.linspace(0, grey.shape[1], THUMBNAIL + 1).astype(int)
    sums = np.add.reduceat(np.add.reduceat(grey, rows[:-1], 0, np.float32), columns[:-1], 1)
    return (sums / np.outer(np.diff(rows), np.diff(columns))).ravel()
