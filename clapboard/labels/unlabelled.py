"""Which frames of a recording that nobody has labelled are looked at: those of the grid."""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa

from clapboard import artifacts
from clapboard.arrow import column
from clapboard.labels.sampling import grid
from clapboard.video.index import RecordingIndex


def write_sample(
    index_file: str | os.PathLike[str], every: int | str, output: str | os.PathLike[str]
) -> None:
    """Write the frames that training would have seen, had every one of them a label.

    Args:
        index_file: ``index/{recording}.parquet``.
        every: the key ``frames.every``, see `clapboard.labels.sampling.grid`.
        output: file to write, columns ``frame, chapter, selected``, as `extract_frames` reads them.
    """
    index = RecordingIndex.read(index_file)
    frames = np.flatnonzero(grid(index, every)) + 1
    table = pa.table(
        {
            "frame": column(frames),
            "chapter": column(index.chapter[frames - 1]),
            "selected": column(np.ones(len(frames), bool)),
        }
    )
    artifacts.write_parquet(output, table, {"recording": index.recording})
