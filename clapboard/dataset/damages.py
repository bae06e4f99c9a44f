"""What damage in videos has cost the dataset: a list of all stretches that were left out."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from clapboard import artifacts
from clapboard.arrow import column, numbers
from clapboard.problems import Problem, refuse

COLUMNS = (
    "recording",
    "chapter",
    "file",
    "first_frame",
    "last_frame",
    "first_seconds",
    "last_seconds",
)


def write_damages(
    recordings: Sequence[Mapping[str, str]],
    labels_files: Mapping[str, str],
    manifests: Mapping[str, Sequence[str]],
    output: str | os.PathLike[str],
) -> None:
    """Write ``audit/damaged.csv``, empty but for its header when nothing is damaged.

    Args:
        recordings: `id` and `split` of each.
        labels_files: ``labels/{id}.parquet`` by recording.
        manifests: ``resized/{id}/{chapter}/manifest.parquet`` of all chapters by recording, or
            ``shards/{id}.parquet`` alone.
        output: CSV file to write, columns `COLUMNS`: selected frames that could not be decoded.

    Raises:
        InputError: damage has left Training no frame of a label.
    """
    rows, files = list[tuple[object, ...]](), set[str]()
    left, lost = Counter[str](), Counter[str]()
    for recording in recordings:
        name, spoilt = recording["id"], list[NDArray[np.int64]]()
        for manifest in manifests[name]:
            _, facts = artifacts.read_parquet(manifest, [])
            for part in facts.get("damages", [facts]):
                for stretch in part.get("spoilt", ()):
                    rows.append((name, part["chapter"], part["file"], *stretch))
                    spoilt.append(np.arange(stretch[0], stretch[1] + 1))
                    files.add(part["file"])
        if recording["split"] == "Training":
            gone = np.concatenate([np.empty(0, np.int64), *spoilt])
            for label, whole, missing in _counts(labels_files[name], gone):
                left[label] += whole - missing
                lost[label] += missing
    artifacts.write_csv(output, COLUMNS, rows)
    remedy = f"Bring back {', '.join(sorted(files))}, or put the label into annotations.ignore."
    refuse(
        [
            Problem(
                "label-lost-to-damage",
                "Damage has left Training no frame of this label",
                remedy,
                value=label,
            )
            for label in sorted(lost)
            if lost[label] and not left[label]
        ]
    )


def _counts(labels_file: str, gone: NDArray[np.int64]) -> Iterator[tuple[str, int, int]]:
    """Each label of a recording, how many selected frames it has, and how many are gone."""
    labels, _ = artifacts.read_parquet(labels_file, ["frame", "label", "selected"])
    labels = labels.filter(labels["selected"])
    missing = labels.filter(column(np.isin(numbers(labels["frame"]), gone)))
    whole, less = (Counter(part["label"].to_pylist()) for part in (labels, missing))
    for label, count in whole.items():
        yield label, count, less[label]
