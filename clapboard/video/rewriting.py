"""A chapter as MP4 with the time stamps of the index, for chapters that cannot be copied as is."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray
from tqdm import tqdm

from clapboard.video.index import RecordingIndex
from clapboard.video.media import open_video
from clapboard.video.packets import RESETS, PacketTable, read_packets

Way = Literal["copy", "rewrite", "encode"]

# An encoded chapter is only for looking at; frames are taken from the chapter itself.
VIEWING_QUALITY = {"crf": "16", "preset": "veryfast"}


@cache
def mp4_codecs() -> frozenset[str]:
    """Names of the codecs that MP4 can hold."""
    with av.open(io.BytesIO(), "w", format="mp4") as container:
        return frozenset(container.supported_codecs)


def rewrite(
    chapters: Sequence[str], index: RecordingIndex, way: Way, outputs: Sequence[Path]
) -> None:
    """Write chapters anew, each with its first frame at 0.

    Sound is copied along, except of a chapter whose clock was reset, when nobody knows where its
    sound belongs.

    Args:
        chapters: files in recording order.
        index: the index of the recording.
        way: ``rewrite`` keeps the coded pictures, ``encode`` makes H.264 of them.
        outputs: MP4 files to write.
    """
    tables = [read_packets(file) for file in chapters]
    ticks = [_ticks(index, number) for number in range(1, len(chapters) + 1)]
    # Decoding times are the presentation times in order, early enough for all chapters alike, so
    # that they go on rising over a join.
    delay = max(
        int((shown - shown[table.rows[table.rows >= 0]]).max())
        for shown, table in zip(ticks, tables, strict=True)
    )
    for file, table, shown, output in zip(chapters, tables, ticks, outputs, strict=True):
        _rewrite(file, table, shown, shown - delay, index, way, output)


def _ticks(index: RecordingIndex, chapter: int) -> NDArray[np.int64]:
    """Presentation times of a chapter's frames after its first."""
    frames = index.chapter_frames(chapter)
    ticks = index.pts[frames.start - 1 : frames.stop - 1]
    return ticks - ticks[0]


def _rewrite(
    file: str,
    table: PacketTable,
    presented: NDArray[np.int64],
    decoded: NDArray[np.int64],
    index: RecordingIndex,
    way: Way,
    output: Path,
) -> None:
    scale = {"video_track_timescale": str(index.time_base.denominator)}
    with (
        open_video(file) as (source, video),
        av.open(str(output), "w", format="mp4", options=scale) as target,
    ):
        silent = RESETS in table.oddities
        sounds = [
            stream
            for stream in source.streams.audio
            if not silent and stream.codec_context.name in mp4_codecs()
        ]
        writer: _Encoder | _Copier
        if way == "encode":
            writer = _Encoder(target, video, index.time_base, presented)
        else:
            writer = _Copier(target, video, index, presented[table.rows], table.rows >= 0, decoded)
        tracks = {sound.index: target.add_stream_from_template(sound) for sound in sounds}
        for packet in tqdm(source.demux([video, *sounds]), unit="packet", desc=way):
            if packet.stream_index == video.index:
                target.mux(writer.packets(packet))
            elif packet.dts is not None:
                shift = round(table.start / packet.time_base)
                packet.dts -= shift
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.stream = tracks[packet.stream_index]
                target.mux(packet)


class _Copier:
    """Gives the packets of a chapter new times."""

    def __init__(
        self,
        target: OutputContainer,
        video: VideoStream,
        index: RecordingIndex,
        presented: NDArray[np.int64],
        shown: NDArray[np.bool_],
        decoded: NDArray[np.int64],
    ) -> None:
        self._track = target.add_stream_from_template(video)
        self._track.time_base = self._time_base = index.time_base
        self._lasting = round(1 / index.rate / index.time_base)
        self._decoded = iter(decoded.tolist())
        self._presented = iter(zip(presented.tolist(), shown.tolist(), strict=True))

    def packets(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """What to write for the next packet of the chapter."""
        presented, shown = next(self._presented) if packet.size else (0, False)
        if not shown:
            return []
        packet.stream, packet.time_base = self._track, self._time_base
        packet.pts, packet.dts, packet.duration = presented, next(self._decoded), self._lasting
        return [packet]


class _Encoder:
    """Decodes a chapter and encodes its frames at new times."""

    def __init__(
        self,
        target: OutputContainer,
        video: VideoStream,
        time_base: Fraction,
        presented: NDArray[np.int64],
    ) -> None:
        width, height = video.codec_context.width, video.codec_context.height
        self._track = target.add_stream("libx264", options=VIEWING_QUALITY)
        self._track.width, self._track.height = width, height
        # Halved chroma needs even sides.
        self._track.pix_fmt = "yuv444p" if width % 2 or height % 2 else "yuv420p"
        self._track.codec_context.time_base = self._time_base = time_base
        self._presented = iter(presented.tolist())

    def packets(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """What to write for the next packet of the chapter."""
        ready = []
        for picture in packet.decode():
            frame = picture.reformat(format=self._track.pix_fmt)
            frame.pts, frame.time_base = next(self._presented), self._time_base
            ready += self._track.encode(frame)
        return ready if packet.size else [*ready, *self._track.encode(None)]
