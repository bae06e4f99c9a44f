"""MP4 files taken apart box by box (ISO/IEC 14496-12), to break them in a known place."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from fractions import Fraction

CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"dinf", b"stbl", b"edts"}


def boxes(
    data: bytes | bytearray, start: int = 0, end: int | None = None
) -> Iterator[tuple[bytes, int, int]]:
    """Name, begin and end of every box, containers before their content."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        if size == 1:
            size = struct.unpack_from(">Q", data, start + 8)[0]
        size = size or end - start
        yield name, start, start + size
        if name in CONTAINERS:
            yield from boxes(data, start + 8, start + size)
        start += size


def find(data: bytes | bytearray, wanted: bytes) -> list[tuple[int, int]]:
    """Begin and end of all boxes of a name."""
    return [(start, end) for name, start, end in boxes(data) if name == wanted]


def overwrite(data: bytearray, box: bytes, offset: int, value: bytes) -> None:
    """Write bytes at a place counted from the begin of each box of a name."""
    places = find(data, box)
    if not places:
        raise ValueError(f"there is no box {box!r}")
    for start, _ in places:
        data[start + offset : start + offset + len(value)] = value


def edit(data: bytearray, edits: Sequence[tuple[Fraction, Fraction | None]]) -> None:
    """Give the only track of a file whose `moov` comes last an edit list.

    Args:
        data: the file.
        edits: how long each lasts, and where in the media it begins, or None where it shows
            nothing; seconds.
    """
    ((movie, _),), ((track, _),), ((_, head_end),) = (
        find(data, name) for name in (b"moov", b"trak", b"tkhd")
    )
    if data.find(b"mdat") > movie:
        raise ValueError("places of samples would move")
    ticks, scale = (
        struct.unpack_from(">I", data, start + 20)[0]
        for name in (b"mvhd", b"mdhd")
        for start, _ in find(data, name)
    )
    entries = b"".join(
        struct.pack(">IiI", round(length * ticks), -1 if at is None else round(at * scale), 1 << 16)
        for length, at in edits
    )
    box = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits)) + entries
    box = struct.pack(">I4s", 8 + len(box), b"edts") + box
    ((start, end),) = find(data, b"edts") or [(head_end, head_end)]
    data[start:end] = box
    for place in (track, movie):
        (size,) = struct.unpack_from(">I", data, place)
        struct.pack_into(">I", data, place, size + len(box) - (end - start))


def move_to_front(data: bytearray) -> bytearray:
    """A file with its `moov` before the samples, as a writer that is told to makes it."""
    ((begin, end),), ((_, head),) = find(data, b"moov"), find(data, b"ftyp")
    movie = data[begin:end]
    for start, _ in find(movie, b"stco"):
        (count,) = struct.unpack_from(">I", movie, start + 12)
        places = struct.unpack_from(f">{count}I", movie, start + 16)
        moved = [place + len(movie) for place in places]
        struct.pack_into(f">{count}I", movie, start + 16, *moved)
    return data[:head] + movie + data[head:begin] + data[end:]
