"""Errors of the disk in words: full, read-only, broken, or a limit reached."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping

from clapboard.problems import Problem

_REMEDIES: Mapping[int, str] = {
    errno.ENOSPC: "Make room there and run again; what is complete is kept.",
    errno.EDQUOT: "Make room, or ask for a larger quota, and run again; what is complete is kept.",
    errno.EFBIG: "Raise the limit of the size of files (`ulimit -f`) and run again.",
    errno.EROFS: "Mount it for writing, or name another folder: results.",
    errno.EIO: "The disk or the network drive fails: see to it, then run again.",
}


def explain(error: BaseException) -> Problem | None:
    """What a failure of the disk means for the user; None for any other error.

    Libraries tell of it in errors of their own, some only in their text, so that causes and texts
    are looked at too.
    """
    file = ""
    for one in _chain(error):
        file = file or str(getattr(one, "filename", None) or "")
        for code, remedy in _REMEDIES.items():
            if getattr(one, "errno", None) == code or os.strerror(code) in str(one):
                message = f"Nothing more can be written: {os.strerror(code)}"
                return Problem("disk", message, remedy, file)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error, and the errors behind it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
