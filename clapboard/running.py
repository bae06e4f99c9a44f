"""One run at a time in a results folder, and no job that outlives its run.

Snakemake's own lock is a file that stays when Snakemake is killed; then no run begins until
somebody unlocks by hand, and whoever unlocks too early has two writers. Here the kernel keeps the
locks: they end with the process that holds them, however it ends. profiles/default switches
Snakemake's off.

Where a file system cannot lock, nothing is promised and everything else works.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from clapboard.problems import InputError, Problem

LOCK = ".lock"
RUN = "CLAPBOARD_RUN"
"""Environment variable of all jobs: the process that started them, and where its number counts."""

_UNSUPPORTED = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}
_held: list[int] = []
"""Descriptors of locks that are never given back."""


def lead_jobs() -> None:
    """Let the jobs that this process starts know whose they are."""
    os.environ[RUN] = f"{os.getpid()} {_namespace()}"


def hold(results: str | os.PathLike[str]) -> None:
    """Keep a results folder to this process until it ends.

    Raises:
        InputError: another process has it, or it cannot be written.
    """
    _held.append(_take(results))


@contextmanager
def held(results: str | os.PathLike[str]) -> Iterator[None]:
    """Keep a results folder to this process for the time of a block.

    Raises:
        InputError: as `hold`.
    """
    descriptor = _take(results)
    try:
        yield
    finally:
        os.close(descriptor)


def _take(results: str | os.PathLike[str]) -> int:
    """The descriptor of the lock of a results folder, with our name in it."""
    lock = Path(results, LOCK)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError([_unwritable(results, error)]) from error
    if not _locked(descriptor):
        holder = os.pread(descriptor, 1000, 0).decode(errors="replace")
        os.close(descriptor)
        raise InputError([_busy(results, holder)])
    with suppress(OSError):  # on a full disk nobody can read who it is, which harms nothing
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
    return descriptor


def begin_job(log: int, name: str, screen: int) -> None:
    """Bind this process to the run that started it, and make sure that it is alone at its work.

    It ends at once when the process that started it is gone, without cleaning up: an artifact is
    whole or not there at any moment, and what a job of a killed run still does would be lost
    anyway. It keeps its log locked, and the same job of another run waits for that, so that a job
    left over from a killed run on a cluster and its successor never work side by side.

    Args:
        log: descriptor of the job's log, open for writing.
        name: of the job.
        screen: descriptor on which to say that somebody else has the log.
    """
    run = _run()
    if run is not None:
        threading.Thread(target=_end_after, args=[run], daemon=True).start()
    if not _locked(log):
        line = f"{name}: waiting for the end of the same job of another run\n"
        os.write(screen, line.encode(errors="replace"))
        fcntl.flock(log, fcntl.LOCK_EX)
        if run is not None and _over(run, milliseconds=0):
            _end()


def _run() -> int | None:
    """A descriptor of the process that started this one; None where nobody can tell."""
    leader, _, namespace = os.environ.get(RUN, "").partition(" ")
    if not leader or namespace != _namespace():  # a container counts its processes by itself
        return None
    try:
        return os.pidfd_open(int(leader))
    except ProcessLookupError:
        _end()
    except OSError:  # an old kernel
        return None


def _namespace() -> str:
    """Name of the namespace of this process's number; empty where there are none."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _over(run: int, milliseconds: int | None = None) -> bool:
    """Wait for the end of a process, at most so long; whether it has ended."""
    waiting = select.poll()
    waiting.register(run, select.POLLIN)
    return bool(waiting.poll(milliseconds))


def _end_after(run: int) -> None:
    _over(run)
    _end()


def _end() -> NoReturn:
    """End this process and the programs that it has started, with the groups that they lead."""
    for children in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # the thread is gone
            for child in map(int, children.read_text().split()):
                for end in (os.kill, os.killpg):
                    with suppress(ProcessLookupError):
                        end(child, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit


def _locked(descriptor: int) -> bool:
    """Lock an open file if nobody else has; true also where locks do not exist."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        sys.stderr.write("This file system has no locks: let only one run work here at a time.\n")
    return True


def _busy(results: str | os.PathLike[str], holder: str) -> Problem:
    return Problem(
        "results-in-use",
        f"Another run works in this folder ({holder})" if holder else "Another run works here",
        "Wait until it ends, or stop it.",
        file=str(results),
    )


def _unwritable(results: str | os.PathLike[str], error: OSError) -> Problem:
    return Problem(
        "results-not-writable",
        f"Nothing can be written here: {error.strerror}",
        "Mount it for writing, give yourself the right to, or name another folder: results.",
        file=str(results),
    )
