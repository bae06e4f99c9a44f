"""Where a picture is: in a file of its own, or a part of a shard.

An address is a path, or ``S1C2.tar[1024:9216]``: the bytes from 1024 up to 9216 of that file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from clapboard.artifacts import read_parquet
from clapboard.problems import InputError, Problem

_PART = re.compile(r"(.+\.tar)\[(\d+):(\d+)\]", re.ASCII | re.DOTALL)


def part_of(shard: str | os.PathLike[str], start: int, size: int) -> str:
    """The address of `size` bytes of a shard from byte `start` on."""
    return f"{os.fspath(shard)}[{start}:{start + size}]"


def read_picture(address: str | os.PathLike[str]) -> bytes:
    """The bytes of a picture.

    Raises:
        OSError: there is no such file, or it ends before the picture does.
    """
    part = _PART.fullmatch(os.fspath(address))
    if part is None:
        return Path(address).read_bytes()
    start, stop = int(part[2]), int(part[3])
    descriptor = os.open(part[1], os.O_RDONLY)
    try:
        data = os.pread(descriptor, stop - start, start)
    finally:
        os.close(descriptor)
    if len(data) != stop - start:
        raise OSError(f"the shard ends before byte {stop}")
    return data


def shard_of(manifest: str | os.PathLike[str]) -> Path:
    """The shard that a manifest ``shards/{recording}.parquet`` lists."""
    path = Path(manifest)
    return path.with_name(f"{path.name.removesuffix('.parquet')}.tar")


def find_in_shards(
    shards: Mapping[str, str], recordings: Sequence[str], frames: Sequence[int]
) -> list[str]:
    """Where the pictures of some frames are.

    Args:
        shards: ``shards/{id}.parquet`` by recording id.
        recordings: id of the recording of each frame.
        frames: number of each frame.

    Raises:
        InputError: a shard or a frame in it is missing.
    """
    owners, numbers = np.asarray(recordings, object), np.asarray(frames, np.int64)
    found = np.empty(len(numbers), object)
    for name in dict.fromkeys(owners.tolist()):
        rows = np.flatnonzero(owners == name)
        shard = shard_of(shards[name])
        if not shard.is_file():
            raise InputError([_lost("the shard is not here", shard)])
        table, _ = read_parquet(shards[name], ["frame", "offset", "bytes"])
        places = {
            frame: part_of(shard, offset, size)
            for frame, offset, size in zip(*(x.to_pylist() for x in table.columns), strict=True)
        }
        missing = [number for number in numbers[rows].tolist() if number not in places]
        if missing:
            message = f"{len(missing)} frames are not in the shard, the first is {missing[0]}"
            raise InputError([_lost(message, shard)])
        found[rows] = [places[number] for number in numbers[rows].tolist()]
    return found.tolist()


def _lost(message: str, shard: Path) -> Problem:
    remedy = "Run `clapboard verify`; it names what has to be made again."
    return Problem("frame-not-in-store", message, remedy, file=str(shard))
