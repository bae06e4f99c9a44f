"""What a run will cost: pictures, gigabytes, hours, requests.

The hours rest on a measurement: some pictures of each kind of video are decoded, scaled and
encoded here and now, the way the extraction does it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from clapboard.dataset.shards import packed_bytes
from clapboard.s3.parts import sending_requests
from clapboard.video.images import read_frames
from clapboard.video.index import RecordingIndex
from clapboard.video.media import open_video
from clapboard.video.pixels import FullSize, JpegEncoder, PixelSettings, Resizer

MEASURED_SECONDS = 1.5
MEASURED_PICTURES = 10


@dataclass(frozen=True)
class Speed:
    """What one frame of a kind of video costs on one core of this machine.

    Attributes:
        decode: seconds to decode a frame.
        store: seconds to scale and encode a picture.
        bytes: bytes of the pictures stored for a frame.
    """

    decode: float
    store: float
    bytes: float


@dataclass(frozen=True)
class Price:
    """What a set of frames costs; prices add up.

    Attributes:
        frames: frames that become pictures.
        decoded: frames that have to be decoded for them.
        files: files written; the links in ``Data/`` are extra names of the same files.
        bytes: bytes on disk.
        core_seconds: seconds of one core for extraction.
        requests: requests that upload the pictures to S3 one by one.
        shard_requests: requests that upload them as one archive a recording.
    """

    frames: int = 0
    decoded: int = 0
    files: int = 0
    bytes: int = 0
    core_seconds: float = 0.0
    requests: int = 0
    shard_requests: int = 0

    def __add__(self, other: Price) -> Price:
        names = [field.name for field in fields(self)]
        return Price(**{name: getattr(self, name) + getattr(other, name) for name in names})


def price(index: RecordingIndex, frames: NDArray[np.int64], speed: Speed, full_size: bool) -> Price:
    """Price of extracting `frames` (numbers) of a recording."""
    size = round(len(frames) * speed.bytes)
    decoded = frames_to_decode(index, frames)
    files = len(frames) * (2 if full_size else 1)
    shard = packed_bytes(len(frames), size)
    return Price(
        frames=len(frames),
        decoded=decoded,
        files=files,
        bytes=size,
        core_seconds=decoded * speed.decode + len(frames) * speed.store,
        requests=files,
        shard_requests=sending_requests(shard) if len(frames) else 0,
    )


def frames_to_decode(index: RecordingIndex, frames: NDArray[np.int64]) -> int:
    """How many frames are decoded for `frames`: from each key frame to the last wanted after it."""
    places = frames - 1
    groups = np.cumsum(index.key)
    starts = np.flatnonzero(index.key)
    last = np.full(len(starts) + 1, -1, dtype=np.int64)
    np.maximum.at(last, groups[places], places)
    wanted = last >= 0
    first = np.concatenate([[0], starts])
    return int((last[wanted] - first[wanted] + 1).sum())


def measure(index: RecordingIndex, frames: Mapping[str, Any]) -> Speed:
    """Decode, scale and encode a moment from the middle of a recording's first chapter, one core.

    Args:
        index: the recording.
        frames: config section ``frames``.

    Raises:
        av.FFmpegError: the video is unreadable.
        InputError: a picture is.
    """
    pixels = PixelSettings.of(frames)
    kept: list[VideoFrame] = []
    begin, decoded, decode = time.perf_counter(), 0, 0.0
    with closing(_moment(index)) as pictures:
        for picture in pictures:
            decoded, decode = decoded + 1, time.perf_counter() - begin
            if len(kept) < MEASURED_PICTURES:
                kept.append(picture)
            if decode > MEASURED_SECONDS:
                break
    begin, size = time.perf_counter(), 0
    makers: list[tuple[Resizer | FullSize, JpegEncoder]] = [
        (Resizer(pixels), JpegEncoder(pixels.quality))
    ]
    if frames["full_size"]:
        makers.append((FullSize(), JpegEncoder(pixels.quality)))
    for picture in kept:
        size += sum(len(encode(render(picture))) for render, encode in makers)
    count = max(len(kept), 1)
    return Speed(decode / max(decoded, 1), (time.perf_counter() - begin) / count, size / count)


def _moment(index: RecordingIndex) -> Generator[VideoFrame, None, None]:
    """Pictures from the middle of the first chapter on, decoded on one core."""
    chapter = index.chapters[0]
    if chapter.kind == "images":
        frames = np.flatnonzero(index.pictured) + 1
        frames = frames[len(frames) // 2 :]
        yield from (picture for _, picture in read_frames(chapter.file, index, 1, frames))
        return
    with open_video(chapter.file) as (container, stream):
        if stream.duration:
            container.seek((stream.start_time or 0) + stream.duration // 2, stream=stream)
        stream.thread_count = 1
        yield from container.decode(stream)
