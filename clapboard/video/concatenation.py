"""All chapters of a recording in one MP4, every frame at the time that the index gives it.

Where the chapters allow it their streams are copied as they are. The places of the joins come from
the index, since a sound track that outlasts the video would shift everything behind it. The
finished file is read back and must have the frames and times of the index.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import av
import ffmpeg
import numpy as np

from clapboard.artifacts import replacing, workshop
from clapboard.problems import InputError, Problem
from clapboard.video.ffmpeg_program import FfmpegError, local_input, run_ffmpeg
from clapboard.video.index import RecordingIndex
from clapboard.video.media import local, media_info, open_video
from clapboard.video.packets import UNDATED, read_packets
from clapboard.video.rewriting import Way, mp4_codecs, rewrite

MICROSECONDS = 1_000_000

# Some players misread time scales below a thousand ticks a second.
LEAST_TIME_SCALE = 1000


class ConcatenationError(RuntimeError):
    """The joined video does not have the frames and times of the index."""


def write_video(
    chapters: Sequence[str],
    index_file: str | os.PathLike[str],
    settings: Mapping[str, Any],
    output: str | os.PathLike[str],
) -> None:
    """Join the chapters of a recording.

    Args:
        chapters: files in recording order.
        index_file: the index of the recording.
        settings: section ``video`` of the configuration.
        output: MP4 file to write.

    Raises:
        ConcatenationError: the result differs from the index.
        clapboard.video.ffmpeg_program.FfmpegError: FFmpeg failed.
        InputError: instead of these two, when damage is to be passed over (``damaged: skip``).
    """
    try:
        _write_video(chapters, index_file, settings, output)
    except (ConcatenationError, FfmpegError, av.FFmpegError) as error:
        if settings.get("damaged") == "skip":
            raise InputError([_unjoinable(chapters, error)]) from error
        raise


def _unjoinable(chapters: Sequence[str], error: Exception) -> Problem:
    return Problem(
        "unjoinable",
        f"The chapters cannot be joined with every frame at its time: {error}",
        "If a chapter is damaged, copy it again from the camera; or do without the joined video: "
        "set video.concatenate to false and, if the recording has the split Predict, "
        "prediction.overlay to off, since overlays are drawn from it.",
        file=", ".join(chapters),
    )


def _write_video(
    chapters: Sequence[str],
    index_file: str | os.PathLike[str],
    settings: Mapping[str, Any],
    output: str | os.PathLike[str],
) -> None:
    index = RecordingIndex.read(index_file)
    way, reason = _way(chapters, index)
    if reason:
        print(f"{way}: {reason}", file=sys.stderr)  # noqa: T201 - the job's log
    with workshop(output) as folder, replacing(output) as temporary:
        # Plain names: whatever a chapter is called, it cannot break out of the list.
        parts = [folder / f"{number:04d}.mp4" for number in range(1, len(chapters) + 1)]
        if way == "copy":
            for chapter, part in zip(chapters, parts, strict=True):
                part.symlink_to(Path(chapter).absolute())
        else:
            rewrite(chapters, index, way, parts)
        _join(parts, index, settings["ffmpeg"], temporary)
        check_video(temporary, index)


def _way(chapters: Sequence[str], index: RecordingIndex) -> tuple[Way, str]:
    """The gentlest way that keeps all times, and why it is not a plain copy."""
    start, reason = Fraction(0), ""
    way: Way = "copy"
    for chapter, file in zip(index.chapters, chapters, strict=True):
        frames = index.chapter_frames(chapter.number)
        rows = slice(frames.start - 1, frames.stop - 1)
        source, own = index.source_pts[rows], index.pts[rows]
        if chapter.codec not in mp4_codecs():
            return "encode", f"MP4 cannot hold {chapter.codec} ({file}), so it becomes H.264"
        if (source == UNDATED).any():
            return "encode", f"{file} does not tell the order of its frames"
        if not index.key[rows][0]:
            return "encode", f"{file} begins with hidden frames"
        ticks = int(chapter.time_base / index.time_base)
        regular = np.array_equal((source - source[0]) * ticks, own - own[0])
        on_grid = (start / chapter.time_base).denominator == 1
        with open_video(file) as (container, _):
            copyable = regular and on_grid and "mp4" in container.format.name
        if way == "copy" and not copyable:
            way, reason = "rewrite", f"{file} cannot be joined with the time stamps it has"
        start += chapter.duration
    return way, reason


def _join(parts: Sequence[Path], index: RecordingIndex, setting: str, output: Path) -> None:
    """Copy the streams of all parts into one file, each part where the index has it."""
    leads = [_lead(part) for part in parts]
    begins = accumulate((chapter.duration for chapter in index.chapters), initial=Fraction(0))
    # FFmpeg takes whole microseconds; rounding the places, not the lengths, keeps errors from
    # adding up, and a tick is many microseconds long.
    places = [
        round((begin - lead) * MICROSECONDS)
        for begin, lead in zip(begins, [*leads, Fraction(0)], strict=True)
    ]
    lines = ["ffconcat version 1.0"]
    for part, (place, following) in zip(parts, pairwise(places), strict=True):
        lines += [f"file {part.name}", f"duration {following - place}us"]
    listing = parts[0].with_name("chapters.ffconcat")
    listing.write_text("\n".join(lines) + "\n")

    chapters = local_input(listing, format="concat")
    with av.open(str(parts[0])) as container:
        sounds = [
            f"a:{number}"
            for number, stream in enumerate(container.streams.audio)
            if stream.codec_context.name in mp4_codecs()
        ]
    scale = index.time_base.denominator
    scale *= -(-LEAST_TIME_SCALE // scale)
    joined = ffmpeg.output(
        *(chapters[stream] for stream in ["v:0", *sounds]),
        local(output),
        format="mp4",
        codec="copy",
        copyts=None,
        avoid_negative_ts="disabled",
        output_ts_offset=f"{-round(leads[0] * MICROSECONDS)}us",
        video_track_timescale=scale,
    )
    size = sum(part.stat().st_size for part in parts)
    run_ffmpeg(joined, setting, expected_bytes=size)


def _lead(part: Path) -> Fraction:
    """How long after the part's beginning (that of its sound, maybe) its video begins, seconds."""
    with open_video(part) as (container, video):
        first = next(packet for packet in container.demux(video) if not packet.is_discard)
        start = Fraction(container.start_time or 0, MICROSECONDS)
        return (first.pts or 0) * first.time_base - start


def check_video(video: str | os.PathLike[str], index: RecordingIndex) -> None:
    """Compare a joined video with the index, frame by frame.

    Raises:
        ConcatenationError: another number of frames, another time, or another duration.
    """
    packets, info = read_packets(str(video)), media_info(video)
    if len(packets.pts) != len(index):
        raise ConcatenationError(
            f"The joined video has {len(packets.pts)} frames, the index {len(index)}"
        )
    unit = packets.time_base / index.time_base
    times = packets.pts * unit.numerator
    expected = index.pts * unit.denominator
    if packets.start or not np.array_equal(times, expected):
        frame = int(np.argmax(times != expected)) + 1
        shown = packets.start + int(packets.pts[frame - 1]) * packets.time_base
        raise ConcatenationError(
            f"Frame {frame} of the joined video is at {float(shown):.6f} s, "
            f"in the index at {float(index.seconds(frame)):.6f} s"
        )
    # How long the very last frame lasts is a convention, so it may differ by less than a frame.
    if abs(info.duration - index.duration) >= 1 / index.rate:
        raise ConcatenationError(
            f"The joined video lasts {float(info.duration):.6f} s, "
            f"the recording {float(index.duration):.6f} s"
        )
