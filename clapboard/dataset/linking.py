"""Class folders that hold exactly the wanted frames, as hard links into the frame store.

Only differences are touched: a folder listing already carries the inode of every file, so 20,000
links that are right cost two listings. Of what should not be there, only files that Clapboard put
there are removed; anything else stays and is reported.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clapboard.artifacts import TEMPORARY_PREFIX
from clapboard.problems import InputError, Problem

_NO_LINKS = {
    errno.EXDEV,
    errno.EPERM,
    errno.EMLINK,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.EINVAL,
}

_FRAME_DIGITS = range(6, 13)


@dataclass(frozen=True)
class Stock:
    """Wanted files of one folder of the frame store.

    Attributes:
        folder: the folder, not a symbolic link.
        names: file names in it.
        inodes: inode of each, uint64.
    """

    folder: Path
    names: Sequence[str]
    inodes: NDArray[np.uint64]


@dataclass
class Changes:
    """What has been done to a tree, counted in files."""

    kept: int = 0
    linked: int = 0
    copied: int = 0
    removed: int = 0
    foreign: list[str] = field(default_factory=list)
    refusal: str = ""

    def __str__(self) -> str:
        counts = [f"{self.kept} kept", f"{self.linked} linked", f"{self.removed} removed"]
        if self.copied:
            counts.append(f"{self.copied} copied, since hard links are refused ({self.refusal})")
        return ", ".join(counts)


def list_inodes(folder: str | os.PathLike[str]) -> dict[str, int]:
    """Inode of everything in a folder by name, without a look at the files themselves."""
    with os.scandir(folder) as entries:
        return {entry.name: entry.inode() for entry in entries}


def make_folder(folder: Path) -> None:
    """Make a folder that is not there.

    Raises:
        InputError: it is a file or a symbolic link.
    """
    with _made(folder):
        pass


def reconcile(folder: Path, wanted: Sequence[Stock], owners: Container[str], done: Changes) -> None:
    """Make a class folder hold exactly the wanted files; what was done is added to `done`.

    A wanted name that is another file (an older extraction, a symbolic link) is replaced. Files
    that are not wanted are removed when they are named as a frame of one of the `owners`, else
    they stay and are listed in ``done.foreign``.

    Args:
        folder: class folder; made when missing.
        wanted: what it shall hold.
        owners: recording ids whose frames may have been put here.
        done: counts, and whether this file system refuses hard links.

    Raises:
        InputError: the folder is a file or a symbolic link.
        FileNotFoundError: a wanted file is not in the store.
    """
    with _made(folder) as target:
        there = list_inodes(folder)
        device = os.fstat(target).st_dev
        for stock in wanted:
            with _opened(stock.folder) as source:
                if os.fstat(source).st_dev != device:
                    done.refusal = done.refusal or os.strerror(errno.EXDEV)
                found = [there.pop(name, None) for name in stock.names]
                inodes = stock.inodes.tolist()
                if not done.refusal and found == inodes:  # almost always
                    done.kept += len(found)
                    continue
                for name, inode, here in zip(stock.names, inodes, found, strict=True):
                    if not done.refusal and here == inode:
                        done.kept += 1
                    else:
                        _place(name, source, target, here is not None, done)
        _remove(folder, target, there, owners, done)


def clear(folder: Path, owners: Container[str], done: Changes) -> None:
    """Remove the frames of the `owners` from a folder, and the folder if nothing else is in it.

    Raises:
        InputError: the folder is a file or a symbolic link.
    """
    with _opened(folder) as target:
        foreign = len(done.foreign)
        _remove(folder, target, list_inodes(folder), owners, done)
    if len(done.foreign) == foreign:
        folder.rmdir()


def _remove(
    folder: Path, target: int, names: Iterable[str], owners: Container[str], done: Changes
) -> None:
    """Remove the files of an open folder that are frames of the `owners`; report the others."""
    for name in names:
        if is_frame_of(name, owners):
            os.unlink(name, dir_fd=target)
            done.removed += 1
        else:
            done.foreign.append(str(folder / name))


def is_frame_of(name: str, owners: Container[str]) -> bool:
    """Whether a file is named as Clapboard names a frame of one of the recordings `owners`."""
    if name.startswith(TEMPORARY_PREFIX):
        return True
    stem, dot, suffix = name.rpartition(".")
    return (
        bool(dot)
        and suffix == "jpg"
        and any(stem[-digits:].isdecimal() and stem[:-digits] in owners for digits in _FRAME_DIGITS)
    )


def _place(name: str, source: int, target: int, occupied: bool, done: Changes) -> None:
    """Link or copy one file between two open folders."""
    if not done.refusal:
        if occupied:
            os.unlink(name, dir_fd=target)
        try:
            os.link(name, name, src_dir_fd=source, dst_dir_fd=target)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            done.refusal = os.strerror(error.errno)
        else:
            done.linked += 1
            return
    if occupied and _is_copy(name, source, target):
        done.kept += 1
    else:
        _copy(name, source, target)
        done.copied += 1


def _is_copy(name: str, source: int, target: int) -> bool:
    """Whether the target has a plain file of the source's size and date."""
    try:
        there = os.stat(name, dir_fd=target, follow_symlinks=False)
    except FileNotFoundError:
        return False
    origin = os.stat(name, dir_fd=source)
    return (there.st_size, there.st_mtime_ns, there.st_mode) == (
        origin.st_size,
        origin.st_mtime_ns,
        origin.st_mode,
    )


def _copy(name: str, source: int, target: int) -> None:
    """Copy one file between open folders, whole or not at all.

    It is not flushed to disk here: whoever writes the manifest calls `os.sync` once for all.
    """
    temporary = f"{TEMPORARY_PREFIX}{name}"
    with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=source), "rb") as origin:
        status = os.fstat(origin.fileno())
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(temporary, flags, dir_fd=target), "wb") as copy:
            shutil.copyfileobj(origin, copy)
            os.fchmod(copy.fileno(), status.st_mode & 0o777)
    os.utime(temporary, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=target)
    os.replace(temporary, name, src_dir_fd=target, dst_dir_fd=target)


@contextmanager
def _made(folder: Path) -> Iterator[int]:
    """Descriptor of a folder, which is made when it is not there."""
    if not os.path.lexists(folder):
        folder.mkdir(parents=True)
    with _opened(folder) as descriptor:
        yield descriptor


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """Descriptor of a folder; a symbolic link is refused, since it may lead anywhere."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except NotADirectoryError:
        message = "This is a file or a symbolic link, where a folder of frames belongs"
        remedy = "Move it away and run again."
        raise InputError([Problem("not-a-folder", message, remedy, str(folder))]) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)
