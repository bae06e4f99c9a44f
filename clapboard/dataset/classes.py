"""The classes of the dataset: which there are, and the table of them, ``labels.csv``."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import pyarrow.compute as pc
from tqdm import tqdm

from clapboard import artifacts
from clapboard.annotations.labels import folder_name
from clapboard.problems import InputError, Problem, refuse

CLASS_COLUMNS = ("index", "label", "folder")


def class_rows(classes: Sequence[str]) -> Iterator[tuple[int, str, str]]:
    """The rows of ``labels.csv`` for labels in the order of their class index."""
    return ((code, label, folder_name(label)) for code, label in enumerate(classes))


def labels_of(labels_file: str) -> list[str]:
    """The labels that the selected frames of ``labels/{id}.parquet`` have, each once."""
    table, _ = artifacts.read_parquet(labels_file, ["label", "selected"])
    return pc.unique(table["label"].filter(table["selected"])).to_pylist()


def find_classes(
    recordings: Sequence[Mapping[str, str]], labels_files: Mapping[str, str], unseen: str
) -> list[str]:
    """The classes, sorted: labels of which Training has a selected frame.

    Args:
        recordings: ``id`` and ``split`` of each.
        labels_files: ``labels/{id}.parquet`` by recording id.
        unseen: what becomes of a label that another split has and Training has not: ``refuse`` or
            ``drop``, which says so.

    Raises:
        InputError: Training has no labelled frame, or `unseen` is ``refuse`` and there is such a
            label.
    """
    holders: dict[str, list[str]] = defaultdict(list)
    trained = set[str]()
    for recording in recordings:
        labels = labels_of(labels_files[recording["id"]])
        for label in labels:
            holders[label].append(recording["id"])
        if recording["split"] == "Training":
            trained.update(labels)
    if not trained:
        message = "No recording of the Training split has a labelled frame"
        remedy = "Give a subject with annotations the split Training."
        raise InputError([Problem("nothing-to-train", message, remedy, column="split")])
    missing = sorted(set(holders) - trained)
    if unseen == "refuse":
        refuse([_unseen(label, holders[label]) for label in missing])
    for label in missing:
        tqdm.write(f"left out, since no subject in Training has it: {label}", file=sys.stderr)
    return sorted(trained)


def _unseen(label: str, holders: Sequence[str]) -> Problem:
    """The problem of a label that nothing can be trained with."""
    return Problem(
        check="label-unseen-in-training",
        message=f"No subject in Training has this label, but {', '.join(holders)} has",
        remedy="Move a subject that has it to Training, give it an alias, ignore it, or set "
        "annotations.unseen to drop.",
        column="annotations.unseen",
        value=label,
    )
