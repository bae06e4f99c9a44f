"""Where a job's output goes: everything a script, its libraries and its children print."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clapboard.problems import InputError


@contextmanager
def job(path: str | os.PathLike[str]) -> Iterator[None]:
    """Run the body of a workflow script with all its output in the log `path`.

    Bad input ends the job with the problems as its last words; any other error keeps its traceback.
    """
    send_to(path)
    try:
        yield
    except InputError as error:
        sys.exit(str(error))


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
