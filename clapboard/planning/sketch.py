"""What the index of a recording will look like, guessed from the headers of its chapters.

Good enough to count frames and cost before any work: constant rate, key frames as far apart as at
the beginning of the first chapter. Frame identity never comes from here.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import islice

import numpy as np

from clapboard.clock import parse_rate
from clapboard.sessions.recordings import Recording
from clapboard.video.footage import Footage, read_images, read_video
from clapboard.video.index import RecordingIndex
from clapboard.video.indexing import build_index
from clapboard.video.media import MediaInfo, media_info, open_video
from clapboard.video.packets import PacketTable
from clapboard.video.rates import FrameRate

SAMPLED_PACKETS = 600


def sketch_index(recording: Recording) -> RecordingIndex:
    """An index that holds about as many frames, at about the same times, as the true one.

    A chapter whose header does not say how long it is or how fast is read in full.

    Raises:
        av.FFmpegError: a chapter is unreadable.
        clapboard.video.media.NoVideoError: it has no video stream.
        OSError: as `clapboard.video.footage.read_images`; so is InputError.
    """
    if recording.kind == "images":
        rate = parse_rate(recording.rate)
        footage = [read_images(folder, rate, recording.id) for folder in recording.chapters]
    else:
        group = group_length(recording.chapters[0])
        infos = [media_info(file) for file in recording.chapters]
        footage = [_sketch(info, group) for info in infos]
    return build_index(recording.id, footage, recording.kind)


def group_length(file: str) -> int:
    """Frames from the first key frame of a video to the second; at most `SAMPLED_PACKETS`."""
    with open_video(file) as (container, stream):
        packets = islice(container.demux(stream), SAMPLED_PACKETS)
        keys = [number for number, packet in enumerate(packets) if packet.is_keyframe]
    return keys[1] - keys[0] if len(keys) > 1 else SAMPLED_PACKETS


def _sketch(info: MediaInfo, group: int) -> Footage:
    """A chapter with frames at a constant rate and a key frame every `group` frames."""
    if info.rate <= 0 or info.duration <= 0:
        return read_video(info)
    step = 1 / info.rate
    number = np.arange(max(1, round(info.duration / step)), dtype=np.int64)
    packets = PacketTable(
        time_base=step,
        pts=number,
        source_pts=number,
        key=number % group == 0,
        start=Fraction(0),
        rows=number,
    )
    return Footage(info, packets, FrameRate(info.rate, constant=True, step=step))
