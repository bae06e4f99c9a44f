"""The clock of a recording: one row per frame, with the exact time at which it is shown.

Everything that asks "which frame is at this time?" or "when was this frame?" asks a
`RecordingIndex`; nothing multiplies by a frame rate.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import reduce
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clapboard import parts
from clapboard.arrow import column, numbers
from clapboard.artifacts import read_parquet, write_parquet
from clapboard.clock import first_tick
from clapboard.parts import Rows

Kind = Literal["video", "images"]


@dataclass(frozen=True)
class Chapter:
    """One file (or folder of images) of a recording.

    Attributes:
        number: place in the recording, from 1.
        file: path as given.
        kind: ``video`` or ``images``.
        time_base: seconds per tick of its `source_pts`; for images, seconds per file number.
        frames: number of frames.
        codec: name of the video codec, ``jpeg`` for images.
        width: pixels.
        height: pixels.
        duration: seconds from the start of its first frame to the end of its last.
        lost: how many frames at its end the file is too short to hold.
    """

    number: int
    file: str
    kind: Kind
    time_base: Fraction
    frames: int
    codec: str
    width: int
    height: int
    duration: Fraction
    lost: int = 0


@dataclass(frozen=True)
class Times:
    """When the frames of a recording are shown, and nothing else of them.

    Attributes:
        recording: its id.
        time_base: seconds per tick of `pts`.
        pts: presentation times in ticks, strictly increasing from 0. Shape (frames,).
        chapters: the chapters in order.
    """

    recording: str
    time_base: Fraction
    pts: Rows
    chapters: tuple[Chapter, ...]

    def __len__(self) -> int:
        return len(self.pts)

    def seconds(self, frame: int) -> Fraction:
        """Presentation time of a frame, seconds after the first frame.

        Raises:
            IndexError: there is no such frame.
        """
        if not 1 <= frame <= len(self):
            raise IndexError(f"{self.recording} has frames 1 to {len(self)}, not {frame}")
        return int(self.pts[frame - 1]) * self.time_base

    @property
    def duration(self) -> Fraction:
        """End of the last frame, seconds after the start of the first."""
        return sum((chapter.duration for chapter in self.chapters), Fraction(0))


@dataclass(frozen=True)
class RecordingIndex(Times):
    """All frames of a recording in order of presentation; frame n (from 1) is row n - 1.

    Attributes:
        pts: as in `Times`, all of them.
        rate: frames per second, exact; the mean one if it varies. Never use it to find a frame.
        chapter: number of the chapter of each frame. Shape (frames,).
        key: whether decoding can start at the frame; of a folder of pictures, whether it has a
            picture of the frame. Shape (frames,).
        source_pts: the time that the chapter's own decoder gives the frame, in ticks of
            `Chapter.time_base`; for images, the number in the file name. Shape (frames,).
    """

    pts: NDArray[np.int64]
    rate: Fraction
    chapter: NDArray[np.int16]
    key: NDArray[np.bool_]
    source_pts: NDArray[np.int64]

    @property
    def pictured(self) -> NDArray[np.bool_]:
        """Whether there is a picture of each frame. Shape (frames,).

        A folder may lack numbers, a video may be cut off.
        """
        folders = [chapter.number for chapter in self.chapters if chapter.kind == "images"]
        pictured = self.key | ~np.isin(self.chapter, folders)
        for chapter in self.chapters:
            if chapter.lost:
                stop = self.chapter_frames(chapter.number).stop - 1
                pictured[stop - chapter.lost : stop] = False
        return pictured

    def frames_between(self, start: Fraction, stop: Fraction) -> range:
        """Numbers of the frames whose time t satisfies start <= t < stop (seconds)."""
        first, last = (self._frames_before(seconds) for seconds in (start, stop))
        return range(first + 1, max(first, last) + 1)

    def _frames_before(self, seconds: Fraction) -> int:
        end = int(self.pts[-1]) + 1 if len(self) else 0
        tick = min(max(first_tick(seconds, self.time_base), 0), end)
        return int(np.searchsorted(self.pts, tick))

    def chapter_frames(self, number: int) -> range:
        """Numbers of the frames of a chapter."""
        first, last = np.searchsorted(self.chapter, (number, number + 1))
        return range(int(first) + 1, int(last) + 1)

    def dated(self, number: int) -> bool:
        """Whether `source_pts` tells the frames of a chapter apart.

        If not (a clock reset in the file, times given twice, H.264 with B-frames in AVI), its rows
        are in the order in which a decoder gives the frames from the beginning of the file.
        """
        frames = self.chapter_frames(number)
        return bool((np.diff(self.source_pts[frames.start - 1 : frames.stop - 1]) > 0).all())

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the index as Parquet, columns and metadata as in docs/architecture.md."""
        table = pa.table(
            {
                "frame": column(np.arange(1, len(self) + 1, dtype=np.int64)),
                "pts": column(self.pts),
                "chapter": column(self.chapter),
                "key": column(self.key),
                "source_pts": column(self.source_pts),
            }
        )
        metadata = {
            "recording": self.recording,
            "time_base": str(self.time_base),
            "rate": str(self.rate),
            "chapters": [
                asdict(chapter)
                | {"time_base": str(chapter.time_base), "duration": str(chapter.duration)}
                for chapter in self.chapters
            ],
        }
        write_parquet(path, table, metadata)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> RecordingIndex:
        """Read what `write` wrote."""
        table, metadata = read_parquet(path, ["pts", "chapter", "key", "source_pts"])
        return cls(
            recording=metadata["recording"],
            time_base=Fraction(metadata["time_base"]),
            rate=Fraction(metadata["rate"]),
            pts=_column(table, "pts", np.int64),
            chapter=_column(table, "chapter", np.int16),
            key=_column(table, "key", np.bool_),
            source_pts=_column(table, "source_pts", np.int64),
            chapters=tuple(_chapter(fields) for fields in metadata["chapters"]),
        )


def read_times(path: str | os.PathLike[str]) -> Times:
    """What `RecordingIndex.write` wrote of times; those of frames are read when asked for."""
    _, metadata = read_parquet(path, [])
    return Times(
        metadata["recording"],
        Fraction(metadata["time_base"]),
        parts.numbers([path], "pts"),
        tuple(_chapter(fields) for fields in metadata["chapters"]),
    )


def _column(table: pa.Table, name: str, dtype: type[np.generic]) -> NDArray[Any]:
    return numbers(table[name]).astype(dtype, copy=False)


def _chapter(fields: dict[str, Any]) -> Chapter:
    exact = {name: Fraction(fields[name]) for name in ("time_base", "duration")}
    return Chapter(**(fields | exact))


def common_time_base(time_bases: Sequence[Fraction]) -> Fraction:
    """The longest tick of which each of `time_bases` is a whole multiple."""

    def common(a: Fraction, b: Fraction) -> Fraction:
        denominator = math.lcm(a.denominator, b.denominator)
        return Fraction(math.gcd(int(a * denominator), int(b * denominator)), denominator)

    return reduce(common, time_bases)
