"""Selected frames out of a chapter, and nothing else decoded.

A frame needs the frames before it, in decoding order, back to its key frame. So each group of
pictures that holds a wanted frame is entered at its key frame and left as soon as its last wanted
frame has been handed to the decoder; groups without one are not even read. Unwanted pictures to
which no other refers are skipped by the decoder.

A frame is known by the time that the decoder gives it (`source_pts` of the index), never by
counting, except in files whose times cannot tell frames apart: those are decoded from their
beginning.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Set
from contextlib import AbstractContextManager, contextmanager
from itertools import chain

import av
import numpy as np
from av.codec.context import ThreadType
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from clapboard.problems import InputError, Problem
from clapboard.video.groups import Group, Wanted
from clapboard.video.index import RecordingIndex
from clapboard.video.media import LOCAL_ONLY, NoVideoError, local, open_video

log = logging.getLogger(__name__)

_Opening = AbstractContextManager[tuple[InputContainer, VideoStream]]


def decode_frames(
    file: str,
    index: RecordingIndex,
    chapter: int,
    frames: NDArray[np.int64],
    threads: int = 0,
    card: bool = False,
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode frames of one chapter.

    Args:
        file: the chapter.
        index: the index of its recording.
        chapter: number of the chapter.
        frames: numbers of the wanted frames, ascending, all in the chapter.
        threads: decoder threads; 0 lets FFmpeg choose.
        card: decode on the NVIDIA card, and in software what it does not deliver.

    Yields:
        Frame number and picture, ascending; frames that needed a second way come last.

    Raises:
        InputError: the file cannot be read, or the decoder does not deliver a wanted frame.
    """
    wanted = Wanted.of(index, chapter, frames)
    try:
        if wanted.dated and card:
            yield from _on_card(file, wanted)
        if wanted.dated and wanted.frames:
            yield from _by_group(_open(file, threads), wanted)
        if wanted.frames:
            if wanted.dated:
                log.warning("%s: seeking misses frames; decoding from the beginning", file)
            yield from _from_start(_open(file, threads), wanted)
    except (av.FFmpegError, NoVideoError) as error:
        raise InputError([_unreadable(file, error)]) from error
    if wanted.frames:
        raise InputError([_undelivered(file, sorted(wanted.frames.values()))])


def card_decodes(codec: str) -> bool:
    """Whether there is an NVIDIA card that decodes a codec; if not, the log says why."""
    try:
        HWAccel("cuda").create(av.Codec(codec, "r"))
    except (av.FFmpegError, NotImplementedError) as error:
        log.warning("no hardware decoding of %s (%s); decoding in software", codec, error)
        return False
    return True


def _on_card(file: str, wanted: Wanted) -> Iterator[tuple[int, VideoFrame]]:
    """Deliver what the card delivers; it may give up at any time."""
    try:
        yield from _by_group(_open_on_card(file), wanted)
    except av.FFmpegError as error:
        log.warning("%s: the card gave up (%s); decoding in software", file, error)


def _by_group(opening: _Opening, wanted: Wanted) -> Iterator[tuple[int, VideoFrame]]:
    """Deliver what can be reached through the key frame before it."""
    with opening as (container, stream):
        context = stream.codec_context
        reader = _Reader(container, stream)
        before: Group | None = None

        def deliver(pictures: list[VideoFrame]) -> Iterator[tuple[int, VideoFrame]]:
            for picture in pictures:
                # What is shown before the key frame of entry lacks its references.
                if picture.pts in wanted.frames and picture.pts >= reader.entry:
                    yield wanted.frames.pop(picture.pts), picture

        for group in wanted.groups:
            if not group.wanted & wanted.frames.keys():
                continue
            adjacent = before is not None and before.number == group.number - 1
            follows = adjacent and before is not None and before.whole
            if not follows and group.key not in reader.taken:
                if before is not None:
                    yield from deliver(_decode(context, None))
                    context.flush_buffers()
                reader.enter(group, seek=not adjacent)
            for packet in reader.packets_until(group.wanted & wanted.frames.keys()):
                needed = packet.pts in wanted.frames or packet.is_keyframe
                context.skip_frame = "DEFAULT" if needed else "NONREF"
                yield from deliver(_decode(context, packet))
            before = group
        yield from deliver(_decode(context, None))


class _Reader:
    """The packets of a chapter, group by group.

    Attributes:
        entry: time of the key frame at which reading was last taken up.
        taken: times of the packets handed out since then.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self._container, self._stream = container, stream
        self._packets: Iterator[Packet[VideoStream]] = container.demux(stream)
        self._overshoots = False
        self.entry = 0
        self.taken = set[int]()

    def enter(self, group: Group, seek: bool) -> None:
        """Go to the key frame of a group. If it is not found, no packets follow."""
        self.entry, self.taken = group.key, set()
        if group.number == 0:
            return
        if not seek:
            self._skip_to(group.key)
            return
        # Transport streams seek by decoding time, which lies before that of presentation.
        for target in (group.key, group.earlier)[self._overshoots :]:
            self._container.seek(target, stream=self._stream)
            self._packets = self._container.demux(self._stream)
            if self._skip_to(group.key):
                return
            self._overshoots = True

    def _skip_to(self, key: int) -> bool:
        for packet in self._packets:
            if packet.is_keyframe and packet.pts is not None and packet.pts >= key:
                self._packets = chain([packet], self._packets) if packet.pts == key else iter(())
                return packet.pts == key
        return False

    def packets_until(self, times: Set[int]) -> Iterator[Packet[VideoStream]]:
        """Packets in decoding order until all those of `times` have been taken."""
        pending = times - self.taken
        while pending and (packet := next(self._packets, None)) and packet.size:
            if packet.pts is not None:
                self.taken.add(packet.pts)
            pending -= {packet.pts}
            yield packet


def _from_start(opening: _Opening, wanted: Wanted) -> Iterator[tuple[int, VideoFrame]]:
    """Deliver frames by decoding everything from the beginning up to the last of them."""
    with opening as (container, stream):
        count = 0
        for packet in container.demux(stream):
            for picture in _decode(stream.codec_context, packet):
                identity = picture.pts if wanted.dated else count
                count += 1
                if identity in wanted.frames:
                    yield wanted.frames.pop(identity), picture
            if not wanted.frames:
                return


@contextmanager
def _open(file: str, threads: int) -> Iterator[tuple[InputContainer, VideoStream]]:
    with open_video(file) as (container, stream):
        stream.codec_context.thread_type = ThreadType.AUTO
        stream.codec_context.thread_count = threads
        yield container, stream


@contextmanager
def _open_on_card(file: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    with open_video(file) as (_, stream):
        place = stream.index
    with av.open(local(file), options=LOCAL_ONLY, hwaccel=HWAccel("cuda")) as container:
        yield container, next(s for s in container.streams.video if s.index == place)


def _decode(context: VideoCodecContext, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
    """Pictures that come out when a packet goes in; a damaged packet gives none.

    The frames that damage costs are missed, and named, at the end.
    """
    try:
        return context.decode(packet)
    except av.InvalidDataError as error:
        log.warning("damaged packet at tick %s: %s", packet and packet.pts, error)
        return []


def _unreadable(file: str, error: Exception) -> Problem:
    return Problem(
        "undecodable-chapter",
        f"The chapter cannot be decoded ({getattr(error, 'strerror', None) or error})",
        "Copy it again from the camera, or leave the recording out.",
        file=file,
    )


def _undelivered(file: str, frames: list[int]) -> Problem:
    shown = ", ".join(map(str, frames[:5])) + (", …" if len(frames) > 5 else "")
    return Problem(
        "undecodable-frames",
        f"The decoder does not deliver {len(frames)} wanted frame{'s'[: len(frames) > 1]}: {shown}",
        "The chapter is damaged there: copy it again from the camera, or end the annotation "
        "before the damage.",
        file=file,
        value=str(frames[0]),
    )
