"""A labelled set of tiny pictures on disk, as the rule `link_dataset` leaves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import simplejpeg

from clapboard import artifacts

SPLITS = {"S1": "Training", "S2": "Training", "S3": "Validation", "S4": "Test"}
LABELS = ("BAGGING", "CPR (BREATH)", "SWAB")


def make_labelled_set(
    folder: Path,
    frames: int = 8,
    size: int = 32,
    splits: dict[str, str] = SPLITS,
    labels: tuple[str, ...] = LABELS,
    heights: Mapping[int, Sequence[int]] | None = None,
) -> Path:
    """Write `folder`/Data and return it: each class a bright bar at its own height, plus noise.

    With `heights` the bar of a class moves: its row in every frame.
    """
    random = np.random.default_rng(0)
    data, rows = folder / "Data", []
    for subject, split in splits.items():
        for index, label in enumerate(labels):
            for number in range(frames):
                frame = index * frames + number + 1
                picture = random.integers(0, 60, (size, size, 3), dtype=np.uint8)
                if heights is None:
                    picture[index * size // len(labels) :][: size // len(labels)] += 150
                else:
                    picture[heights[index][number] :][: size // 4] += 150
                name = f"{split}/class{index}/{subject}C1{frame:06d}.jpg"
                artifacts.write_bytes(data / name, simplejpeg.encode_jpeg(picture, quality=90))
                rows.append((name, split, label, index, f"{subject}C1", subject, frame))
    path, split_, label_, index_, recording, subject_, frame_ = map(list, zip(*rows, strict=True))
    table = pa.table(
        {
            "path": path,
            "split": split_,
            "label": label_,
            "class_index": pa.array(index_, pa.int32()),
            "recording": recording,
            "subject": subject_,
            "session": [""] * len(rows),
            "camera": ["C1"] * len(rows),
            "frame": pa.array(frame_, pa.int64()),
            "seconds": [number / 25 for number in frame_],
            "digest": [""] * len(rows),
        }
    )
    artifacts.write_parquet(data / "manifest.parquet", table)
    artifacts.write_csv(
        data / "labels.csv",
        ["index", "label", "folder"],
        [(index, label, f"class{index}") for index, label in enumerate(labels)],
    )
    return data
