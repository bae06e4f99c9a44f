"""A chapter as MP4 with the time stamps of the index, for chapters that cannot be copied as is."""

from __future__ import annotations

import io
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

from clapboard.index import RecordingIndex
from clapboard.media import open_video
from clapboard.packets import RESETS, read_packets

Way = Literal["copy", "rewrite", "encode"]

# An encoded chapter is only for looking at; frames are taken from the chapter itself.
VIEWING_QUALITY = {"crf": "16", "preset": "veryfast"}


@cache
def mp4_codecs() -> frozenset[str]:
    """Names of the codecs that MP4 can hold."""
    with av.open(io.BytesIO(), "w", format="mp4") as container:
        return frozenset(container.supported_codecs)


def rewrite(file: str, index: RecordingIndex, chapter: int, way: Way, output: Path) -> None:
    """Write one chapter anew; its first frame is at 0.

    The sound is copied along, unless the chapter's clock was reset, when nobody knows where it
    belongs.

    Args:
        file: the chapter.
        index: the index of its recording.
        chapter: number of the chapter.
        way: ``rewrite`` keeps the coded pictures, ``encode`` makes H.264 of them.
        output: MP4 file to write.
    """
    table = read_packets(file)
    frames = index.chapter_frames(chapter)
    ticks = index.pts[frames.start - 1 : frames.stop - 1]
    ticks = ticks - ticks[0]
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
        writer = (_Encoder if way == "encode" else _Copier)(target, video, index, ticks, table.rows)
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
    """Gives the packets of a chapter the times `ticks`."""

    def __init__(
        self,
        target: OutputContainer,
        video: VideoStream,
        index: RecordingIndex,
        ticks: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> None:
        self._track = target.add_stream_from_template(video)
        self._track.time_base = self._time_base = index.time_base
        self._lasting = round(1 / index.rate / index.time_base)
        # Decoding times are the same times in order, and never behind a presentation time.
        delay = int((ticks - ticks[rows[rows >= 0]]).max())
        self._decoded = iter((ticks - delay).tolist())
        self._presented = iter([int(ticks[row]) if row >= 0 else None for row in rows])

    def packets(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """What to write for the next packet of the chapter."""
        presented = next(self._presented) if packet.size else None
        if presented is None:
            return []
        packet.stream, packet.time_base = self._track, self._time_base
        packet.pts, packet.dts, packet.duration = presented, next(self._decoded), self._lasting
        return [packet]


class _Encoder:
    """Decodes a chapter and encodes its frames at the times `ticks`."""

    def __init__(
        self,
        target: OutputContainer,
        video: VideoStream,
        index: RecordingIndex,
        ticks: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> None:
        width, height = video.codec_context.width, video.codec_context.height
        self._track = target.add_stream("libx264", options=VIEWING_QUALITY)
        self._track.width, self._track.height = width, height
        # Halved chroma needs even sides.
        self._track.pix_fmt = "yuv444p" if width % 2 or height % 2 else "yuv420p"
        self._track.codec_context.time_base = self._time_base = index.time_base
        self._presented = iter(ticks.tolist())

    def packets(self, packet: Packet[Any]) -> list[Packet[Any]]:
        """What to write for the next packet of the chapter."""
        ready = []
        for picture in packet.decode():
            frame = picture.reformat(format=self._track.pix_fmt)
            frame.pts, frame.time_base = next(self._presented), self._time_base
            ready += self._track.encode(frame)
        return ready if packet.size else [*ready, *self._track.encode(None)]
