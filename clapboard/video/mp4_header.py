"""What the header of an MP4 or MOV says about the length of a track (ISO/IEC 14496-12).

It says it twice, as a sum and as a table of the lengths of all samples. FFmpeg takes either and
keeps silent, so that nobody would learn that they contradict each other.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np

Box = tuple[bytes, int, int]


@dataclass(frozen=True)
class TrackLength:
    """The length of a track.

    Attributes:
        declared: seconds by the media header; 0 when it does not say.
        listed: seconds by the table of samples, in decoding order; 0 when it is empty, as in
            fragmented files.
        shown: seconds from the first sample shown to the end of the last, by the same table; not
            `listed` when samples are reordered and not equally far apart.
        samples: how many samples the table has.
    """

    declared: Fraction = Fraction(0)
    listed: Fraction = Fraction(0)
    shown: Fraction = Fraction(0)
    samples: int = 0

    @property
    def contradicts(self) -> bool:
        """Whether the sum differs from the table by more than two samples: rounding makes less.

        The standard wants the sum of decoding times, FFmpeg writes that of presentation times.
        """
        if not self.declared or not self.samples:
            return False
        nearest = min(abs(self.declared - length) for length in (self.listed, self.shown))
        return nearest * self.samples > 2 * self.listed


def track_length(path: str | os.PathLike[str], track: int) -> TrackLength:
    """The length of a track, everything 0 when it is not found.

    Args:
        path: the file.
        track: number of the track, the id of a stream.
    """
    with Path(path).open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        for trak in _inside(file, _inside(file, [(b"", 0, size)], b"moov"), b"trak"):
            heads = list(_inside(file, [trak], b"tkhd"))
            if not heads or _fields(file, heads[0])[0] != track:
                continue
            media = list(_inside(file, [trak], b"mdia"))
            tables = list(_inside(file, _inside(file, media, b"minf"), b"stbl"))
            runs, delays = (
                [run for table in _inside(file, tables, name) for run in _runs(file, table)]
                for name in (b"stts", b"ctts")
            )
            for header in _inside(file, media, b"mdhd"):
                scale, ticks = _fields(file, header)
                if scale and ticks not in (2**32 - 1, 2**64 - 1):
                    listed = sum(count * length for count, length in runs)
                    samples = sum(count for count, _ in runs)
                    # A sample has a byte at least; a table with more of them is not laid out.
                    shown = _shown(runs, delays) if delays and samples <= size else listed
                    return TrackLength(
                        declared=Fraction(ticks, scale),
                        listed=Fraction(listed, scale),
                        shown=Fraction(shown, scale),
                        samples=samples,
                    )
    return TrackLength()


def _inside(file: BinaryIO, boxes: Iterable[Box], name: bytes) -> Iterator[Box]:
    """Name, begin of the content and end of boxes of a name that lie directly in others."""
    for _, start, end in boxes:
        while start + 8 <= end:
            file.seek(start)
            head = file.read(16)
            if len(head) < 8:
                return
            size, kind = struct.unpack_from(">I4s", head)
            begin = start + 8
            if size == 1 and len(head) == 16:
                size, begin = struct.unpack_from(">Q", head, 8)[0], start + 16
            stop = min(start + size if size else end, end)
            if stop < begin:
                return
            if kind == name:
                yield kind, begin, stop
            start = stop


def _fields(file: BinaryIO, box: Box) -> tuple[int, int]:
    """Two numbers behind the dates of a `tkhd` (track, reserved) or `mdhd` (scale, duration)."""
    _, begin, end = box
    file.seek(begin)
    data = file.read(min(end - begin, 36))
    form, place = (">IQ", 20) if data[:1] == b"\x01" else (">II", 12)
    if len(data) < place + struct.calcsize(form):
        return 0, 0
    first, second = struct.unpack_from(form, data, place)
    return first, second


def _shown(runs: list[tuple[int, int]], delays: list[tuple[int, int]]) -> int:
    """Ticks from the first to behind the last sample shown; the last one lasts as most do.

    Args:
        runs: how many samples last how many ticks.
        delays: how many are shown how many ticks after they are decoded, perhaps fewer in all.
    """
    counts, lengths = np.array(runs, np.int64).T
    late, ticks = np.array(delays, np.int64).T
    decoded = np.cumsum(np.repeat(lengths, counts)) - np.repeat(lengths, counts)
    # The numbers are signed in one version of the table, and never huge in the other.
    signed = ticks.astype(np.uint32).astype(np.int32).astype(np.int64)
    samples = min(len(decoded), int(late.sum()))
    shown = np.sort(decoded[:samples] + np.repeat(signed, late)[:samples])
    steps = np.diff(shown)
    return int(shown[-1] - shown[0]) + int(np.median(steps) if len(steps) else lengths[-1])


def _runs(file: BinaryIO, box: Box) -> Iterator[tuple[int, int]]:
    """How many samples last, or are late by, how many ticks, from a `stts` or a `ctts`."""
    _, begin, end = box
    file.seek(begin + 4)
    data = file.read(end - begin - 4)
    count = struct.unpack_from(">I", data)[0] if len(data) >= 4 else 0
    for number in range(min(count, (len(data) - 4) // 8)):
        yield struct.unpack_from(">II", data, 4 + 8 * number)
