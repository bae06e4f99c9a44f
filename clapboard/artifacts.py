"""Writing results so that they appear whole or not at all.

Every file is written under a temporary name in the folder of its final one, flushed to disk and
renamed over it. A killed job leaves at most what has a name that starts with `TEMPORARY_PREFIX`,
which nothing reads and the next job that writes into the same folder removes.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clapboard import spreadsheet

TEMPORARY_PREFIX = ".partial-"
# Pids say nothing about the processes of another machine that writes into the same folder.
MACHINE = hashlib.blake2b(socket.gethostname().encode(), digest_size=2).hexdigest()
# What the kernel says of a process that does nothing more: zombie, dead (field 3).
ENDED = ("Z", "X")
OWNED = re.compile(re.escape(TEMPORARY_PREFIX) + r"(\d+)-(\d+)-([0-9a-f]{4})-(.*)", re.DOTALL)
"""Name of a temporary: process (its pid, and when it began) and machine that write it, and what it
will be."""
METADATA_KEY = b"clapboard"

ROWS = 16_384
"""Rows of a group in a Parquet file: who reads it in parts holds so many (`clapboard.parts`)."""

FLUSHED_TOGETHER = 16
"""Files that a job flushes side by side: a disk writes its journal once for all who wait for it."""


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it to `path` if the block ends without error.

    The temporary keeps the file's suffix, since encoders choose the format by it. Parent folders
    are made. On an error the temporary is removed and `path` is left as it was.
    """
    final = Path(path)
    _tidy(final)
    temporary = final.with_name(_own_name(final))
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def workshop(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder beside `path` for what it is made of; it is removed in the end."""
    final = Path(path)
    _tidy(final)
    with tempfile.TemporaryDirectory(prefix=_own_name(final), dir=final.parent) as folder:
        yield Path(folder)


def _own_name(final: Path) -> str:
    """Name of this process's temporary for `final`, which says whose it is."""
    pid = os.getpid()
    return f"{TEMPORARY_PREFIX}{pid}-{_began(pid)}-{MACHINE}-{final.name}"


def _began(pid: int) -> int | None:
    """When a process began, in clock ticks since the machine did (proc_pid_stat(5), field 22).

    Pids, which threads share, are used again after a while; a pid and this time are not. None for a
    process that has ended, also while nobody has asked for its exit status (a zombie).
    """
    try:
        stat = Path("/proc", str(pid), "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in ENDED else int(fields[19])


def _tidy(final: Path) -> None:
    """Make a folder, or remove from it what processes that have ended left half-written.

    What another machine left goes when the same artifact is written again.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    with os.scandir(final.parent) as entries:
        for entry in entries:
            owner = OWNED.fullmatch(entry.name)
            if not owner:
                continue
            pid, began, machine, name = owner.groups()
            ended = _began(int(pid)) != int(began)
            if ended if machine == MACHINE else name.startswith(final.name):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    Path(entry.path).unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text to `path`, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as indented JSON with a final newline; keys keep their order."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """The value stored in a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_csv(
    path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write a CSV table in which no cell is a formula (`clapboard.spreadsheet`)."""
    write_text(path, spreadsheet.csv_text(columns, rows))


def read_csv(path: str | os.PathLike[str]) -> list[dict[str, str]]:
    """The rows that `write_csv` wrote, by column; every text is again what it was."""
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(spreadsheet.csv_rows(file))


def write_parquet(
    path: str | os.PathLike[str], table: pa.Table, metadata: Mapping[str, Any] | None = None
) -> None:
    """Write a Parquet table; `metadata` (JSON) travels in the schema under ``clapboard``."""
    if metadata is not None:
        table = table.replace_schema_metadata({METADATA_KEY: json.dumps(metadata).encode()})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, row_group_size=ROWS, compression="zstd")


def write_parquet_parts(
    path: str | os.PathLike[str], parts: Iterable[pa.Table], metadata: Mapping[str, Any]
) -> None:
    """Write a Parquet table as `write_parquet` does, a row group for each of its parts.

    Args:
        path: file to write.
        parts: at least one; all have the columns of the first.
        metadata: as for `write_parquet`.
    """
    known = {METADATA_KEY: json.dumps(metadata).encode()}
    with replacing(path) as temporary, ExitStack() as stack:
        output: pq.ParquetWriter | None = None
        for part in parts:
            table = part.replace_schema_metadata(known)
            if output is None:
                writer = pq.ParquetWriter(temporary, table.schema, compression="zstd")
                output = stack.enter_context(writer)
            output.write_table(table)


def read_parquet(
    path: str | os.PathLike[str],
    columns: Sequence[str] | None = None,
    repeating: Sequence[str] = (),
) -> tuple[pa.Table, dict[str, Any]]:
    """A Parquet table and the metadata that `write_parquet` stored with it (empty if none).

    Args:
        path: of the file.
        columns: only these.
        repeating: columns of text to be held as numbers of its different values (a dictionary).

    Raises:
        FileNotFoundError: there is none; with its name, which Arrow puts into the message only.
    """
    # Not `pq.read_table`, which imports all of Arrow's data sets and pandas to read one file.
    try:
        opened = pq.ParquetFile(path, read_dictionary=list(repeating))
    except FileNotFoundError as error:
        missing = os.strerror(errno.ENOENT)
        raise FileNotFoundError(errno.ENOENT, missing, os.fspath(path)) from error
    with opened as file:
        table = file.read(columns=None if columns is None else list(columns))
    stored = (table.schema.metadata or {}).get(METADATA_KEY)
    return table, json.loads(stored) if stored else {}


def digest(data: bytes) -> str:
    """BLAKE2b digest of `data`, 32 hexadecimal digits."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def digest_file(path: str | os.PathLike[str]) -> str:
    """`digest` of a file's content, read in blocks."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
