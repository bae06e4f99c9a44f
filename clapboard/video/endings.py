"""Whether a file without a table of its frames ends where its parts end, or was cut off."""

from __future__ import annotations

import os
import struct
from pathlib import Path

# What stands side by side in a fragmented MP4 (ISO/IEC 14496-12, 23009-1); another name is damage.
_PARTS = frozenset(
    b"ftyp styp moov moof mdat sidx ssix mfra free skip wide uuid emsg meta prft pdin udta".split()
)
_UNFINISHED = (0, 2**32 - 1)


def fragments_whole(path: str | os.PathLike[str]) -> bool:
    """Whether the boxes of a fragmented MP4 are known ones and the last one ends with the file."""
    with Path(path).open("rb") as file:
        size, place = file.seek(0, os.SEEK_END), 0
        while place < size:
            file.seek(place)
            head = file.read(16)
            if len(head) < 8:
                return False
            length, name = struct.unpack_from(">I4s", head)
            if length == 1 and len(head) == 16:
                (length,) = struct.unpack_from(">Q", head, 8)
            if name not in _PARTS or 0 < length < 8:
                return False
            place = place + length if length else size
        return place == size


def chunks_whole(path: str | os.PathLike[str]) -> bool:
    """Whether an AVI is as long as it says; one that never was finished does not say."""
    with Path(path).open("rb") as file:
        size, place = file.seek(0, os.SEEK_END), 0
        while place < size:
            file.seek(place)
            head = file.read(8)
            if head[:4] != b"RIFF" or len(head) < 8:
                return place > 0
            (length,) = struct.unpack_from("<I", head, 4)
            if length in _UNFINISHED:
                return True
            place += 8 + length + length % 2
        return place <= size + 1
