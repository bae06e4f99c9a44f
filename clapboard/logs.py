"""Where a job's output goes: everything a script, its libraries and its children print."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def send_to(path: str | os.PathLike[str]) -> None:
    """Send file descriptors 1 and 2 to the log file `path` for the rest of the process.

    Done on the level of descriptors, since FFmpeg and TensorFlow write past ``sys.stderr``.
    """
    log = Path(path)
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
