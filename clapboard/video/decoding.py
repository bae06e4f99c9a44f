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
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

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
from clapboard.video.damage import (
    COMPLETE,
    MOST_THREADS,
    CountingSieve,
    Sieve,
    spoilt_problem,
    strictness,
)
from clapboard.video.groups import Group, Wanted
from clapboard.video.index import RecordingIndex
from clapboard.video.media import (
    CONTAINERS,
    LOCAL_ONLY,
    MOST_PIXELS,
    NoVideoError,
    local,
    open_video,
)
from clapboard.video.reading import Reader

log = logging.getLogger(__name__)

BOUNDED = {"max_pixels": str(MOST_PIXELS)}
"""What every decoder is told: a header may claim any size."""

_Opening = AbstractContextManager[tuple[InputContainer, VideoStream]]


def decode_frames(
    file: str,
    index: RecordingIndex,
    chapter: int,
    frames: NDArray[np.int64],
    threads: int = 0,
    card: bool = False,
    spoilt: dict[int, str] | None = None,
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode frames of one chapter.

    Args:
        file: the chapter.
        index: the index of its recording.
        chapter: number of the chapter.
        frames: numbers of the wanted frames, ascending, all in the chapter.
        threads: decoder threads; 0 lets FFmpeg choose.
        card: decode on the NVIDIA card, and in software what it does not deliver.
        spoilt: gets the frames that damage has reached, each with a reason; None makes them an
            error.

    Yields:
        Frame number and picture, ascending; frames that needed a second way come last.

    Raises:
        InputError: the file cannot be read, or a wanted frame cannot be decoded.
    """
    wanted = Wanted.of(index, chapter, frames)
    hurt = set[int]()
    try:
        if wanted.dated and card:
            yield from _on_card(file, wanted)
        if wanted.dated and wanted.frames:
            yield from _by_group(_open(file, threads), wanted, hurt)
        if hurt:
            log.warning("%s: damaged; decoding %d groups of pictures alone", file, len(hurt))
            for number in sorted(hurt):  # each anew: a decoder may remember what it has met
                yield from _by_group(_open(file, 1), wanted, {number}, careful=True)
        reasons = dict.fromkeys(wanted.inside(hurt), "damaged")
        if len(wanted.frames) > len(reasons):
            if wanted.dated:
                log.warning("%s: seeking misses frames; decoding from the beginning", file)
            yield from _from_start(_open(file, threads), wanted)
    except (av.FFmpegError, NoVideoError) as error:
        raise InputError([_unreadable(file, error)]) from error
    lost = {number: reasons.get(number, "not delivered") for number in wanted.frames.values()}
    if lost and spoilt is None:
        raise InputError([spoilt_problem(file, index, lost, len(frames))])
    if spoilt is not None:
        spoilt.update(lost)


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
        yield from _by_group(_open_on_card(file), wanted, set())
    except av.FFmpegError as error:
        log.warning("%s: the card gave up (%s); decoding in software", file, error)


def _by_group(
    opening: _Opening, wanted: Wanted, hurt: set[int], careful: bool = False
) -> Iterator[tuple[int, VideoFrame]]:
    """Deliver what can be reached through the key frame before it.

    Args:
        opening: of the file; with a single decoder thread if `careful`.
        wanted: what to deliver.
        hurt: gets the numbers of groups that are left because they show damage.
        careful: enter the groups in `hurt`, each alone, and deliver what comes before the damage.
    """
    with opening as (container, stream):
        context = stream.codec_context
        complete = context.name in COMPLETE
        reader, sieve = Reader(container, stream), Sieve(complete)
        before: Group | None = None
        since = list[Group]()  # groups since reading was last taken up

        def deliver(packet: Packet[VideoStream] | None) -> Iterator[tuple[int, VideoFrame]]:
            fresh = _decode(context, packet, sieve)
            for picture in sieve.pictures(fresh, ended=packet is None):
                if picture.pts in wanted.frames and picture.pts >= reader.entry:
                    yield wanted.frames.pop(picture.pts), picture

        for group in wanted.groups:
            pending = group.wanted & wanted.frames.keys()
            if not pending or (careful and group.number not in hurt):
                continue
            adjacent = before is not None and before.number == group.number - 1 and not careful
            follows = adjacent and before is not None and before.whole
            if not follows and (careful or group.key not in reader.taken):
                if before is not None:
                    yield from deliver(None)
                    if sieve.damaged and not careful:
                        hurt |= {one.number for one in since if one.wanted & wanted.frames.keys()}
                    context.flush_buffers()
                    sieve, since = Sieve(complete), []
                reader.enter(group, seek=not adjacent)
            since.append(group)
            before = group
            for packet in reader.packets_until(pending):
                if packet.pts is not None and packet.pts < reader.entry:
                    continue  # shown before the key frame of entry, it lacks its references
                needed = packet.pts in wanted.frames or packet.is_keyframe or complete
                context.skip_frame = "DEFAULT" if needed else "NONREF"
                yield from deliver(packet)
                if sieve.damaged and not careful:
                    hurt |= {one.number for one in since if one.wanted & wanted.frames.keys()}
                    context.flush_buffers()
                    sieve, since, before, reader.taken = Sieve(complete), [], None, set()
                    break
        yield from deliver(None)
        if sieve.damaged and not careful:
            hurt |= {one.number for one in since if one.wanted & wanted.frames.keys()}


def _from_start(opening: _Opening, wanted: Wanted) -> Iterator[tuple[int, VideoFrame]]:
    """Deliver frames by decoding everything from the beginning up to the last of them."""
    with opening as (container, stream):
        complete = stream.codec_context.name in COMPLETE
        sieve = Sieve(complete) if wanted.dated else CountingSieve()
        count = 0
        for packet in container.demux(stream):
            fresh = _decode(stream.codec_context, packet, sieve)
            for picture in sieve.pictures(fresh, ended=not packet.size):
                identity = picture.pts if wanted.dated else count
                count += 1
                if identity in wanted.frames:
                    yield wanted.frames.pop(identity), picture
            if not wanted.frames:
                return


@contextmanager
def _open(file: str, threads: int) -> Iterator[tuple[InputContainer, VideoStream]]:
    with open_video(file) as (container, stream):
        strict = strictness(stream.codec_context.name)
        stream.codec_context.options = strict | BOUNDED
        stream.codec_context.thread_type = ThreadType.AUTO
        stream.codec_context.thread_count = threads
        yield container, stream


@contextmanager
def _open_on_card(file: str) -> Iterator[tuple[InputContainer, VideoStream]]:
    with open_video(file) as (_, stream):
        place = stream.index
    with av.open(
        local(file), options=LOCAL_ONLY | CONTAINERS, hwaccel=HWAccel("cuda")
    ) as container:
        stream = next(s for s in container.streams.video if s.index == place)
        stream.codec_context.options = BOUNDED
        yield container, stream


def _decode(
    context: VideoCodecContext, packet: Packet[VideoStream] | None, sieve: Sieve
) -> list[VideoFrame]:
    """The pictures that come out when a packet goes in; a damaged packet gives none."""
    if packet is not None and packet.size:
        sieve.take(packet)
    try:
        return context.decode(packet)
    except av.FFmpegError as error:
        log.warning("damaged packet at tick %s: %s", packet and packet.pts, error)
        sieve.hurt(0 if context.thread_count == 1 else MOST_THREADS)
        return []


def _unreadable(file: str, error: Exception) -> Problem:
    return Problem(
        "undecodable-chapter",
        f"The chapter cannot be decoded ({getattr(error, 'strerror', None) or error})",
        "Copy it again from the camera, or leave the recording out.",
        file=file,
    )
