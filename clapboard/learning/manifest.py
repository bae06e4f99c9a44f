"""The dataset as tables: which frames, of which class, by whom. No TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clapboard.artifacts import read_csv, read_parquet
from clapboard.learning.folds import leave_out
from clapboard.pictures.addresses import find_in_shards
from clapboard.problems import InputError, Problem

COLUMNS = (
    "path",
    "split",
    "label",
    "recording",
    "subject",
    "session",
    "camera",
    "frame",
    "seconds",
)


def read_classes(labels: str | Path) -> tuple[str, ...]:
    """Labels in the order of their class index, from ``Data/labels.csv`` and nothing else.

    Raises:
        InputError: the indices are not 0, 1, 2, ...
    """
    rows = {int(row["index"]): row["label"] for row in read_csv(labels)}
    if not rows or sorted(rows) != list(range(len(rows))):
        raise InputError(
            [
                Problem(
                    "class-index",
                    "class indices must count 0, 1, 2, ... without a hole",
                    "Delete the file and run the workflow again.",
                    file=str(labels),
                    column="index",
                )
            ]
        )
    return tuple(rows[index] for index in range(len(rows)))


def read_examples(
    manifest: str | Path,
    labels: str | Path,
    data_folder: str | Path,
    split: str | None = None,
    test_subject: str | None = None,
    shards: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """One row per frame of `split` (None: of all), ordered by recording and frame.

    Args:
        manifest: ``Data/manifest.parquet``.
        labels: ``Data/labels.csv``.
        data_folder: the folder that the paths of the manifest start from.
        split: take only this one.
        test_subject: divide anew first, see `clapboard.learning.folds.leave_out`.
        shards: read pictures from these instead of the folders: ``shards/{id}.parquet`` by
            recording id.

    Returns:
        Columns `file` (address of the picture), `class_index` (from `labels`), and as in the
        manifest `label`, `split`, `recording`, `subject`, `session`, `camera`, `frame`, `seconds`.

    Raises:
        InputError: a label of the manifest is not in `labels`, or there are too few subjects.
    """
    classes = read_classes(labels)
    table, _ = read_parquet(manifest, COLUMNS)
    examples = table.to_pandas()
    if test_subject is not None:
        examples["split"] = leave_out(examples, test_subject)
    if split is not None:
        examples = examples[examples["split"] == split]
    unknown = sorted(set(examples["label"]) - set(classes))
    if unknown:
        raise InputError(
            [
                Problem(
                    "unknown-class",
                    f"a label of the manifest is not in {labels}",
                    "Run the workflow again so that both are made from the same sheets.",
                    file=str(manifest),
                    column="label",
                    value=label,
                )
                for label in unknown
            ]
        )
    index = {label: number for number, label in enumerate(classes)}
    examples = examples.sort_values(["recording", "frame"], ignore_index=True)
    examples["class_index"] = examples["label"].map(index).astype(np.int64)
    paths = examples.pop("path")
    if shards:
        examples["file"] = find_in_shards(shards, examples["recording"], examples["frame"])
    else:
        examples["file"] = f"{Path(data_folder)}/" + paths  # `Path` by row takes a minute a million
    return examples


def of_split(examples: pd.DataFrame, split: str) -> pd.DataFrame:
    """The examples of one split, rows numbered anew."""
    return examples[examples["split"] == split].reset_index(drop=True)


def class_counts(examples: pd.DataFrame, classes: int) -> NDArray[np.int64]:
    """Frames per class, shape (classes,); an index of -1 is of none."""
    index = examples["class_index"].to_numpy()
    return np.bincount(index[index >= 0], minlength=classes)


def balanced_weights(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Weight per class so that every class counts the same and the mean weight of a frame is 1.

    n / (k * n_c) for n frames, k classes and n_c frames of class c (King and Zeng, 2001); 0 for a
    class without frames.
    """
    seen = counts > 0
    weights = np.zeros(len(counts))
    weights[seen] = counts.sum() / (seen.sum() * counts[seen])
    return weights
