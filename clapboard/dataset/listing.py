"""`Data/manifest.parquet`: written recording by recording, if no picture is in two splits."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from clapboard import artifacts
from clapboard.arrow import numbers
from clapboard.dataset.leakage import DigestBook
from clapboard.dataset.rows import EMPTY, SCHEMA
from clapboard.pictures.frame_names import find_clashes
from clapboard.problems import Problem

# A dictionary of values that hardly repeat takes time and room.
REPEATED = ["split", "label", "class_index", "recording", "subject", "session", "camera"]


class Listing:
    """The manifest as it grows, and what its rows say about leakage."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._book = DigestBook()
        self._frames: dict[str, NDArray[np.int64]] = {}

    def add(self, recording: str, split: str, parts: Sequence[pa.Table]) -> None:
        """Take in the rows of one recording, in parts of `SCHEMA`."""
        table = pa.concat_tables([*parts, EMPTY]).combine_chunks()
        self._writer.write_table(table)
        frames = numbers(table["frame"])
        self._book.add(recording, split, frames, table["digest"].to_pylist())
        self._frames[recording] = frames

    def problems(self) -> list[Problem]:
        """Pictures that two splits share, and recordings whose frames would have one name."""
        return [*self._book.find_shared(), *find_clashes(self._frames)]


@contextmanager
def listing(manifest: str | os.PathLike[str]) -> Iterator[Listing]:
    """Write the manifest of the dataset; it appears if the block ends without error."""
    Path(manifest).unlink(missing_ok=True)
    with (
        artifacts.replacing(manifest) as temporary,
        pq.ParquetWriter(temporary, SCHEMA, compression="zstd", use_dictionary=REPEATED) as writer,
    ):
        yield Listing(writer)
