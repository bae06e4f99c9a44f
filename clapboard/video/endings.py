"""Whether a file that needs no table of its frames is made of whole parts, or was cut off."""

from __future__ import annotations

import os
import struct
from pathlib import Path

# What stands side by side in a fragmented MP4 (ISO/IEC 14496-12, 23009-1); another name is damage.
_PARTS = frozenset(
    b"ftyp styp moov moof mdat sidx ssix mfra free skip wide uuid emsg meta prft pdin udta".split()
)
# What a Matroska file consists of, and its segment (RFC 9559); a part of unknown size is the last.
_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_ELEMENTS = frozenset(
    (0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367, 0xEC, 0xBF)
) | {_CLUSTER}
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


def elements_whole(path: str | os.PathLike[str]) -> bool:
    """Whether a Matroska file is of known elements, and the last one ends with the file.

    One that is still being written, or came over a network, has parts of unknown size: there
    nobody can tell.
    """
    with Path(path).open("rb") as file:
        size, place, known = file.seek(0, os.SEEK_END), 0, frozenset({_EBML, _SEGMENT})
        while place < size:
            file.seek(place)
            head = file.read(12)
            named = _vint(head)
            name = int.from_bytes(head[:named])
            sized = _vint(head[named:])
            if not named or not sized or name not in known:
                return False
            length = int.from_bytes(head[named : named + sized]) - (1 << 7 * sized)
            place += named + sized
            if name == _SEGMENT:
                known = _ELEMENTS
            elif length == (1 << 7 * sized) - 1:
                return True
            else:
                place += length
        return place == size


def _vint(data: bytes) -> int:
    """How many bytes the number takes with which `data` begins (RFC 8794); 0 if it holds none."""
    length = 9 - data[0].bit_length() if data and data[0] else 0
    return length if length <= len(data) else 0
