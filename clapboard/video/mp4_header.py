"""What the header of an MP4 or MOV says about the length of a track (ISO/IEC 14496-12).

It says it twice, as a sum and as a table of the lengths of all samples. FFmpeg takes either and
keeps silent, so that nobody would learn that they contradict each other. Which samples are shown,
and when, an edit list may say besides.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

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
        edited: the same of the samples that an edit list leaves, in its order; `shown` without a
            list, or with one that leaves none.
        samples: how many samples the table has.
    """

    declared: Fraction = Fraction(0)
    listed: Fraction = Fraction(0)
    shown: Fraction = Fraction(0)
    edited: Fraction = Fraction(0)
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
        movie = list(_inside(file, [(b"", 0, size)], b"moov"))
        for trak in _inside(file, movie, b"trak"):
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
                    listed = shown = edited = sum(count * length for count, length in runs)
                    samples = sum(count for count, _ in runs)
                    edits = _edits(file, movie, trak, scale)
                    # A sample has a byte at least; a table with more of them is not laid out.
                    if (delays or edits) and 0 < samples <= size:
                        times = _times(runs, delays)
                        steps = np.diff(times)
                        last = int(np.median(steps) if len(steps) else runs[-1][1])
                        shown = int(times[-1] - times[0]) + last
                        edited = _edited(times, last, edits) or shown
                    return TrackLength(
                        declared=Fraction(ticks, scale),
                        listed=Fraction(listed, scale),
                        shown=Fraction(shown, scale),
                        edited=Fraction(edited, scale),
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


def _times(runs: list[tuple[int, int]], delays: list[tuple[int, int]]) -> NDArray[np.int64]:
    """When the samples are shown, ticks, ascending.

    Args:
        runs: how many samples last how many ticks.
        delays: how many are shown how many ticks after they are decoded, perhaps fewer in all;
            none if all are shown when they are decoded.
    """
    counts, lengths = np.array(runs, np.int64).T
    decoded = np.cumsum(np.repeat(lengths, counts)) - np.repeat(lengths, counts)
    late, ticks = np.array(delays or [(len(decoded), 0)], np.int64).T
    # The numbers are signed in one version of the table, and never huge in the other.
    signed = ticks.astype(np.uint32).astype(np.int32).astype(np.int64)
    samples = min(len(decoded), int(late.sum()))
    return np.sort(decoded[:samples] + np.repeat(signed, late)[:samples])


def _edited(times: NDArray[np.int64], last: int, edits: list[tuple[int, int]]) -> int:
    """Ticks from the first to behind the last sample that edits leave; 0 if they leave none.

    Args:
        times: when samples are shown without the edits, ticks, ascending.
        last: how long the last one is shown, ticks.
        edits: as `_edits` gives them.
    """
    place, begins, ends = 0, list[int](), list[int]()
    for length, start in edits:
        first, stop = (bisect_left(times, time) for time in (start, start + length))
        if start >= 0 and first < stop:
            begins.append(place + int(times[first]) - start)
            ends.append(place + int(times[stop - 1]) - start + last)
        place += length
    return max(ends) - min(begins) if ends else 0


def _edits(file: BinaryIO, movie: list[Box], trak: Box, scale: int) -> list[tuple[int, int]]:
    """The edit list of a track: how long an edit lasts, and where in the media it begins.

    Both in ticks of the media; the begin is negative where nothing is shown.

    Args:
        file: the file.
        movie: its `moov`.
        trak: the track.
        scale: ticks of the media per second.
    """
    for header in _inside(file, movie, b"mvhd"):
        ticks, _ = _fields(file, header)
        for _, begin, end in _inside(file, _inside(file, [trak], b"edts"), b"elst"):
            file.seek(begin)
            data = file.read(end - begin)
            form = struct.Struct(">Qq4x" if data[:1] == b"\x01" else ">Ii4x")
            if not ticks or len(data) < 8:
                return []
            count = min(struct.unpack_from(">I", data, 4)[0], (len(data) - 8) // form.size)
            entries = form.iter_unpack(data[8 : 8 + count * form.size])
            return [(round(Fraction(length * scale, ticks)), start) for length, start in entries]
    return []


def _runs(file: BinaryIO, box: Box) -> Iterator[tuple[int, int]]:
    """How many samples last, or are late by, how many ticks, from a `stts` or a `ctts`."""
    _, begin, end = box
    file.seek(begin + 4)
    data = file.read(end - begin - 4)
    count = struct.unpack_from(">I", data)[0] if len(data) >= 4 else 0
    for number in range(min(count, (len(data) - 4) // 8)):
        yield struct.unpack_from(">II", data, 4 + 8 * number)
