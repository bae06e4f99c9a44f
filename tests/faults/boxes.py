"""MP4 files taken apart box by box (ISO/IEC 14496-12), to break them in a known place."""

from __future__ import annotations

import struct
from collections.abc import Iterator

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
