"""Digests that tell Snakemake what a job depends on and cannot see itself.

Snakemake notices neither an edit in a module that a script imports nor a source file that was
replaced by one with an older time stamp, and it takes a touched video for a changed one. Both are
mended by digests passed as parameters: `code` for scripts, `source` for recordings and sheets.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from clapboard.sessions.suffixes import is_image, is_video

PACKAGE = Path(__file__).parent
SCRIPTS = PACKAGE.parent / "workflow" / "scripts"

SAMPLED_BYTES = 65_536
BLOCK_BYTES = 2**20
WHOLE_BYTES = 64 * BLOCK_BYTES

# `from ORIGIN import NAMES` or `import NAMES`, at the beginning of a line or after a semicolon. Of
# `NAME as OTHER` the name counts.
_IMPORT = re.compile(
    r"(?:^|;)[ \t]*(?:from[ \t]+([\w.]+)[ \t]+)?import\b[ \t]*(\([^)]*\)|(?:[^\n;\\]|\\\n)+)",
    re.MULTILINE,
)
_NAME = re.compile(r"(?<!\bas )\b(?!as\b)[\w.]+")

# A file changed so shortly ago may change again without a new time stamp: file systems round them.
SETTLED_NS = 2_000_000_000


def code(script: str) -> str:
    """Digest of a workflow script and of every Clapboard module it imports, however deep.

    Args:
        script: name of the rule, which is the name of its script without ``.py``.

    Raises:
        FileNotFoundError: there is no such script.
    """
    pending, seen = [SCRIPTS / f"{script}.py"], set[Path]()
    while pending:
        path = pending.pop()
        if path not in seen:
            seen.add(path)
            pending.extend(_imports(path))
    state = hashlib.blake2b(digest_size=8)
    for path in sorted(seen, key=lambda path: path.relative_to(PACKAGE.parent).as_posix()):
        state.update(path.relative_to(PACKAGE.parent).as_posix().encode())
        state.update(_content(path))
    return state.hexdigest()


@cache
def _content(path: Path) -> bytes:
    return path.read_bytes()


@cache
def _imports(path: Path) -> frozenset[Path]:
    """The package modules that a Python file imports anywhere in its text.

    Not by `ast`, which takes a third of the second that planning may take. A line of a text that
    reads like an import counts as one, which runs a job too many and never one too few.
    """
    found = set[Path]()
    for origin, names in _IMPORT.findall(_content(path).decode()):
        if origin.startswith("."):
            raise SyntaxError(f"{path}: relative import; write it as clapboard.…")
        for name in _NAME.findall(names):
            found.update(_modules(f"{origin}.{name}" if origin else name))
    return frozenset(found)


def _modules(name: str) -> set[Path]:
    """Files behind a dotted name: each package's ``__init__`` on the way and the module itself."""
    head, *parts = name.split(".")
    if head != PACKAGE.name:
        return set()
    files, folder = {PACKAGE / "__init__.py"}, PACKAGE
    for part in parts:
        if (folder / f"{part}.py").is_file():
            return files | {folder / f"{part}.py"}
        folder = folder / part
        if not (folder / "__init__.py").is_file():
            break
        files.add(folder / "__init__.py")
    return files


def source(path: str | os.PathLike[str], memory: str | os.PathLike[str] | None = None) -> str:
    """Digest of the content of a source, quick enough for every start of the workflow.

    Tables, sheets and pictures count whole: a picture that somebody has painted on keeps its size.
    Of a video, and of any other file above `WHOLE_BYTES` that is no picture, the size and three
    samples (head, middle, tail) count. Of a folder, the names and contents of
    the pictures in it and of the videos in its subfolders count, which is what anybody reads of
    it. Time stamps do not: a touched file keeps its digest, a replaced one does not.

    Args:
        path: file or folder.
        memory: folder in which the digests of folders are remembered. A folder of which no file
            has changed its size, times or place on disk since is not read again.

    Raises:
        OSError: it cannot be read.
    """
    return _folder(Path(path), memory) if Path(path).is_dir() else _file(os.fspath(path))


def files_of(path: str | os.PathLike[str]) -> list[str]:
    """The files that count of a source: itself, or of a folder what anybody reads of it.

    Raises:
        OSError: a folder cannot be read.
    """
    if not Path(path).is_dir():
        return [os.fspath(path)]
    return sorted(str(Path(path, name)) for name, _ in _members(Path(path)))


def _file(path: str) -> str:
    """Digest of a file's size and of its content or samples of it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(descriptor).st_size
        state = hashlib.blake2b(str(size).encode(), digest_size=8)
        sampled = is_video(path) or (size > WHOLE_BYTES and not is_image(path))
        if sampled and size > 3 * SAMPLED_BYTES:
            for offset in (0, (size - SAMPLED_BYTES) // 2, size - SAMPLED_BYTES):
                state.update(os.pread(descriptor, SAMPLED_BYTES, offset))
        else:
            while block := os.read(descriptor, BLOCK_BYTES):
                state.update(block)
    finally:
        os.close(descriptor)
    return state.hexdigest()


def _folder(folder: Path, memory: str | os.PathLike[str] | None) -> str:
    """Digest of the members of a folder, out of the memory when they are as they were."""
    members = sorted(_members(folder))
    stamps = [(name, *_stamp(status)) for name, status in members]
    seen = hashlib.blake2b(repr(stamps).encode(), digest_size=16).hexdigest()
    place = hashlib.blake2b(os.fsencode(folder.resolve()), digest_size=16).hexdigest()
    note = Path(memory, place) if memory else None
    if note and note.is_file():
        remembered, _, digest = note.read_text(encoding="utf-8").partition(" ")
        if remembered == seen:
            return digest
    state = hashlib.blake2b(digest_size=8)
    for name, _ in members:
        state.update(os.fsencode(name) + b"\0" + _file(f"{folder}/{name}").encode())
    newest = max((status.st_ctime_ns for _, status in members), default=0)
    if note and time.time_ns() - newest > SETTLED_NS:
        _remember(note, f"{seen} {state.hexdigest()}")
    return state.hexdigest()


def _remember(note: Path, text: str) -> None:
    """Write a note, whole or not at all; one that cannot be kept costs time and nothing else."""
    temporary = note.with_name(f"{note.name}-{os.getpid()}")
    with suppress(OSError):  # `artifacts` would do, but brings Arrow to every start of the workflow
        note.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(note)


def _members(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Name below the folder and status of every file in it that anybody reads."""
    for entry in os.scandir(folder):
        if is_image(entry.name):
            yield entry.name, entry.stat()
        elif entry.is_dir():
            for inner in os.scandir(entry):
                if is_video(inner.name):
                    yield f"{entry.name}/{inner.name}", inner.stat()


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    """What changes with a file's content; the last of it cannot be set back by a program."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
