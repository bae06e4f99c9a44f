"""Whether a workbook may be opened: what a small zip file unpacks to may fill the memory."""

from __future__ import annotations

import os
import zipfile

MOST_BYTES = 2**28
"""A sheet of a million rows has less."""

HARMLESS_BYTES = 2**24
MOST_RATIO = 250
"""By how much a part above `HARMLESS_BYTES` may shrink; repetitive tables do by 50."""

CHUNK = 2**20


def bomb(path: str | os.PathLike[str]) -> str:
    """Why a zip file must not be unpacked whole, empty when it may.

    What the directory of the file says is proved by unpacking it piece by piece; other readers
    believe the data.

    Raises:
        OSError: the file cannot be read.
        zipfile.BadZipFile: it is no zip file, or what it holds is not what its directory says.
    """
    total = 0
    with zipfile.ZipFile(path) as archive:
        for part in archive.infolist():
            if part.file_size > HARMLESS_BYTES and (
                part.file_size > MOST_RATIO * max(1, part.compress_size)
            ):
                return f"{part.filename!r} would unpack to {part.file_size // 2**20} MB"
            total += part.file_size
            if total > MOST_BYTES:
                return f"it would unpack to more than {MOST_BYTES // 2**20} MB"
        for part in archive.infolist():
            with archive.open(part) as file:
                while file.read(CHUNK):
                    pass
    return ""
