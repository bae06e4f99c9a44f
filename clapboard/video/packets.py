"""The frames of one chapter and their times, from its packets, without decoding.

Two ways lead to the same table. When the container keeps a table of all samples and nothing is
reordered, that table is enough and the picture data is never read (a 4 GB chapter takes
milliseconds). Otherwise all packets are read. The first way is checked against real packets at the
head, in the middle and at the end of the file before it is believed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from clapboard.video.media import open_video
from clapboard.video.timestamps import REORDERED, find_resets, median_step, straighten

# What `source_pts` holds when the times that a decoder would report cannot tell frames apart.
UNDATED = np.iinfo(np.int64).min

# Codecs that keep a picture's place in their own order count, not in the container's times.
ORDER_IN_CODEC = frozenset({"h264", "hevc"})

SAMPLED_PACKETS = 64

RESETS = "timestamp resets"
HIDDEN = "packets hidden by an edit list"


@dataclass(frozen=True)
class PacketTable:
    """The frames of a chapter, one per row, in the order in which a decoder shows them.

    Attributes:
        time_base: seconds per tick of `pts` and `source_pts`.
        pts: ticks after the chapter's first frame, strictly increasing. Shape (frames,).
        source_pts: presentation times as the chapter's decoder reports them; all `UNDATED` when
            those times do not identify frames.
        key: whether decoding can start here.
        start: time of the first frame as the container counts, seconds.
        rows: for each packet with data, in decoding order, the row of its frame; -1 if it is not
            shown. Shape (packets,).
        oddities: what had to be put right, e.g. ``{"duplicated timestamps": 2}``.
        lost: how many of the last frames the file lists, but is too short to hold.
    """

    time_base: Fraction
    pts: NDArray[np.int64]
    source_pts: NDArray[np.int64]
    key: NDArray[np.bool_]
    start: Fraction
    rows: NDArray[np.int64]
    oddities: dict[str, int] = field(default_factory=dict)
    lost: int = 0


@dataclass(frozen=True)
class _Samples:
    """Packets in decoding order; times in ticks, `UNDATED` where the container gives none."""

    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    key: NDArray[np.bool_]
    discarded: NDArray[np.bool_]
    lost: NDArray[np.bool_]


def read_packets(file: str) -> PacketTable:
    """The frames of a video file.

    Packets that an edit list hides and packets that need a key frame before the beginning of the
    file are not frames, since no decoder shows them. Times that run backwards (a clock reset inside
    the file) go on one frame duration after the frame before; duplicated times are spread evenly up
    to the next one.

    Raises:
        av.FFmpegError: the file is unreadable.
        clapboard.video.media.NoVideoError: it has no video stream.
    """
    with open_video(file) as (container, stream):
        if stream.time_base is None:
            raise ValueError(f"{file}: the video stream has no time base")
        time_base = stream.time_base
        reorders = bool(stream.codec_context.has_b_frames)
        order_in_codec = reorders and stream.codec_context.name in ORDER_IN_CODEC
        datable = not (order_in_codec and container.format.name == "avi")
        # In MP4 every frame of a stream that reorders is shown later than decoded: samples tell.
        listed = "mp4" in container.format.name or not reorders
        samples = _from_table(container, stream) if listed else None
    if samples is None:
        with open_video(file) as (container, stream):
            samples = _from_packets(container.demux(stream))
            if "mp4" in container.format.name:
                samples = _with_lost(samples, stream, Path(file).stat().st_size)
    return _arrange(samples, time_base, reorders, datable)


def _from_packets(packets: Iterable[Packet[VideoStream]]) -> _Samples:
    rows = [
        (
            UNDATED if packet.pts is None else packet.pts,
            UNDATED if packet.dts is None else packet.dts,
            packet.is_keyframe,
            packet.is_discard,
        )
        for packet in packets
        if packet.size  # the last packet of a stream is an empty one that flushes the decoder
    ]
    times = np.array([row[:2] for row in rows], np.int64).reshape(-1, 2)
    flags = np.array([row[2:] for row in rows], bool).reshape(-1, 2)
    nothing = np.zeros(len(rows), bool)
    return _Samples(times[:, 0], times[:, 1], flags[:, 0], flags[:, 1], nothing)


def _with_lost(samples: _Samples, stream: VideoStream, size: int) -> _Samples:
    """The samples, and those that the table of a file lists beyond its end.

    When they were shown is what no packet says any more; where the rate is constant, presentation
    times are decoding times later by a constant, from one cut by an edit list to the next. Where
    that does not tell them, the samples stay as they are.

    Args:
        samples: what can be read of the file.
        stream: the video stream.
        size: of the file, bytes.
    """
    entries = list(stream.index_entries)
    ends = np.array([entry.pos + entry.size for entry in entries], np.int64)
    time = np.array([entry.timestamp for entry in entries], np.int64)
    count = len(samples.dts)
    whole = int((ends[:count] <= size).sum())
    beyond = len(ends) > whole and bool((ends[whole:] > size).all())
    if not whole or not beyond or not np.array_equal(samples.dts[:whole], time[:whole]):
        return samples
    delay = int(samples.pts[0] - samples.dts[0])
    expected = list[int]()
    for part in np.split(np.arange(len(time)), np.flatnonzero(np.diff(time) < 0) + 1):
        known = samples.pts[part[part < whole]]
        rest = np.setdiff1d(time[part] + delay, known)
        missing = len(part) - len(known)
        if missing > len(rest):
            return samples
        expected.extend(rest[len(rest) - missing :].tolist())
    flags = [
        np.array([getattr(entry, name) for entry in entries[whole:]], bool)
        for name in ("is_keyframe", "is_discard")
    ]
    return _Samples(
        np.append(samples.pts[:whole], expected),
        time,
        np.append(samples.key[:whole], flags[0]),
        np.append(samples.discarded[:whole], flags[1]),
        np.arange(len(time)) >= whole,
    )


def _from_table(container: InputContainer, stream: VideoStream) -> _Samples | None:
    """The samples as the container's table has them, or None when it must not be believed.

    The table holds decoding times; they are presentation times only if nothing is reordered. It
    can be incomplete (Matroska lists key frames, a fragmented file its first part).
    """
    entries = list(stream.index_entries)
    time = np.array([entry.timestamp for entry in entries], np.int64)
    key = np.array([entry.is_keyframe for entry in entries], bool)
    discarded = np.array([entry.is_discard for entry in entries], bool)
    complete = len(entries) > 0 and all(entry.size for entry in entries)
    if not complete or not key[0] or (np.diff(time) <= 0).any():
        return None
    keys = np.flatnonzero(key)
    for start in dict.fromkeys((0, int(keys[len(keys) // 2]), int(keys[-1]))):
        # The last group is read to the end of the file: nothing may follow what the table lists.
        count = None if start == keys[-1] else SAMPLED_PACKETS
        container.seek(int(time[start]), stream=stream)
        sample = _from_packets(islice(container.demux(stream), count))
        part = slice(start, start + len(sample.pts))
        agrees = (
            np.array_equal(sample.pts, time[part])
            and np.array_equal(sample.dts, time[part])
            and np.array_equal(sample.key, key[part])
            and np.array_equal(sample.discarded, discarded[part])
            and (count is not None or part.stop == len(entries))
        )
        if not agrees:
            return None
    return _Samples(time, time, key, discarded, np.zeros(len(time), bool))


def _arrange(samples: _Samples, time_base: Fraction, reorders: bool, datable: bool) -> PacketTable:
    """Put packets in decoding order into the order of presentation, and their times right."""
    oddities: dict[str, int] = {}
    dated = (samples.pts != UNDATED) & (samples.dts != UNDATED)
    reorders = reorders or len(np.unique(samples.pts[dated] - samples.dts[dated])) > 1
    decodable = _decodable(samples, reorders)
    shown = decodable & ~samples.discarded
    _note(oddities, HIDDEN, samples.discarded)
    _note(oddities, "packets that need an earlier key frame", ~decodable)
    pts, dts, key = samples.pts[shown], samples.dts[shown], samples.key[shown]

    undated = pts == UNDATED
    _note(oddities, "frames without presentation time", undated)
    if undated.any():
        datable = False
        pts = dts if not (dts == UNDATED).any() else np.arange(len(pts), dtype=np.int64)
    reorders = reorders and datable

    step = median_step(np.sort(pts) if reorders else pts)
    resets = find_resets(pts, key, reorders)
    _note(oddities, RESETS, resets)
    segment = np.cumsum(resets, dtype=np.int64)
    order = np.lexsort((pts, segment)) if reorders else np.arange(len(pts))
    pts, key, segment = pts[order], key[order], segment[order]
    lost = samples.lost[shown][order]
    rows = np.full(len(shown), -1)
    rows[np.flatnonzero(shown)[order]] = np.arange(len(order))
    times, moved = straighten(pts, segment, step)
    _note(oddities, "duplicated or disordered timestamps", moved)
    return PacketTable(
        time_base=time_base,
        pts=times,
        source_pts=pts if datable else np.full(len(pts), UNDATED),
        key=key,
        start=int(pts[0]) * time_base if len(pts) else Fraction(0),
        rows=rows,
        oddities=oddities,
        lost=len(lost) - int(np.argmax(lost)) if lost.any() else 0,
    )


def _decodable(samples: _Samples, reorders: bool) -> NDArray[np.bool_]:
    """Which packets a decoder can make a picture of.

    Nothing before the first key frame; and of a file cut at a key frame in the middle of a video,
    none of those behind it that are shown before it, since they need pictures that were cut off.
    """
    keys = np.flatnonzero(samples.key)
    if not len(keys):
        return np.ones(len(samples.key), bool)
    decodable = np.arange(len(samples.key)) >= keys[0]
    if reorders and samples.pts[keys[0]] != UNDATED:
        # `UNDATED` is less than any time; cut Matroska files leave such packets without one.
        behind = samples.pts[keys[0] + 1 :][:REORDERED] > samples.pts[keys[0]]
        leading = int(np.argmax(behind)) if behind.any() else 0
        decodable[keys[0] + 1 : keys[0] + 1 + leading] = False
    return decodable


def _note(oddities: dict[str, int], name: str, rows: NDArray[np.bool_]) -> None:
    if rows.any():
        oddities[name] = int(rows.sum())
