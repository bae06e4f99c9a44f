"""Opening video files in process, read-only, and what their headers say."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from clapboard.clock import parse_duration
from clapboard.problems import Problem
from clapboard.video.endings import chunks_whole, elements_whole, fragments_whole
from clapboard.video.mp4_header import TrackLength, track_length

# Nothing in a video file may make a library open a socket or another protocol.
LOCAL_ONLY = {"protocol_whitelist": "file"}

# Nor another file: a playlist or a list of parts is no chapter, whatever it is called.
CONTAINERS = {"format_whitelist": "mov,matroska,avi,mpegts,mpeg,asf,flv,mxf,ogg"}

# The largest picture that is decoded, 16384 x 8192: a header may claim any size, and memory for it.
MOST_PIXELS = 2**27


@dataclass(frozen=True)
class MediaInfo:
    """What the header of a chapter says, without reading its packets.

    Attributes:
        file: path as given.
        codec: name of the video codec, e.g. ``h264``.
        width: pixels.
        height: pixels.
        rate: frames per second as the container declares it; 0 when it does not.
        duration: seconds of the video stream as declared; 0 when unknown.
        created: creation time as written by the camera, or "".
        sound: when the longest audio stream ends, seconds by the container's clock; None if there
            is none or the container does not say.
        declared: seconds that the container says of the video stream itself, without what an edit
            list hides; 0 when it does not.
        ends: whether `declared` may be when the stream ends, by a clock that need not begin at 0.
        contradiction: what it says when it says two different things.
        whole: False when it has no table of its frames, and ends in the middle of one of its parts
            or has one that is none.
    """

    file: str
    codec: str
    width: int
    height: int
    rate: Fraction
    duration: Fraction
    created: str = ""
    sound: Fraction | None = None
    declared: Fraction = Fraction(0)
    ends: bool = False
    contradiction: TrackLength | None = None
    whole: bool = True


class NoVideoError(ValueError):
    """A readable file without a video stream."""


def local(path: str | os.PathLike[str]) -> str:
    """The name under which FFmpeg's libraries open a path as a plain file, whatever it contains."""
    return f"file:{Path(path).absolute()}"


@contextmanager
def open_video(path: str | os.PathLike[str]) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video read-only and give it with its video stream (cover pictures passed over).

    Raises:
        av.FFmpegError: the file is missing or unreadable.
        NoVideoError: it has no video stream.
    """
    with av.open(local(path), options=LOCAL_ONLY | CONTAINERS) as container:
        pictures = Disposition.attached_pic | Disposition.timed_thumbnails
        # A stream of a codec that nobody knows has no context; type stubs do not know of that.
        known = [s for s in container.streams.video if getattr(s, "codec_context", None)]
        streams = [s for s in known if not s.disposition & pictures]
        if not streams:
            raise NoVideoError(f"{path} has no video stream that can be decoded")
        yield container, streams[0]


def media_info(path: str | os.PathLike[str]) -> MediaInfo:
    """Read the header of a video.

    Raises:
        av.FFmpegError: the file is missing or unreadable.
        NoVideoError: it has no video stream.
    """
    with open_video(path) as (container, stream):
        if stream.duration is not None and stream.time_base is not None:
            duration = stream.duration * stream.time_base
        else:
            duration = Fraction(container.duration or 0, av.time_base)
        mp4 = "mp4" in container.format.name
        length = track_length(path, stream.id) if mp4 else TrackLength()
        created = stream.metadata.get("creation_time") or container.metadata.get("creation_time")
        return MediaInfo(
            file=str(path),
            codec=stream.codec_context.name,
            width=stream.codec_context.width,
            height=stream.codec_context.height,
            rate=Fraction(stream.average_rate or stream.guessed_rate or 0),
            duration=duration,
            created=created or "",
            sound=max(filter(None, map(_end, container.streams.audio)), default=None),
            declared=length.edited or length.declared or _declared(container, stream),
            ends="matroska" in container.format.name,
            contradiction=length if length.contradicts else None,
            whole=_whole(path, container.format.name, length),
        )


def _whole(path: str | os.PathLike[str], container: str, length: TrackLength) -> bool:
    if "mp4" in container and not length.samples:
        return fragments_whole(path)
    if "matroska" in container:
        return elements_whole(path)
    return chunks_whole(path) if container == "avi" else True


def _declared(container: InputContainer, stream: VideoStream) -> Fraction:
    """Seconds of a stream by an AVI, or a Matroska file by the tag that its writers leave."""
    if container.format.name == "avi" and stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    try:
        return parse_duration(stream.metadata.get("DURATION", "0"))
    except ValueError:
        return Fraction(0)


def _end(stream: Stream) -> Fraction | None:
    """When a stream ends, seconds; None in containers that do not say."""
    if stream.duration is None or stream.time_base is None:
        return None
    return ((stream.start_time or 0) + stream.duration) * stream.time_base


def probe(chapters: Sequence[str]) -> tuple[list[MediaInfo], list[Problem]]:
    """Headers of the video chapters of one recording and everything wrong with them.

    Args:
        chapters: files in recording order.

    Returns:
        One `MediaInfo` per readable chapter, and the problems: unreadable or missing chapters,
        files without video, codecs or frame sizes that change between chapters.
    """
    infos, problems = list[MediaInfo](), list[Problem]()
    for file in chapters:
        try:
            info = media_info(file)
            infos.append(info)
            problems.extend([*_absurd_size(info), *_contradiction(info)])
        except (av.FFmpegError, NoVideoError, OSError) as error:
            problems.append(unreadable(file, error))
    for info in infos[1:]:
        problems.extend(_differences(infos[0], info))
    return infos, problems


def unreadable(file: str, error: Exception) -> Problem:
    """What to tell the user about a chapter that could not be opened."""
    if isinstance(error, NoVideoError):
        return Problem(
            "no-video",
            "The chapter has no video stream",
            "Remove it from the recording or replace it.",
            file=file,
        )
    if not Path(file).exists():
        return Problem(
            "missing-chapter",
            "The chapter does not exist",
            "Correct the column videos of the recordings table, or bring the file back.",
            file=file,
        )
    reason = getattr(error, "strerror", None) or str(error)
    return Problem(
        "unreadable-chapter",
        f"The chapter cannot be read as video ({reason})",
        "Copy it again from the camera; a recording cut off by a flat battery can often be "
        "repaired with the camera maker's tool.",
        file=file,
    )


def _absurd_size(info: MediaInfo) -> Iterator[Problem]:
    """A problem if nothing can be made of pictures of this size."""
    size = f"{info.width}x{info.height}"
    if not 0 < info.width * info.height <= MOST_PIXELS:
        yield Problem(
            "absurd-frame-size",
            f"The header says that the pictures have {size} pixels, which cannot be",
            "Copy the chapter again from the camera; its header is damaged.",
            file=info.file,
            value=size,
        )


def _contradiction(info: MediaInfo) -> Iterator[Problem]:
    """A problem if nobody can say when the pictures are shown."""
    if length := info.contradiction:
        yield Problem(
            "contradictory-times",
            f"By its header the video lasts {float(length.declared):.3f} s, by its table of "
            f"frames {float(length.listed):.3f} s",
            "Copy the chapter again from the camera. If its table is right, "
            "`ffmpeg -i CHAPTER -c copy NEW.mp4` makes a header of it.",
            file=info.file,
            value=f"{float(length.listed):.3f} s",
        )


def _differences(first: MediaInfo, other: MediaInfo) -> Iterator[Problem]:
    """Problems from what must be the same in all chapters of a recording."""
    remedy = f"All chapters must be like {first.file}; give the odd one a recording of its own."
    if other.codec != first.codec:
        yield Problem(
            "mixed-codecs",
            f"The codec changes from {first.codec} to {other.codec} within the recording",
            remedy,
            file=other.file,
            value=other.codec,
        )
    if (other.width, other.height) != (first.width, first.height):
        yield Problem(
            "mixed-frame-sizes",
            f"The frame size changes from {first.width}x{first.height} to "
            f"{other.width}x{other.height} within the recording",
            remedy,
            file=other.file,
            value=f"{other.width}x{other.height}",
        )
