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
    training: pd.DataFrame,
    test: pd.DataFrame,
    seen: NDArray[np.float32],
    classes: int,
    seed: int,
    left_out: int | None = None,
) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Each of `NAMES` with its answer for every test frame, shape (test frames,).

    Args:
        training: the frames to learn from.
        test: the frames to say something of.
        seen: what `thumbnails` gives of these.
        classes: number of classes.
        seed: of the frames drawn for the nearest neighbour.
        left_out: class whose training frames teach nothing, so that it is never the answer, as
            long as Training shows another one. Recordings still last as long as with it.
    """
    parts, asked = part_of_recording(training), part_of_recording(test)
    learnt = (training["class_index"] != left_out).to_numpy()
    if learnt.any():  # else no frame of another class counts either, for nothing could learn it
        training, parts = training[learnt], parts[learnt]
    answers = (
        majority(training, test, classes),
        time_prior(parts, training["class_index"].to_numpy(), asked, classes),
        nearest_neighbour(training, seen, seed),
    )
    yield from zip(NAMES, answers, strict=True)


def majority(training: pd.DataFrame, test: pd.DataFrame, classes: int) -> NDArray[np.int64]:
    """The most frequent class of Training for every frame, shape (test frames,)."""
    counts = np.bincount(training["class_index"], minlength=classes)
    return np.full(len(test), int(counts.argmax()), np.int64)


def time_prior(
    parts: NDArray[np.int64], shown: NDArray[np.int64], asked: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """The class that Training subjects mostly show at that part of their recordings.

    Where Training shows nothing, its most frequent class is the answer.

    Args:
        parts: what `part_of_recording` gives of the training frames.
        shown: their classes, shape (training frames,).
        asked: what `part_of_recording` gives of the test frames.
        classes: number of classes.
    """
    counts = np.zeros((PARTS, classes))
    np.add.at(counts, (parts, shown), 1)
    answers = np.where(counts.any(axis=1), counts.argmax(axis=1), counts.sum(axis=0).argmax())
    return answers[asked].astype(np.int64)


def nearest_neighbour(
    training: pd.DataFrame, asked: NDArray[np.float32], seed: int
) -> NDArray[np.int64]:
    """The class of the training frame whose grey thumbnail is nearest, shape (test frames,).

    Args:
        training: the frames to look among.
        asked: what `thumbnails` gives of the test frames.
        seed: of the training frames that are drawn where there are many.
    """
    if len(training) > MOST_EXAMPLES:
        training = training.sample(MOST_EXAMPLES, random_state=seed)
    known = thumbnails(training["file"])
    classes, lengths = training["class_index"].to_numpy(), (known**2).sum(axis=1)
    answers = np.empty(len(asked), np.int64)
    for start in range(0, len(asked), CHUNK):
        part = asked[start : start + CHUNK]
        answers[start : start + CHUNK] = classes[(lengths - 2 * part @ known.T).argmin(axis=1)]
    return answers


def part_of_recording(frames: pd.DataFrame) -> NDArray[np.int64]:
    """In which part of its recording each frame lies, 0 to PARTS - 1, shape (frames,).

    The parts of a recording are of equal length, from its first frame in the set to its last.
    """
    seconds = frames.groupby("recording")["seconds"]
    first, last = seconds.transform("min"), seconds.transform("max")
    share = (frames["seconds"] - first) / (last - first).replace(0, 1)
    return np.minimum((share.to_numpy() * PARTS).astype(np.int64), PARTS - 1)


def thumbnails(files: pd.Series) -> NDArray[np.float32]:
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
