"""Where a job's output goes: all of it into its log, a line now and then onto the screen."""

from __future__ import annotations

import os
import re
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TextIO

from clapboard import disk, running
from clapboard.problems import InputError, report

SECONDS_BETWEEN_LINES = 15.0


@contextmanager
def job(path: str | os.PathLike[str], to_lower: str = "") -> Iterator[None]:
    """Run the body of a workflow script with all its output in the log `path`.

    So that long work can be watched, the last line is also shown on the screen every 15 seconds,
    with the name of the job before it. Bad input and a full disk end the job with what to do as its
    last words, any other error with its traceback. The job ends with its run, and has no twin
    (`clapboard.running`).

    Args:
        path: the log.
        to_lower: settings on which it depends how much memory the job takes. A job that the
            operating system ends for its memory cannot say so any more; it is said before.
    """
    name = str(Path(path).with_suffix("")).rpartition("logs/")[2]
    screen = send_to(path, name)
    plain = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (Echo(stream, screen, name) for stream in plain)
    try:
        if to_lower:
            words = f"Killed by signal 9 (status 137)? Memory ran out: lower {to_lower}.\n"
            sys.stderr.write(words)
            sys.stderr.flush()
        yield
    except InputError as error:
        end(str(error), screen)
    except Exception as error:
        problem = disk.explain(error)
        end(report([problem]) if problem else traceback.format_exc(), screen)
    finally:
        sys.stdout, sys.stderr = plain
        os.close(screen)


def end(text: str, screen: int) -> NoReturn:
    """End the process with `text` as its last words: in the log, or if that is full, on the screen.

    At once: an interpreter that shuts down stops the Python threads of TensorFlow's input pipelines
    and then waits for those pipelines, for ever.
    """
    words = f"{text}\n".encode(errors="replace")
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
        words = words[os.write(2, words) :]
    if words:
        os.write(screen, f"{text}\n".encode(errors="replace"))
    os._exit(1)


def send_to(path: str | os.PathLike[str], name: str) -> int:
    """Send file descriptors 1 and 2 to the log file `path` for the rest of the process.

    The file is emptied when this process is alone at the work of that name.

    Done on the level of descriptors, since FFmpeg and TensorFlow write past ``sys.stderr``.

    Returns:
        A descriptor of what was standard error before: the screen.
    """
    log = Path(path)
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    screen = os.dup(2)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    running.begin_job(descriptor, name, screen)
    os.ftruncate(descriptor, 0)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    return screen


class Echo:
    """A text stream that shows what is written to it, at most one line in 15 seconds."""

    def __init__(self, stream: TextIO, screen: int, name: str) -> None:
        self.stream, self.screen, self.name = stream, screen, name
        self.shown = time.monotonic()

    def write(self, text: str) -> int:
        """Write to the log; show the last line of `text` if the last one shown is long ago."""
        lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
        if lines and time.monotonic() - self.shown >= SECONDS_BETWEEN_LINES:
            self.shown = time.monotonic()
            # One call, so that lines of jobs side by side do not mix.
            os.write(self.screen, f"{self.name}: {lines[-1].strip()}\n".encode(errors="replace"))
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
