"""One chapter as it came from the camera: its header, its frames and its rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image
from tqdm import tqdm

from clapboard.problems import InputError, Problem, refuse
from clapboard.video.damage import cut_off_problem, length_problem
from clapboard.video.images import check_numbers, list_frames
from clapboard.video.media import MediaInfo, NoVideoError, probe, unreadable
from clapboard.video.packets import HIDDEN, RESETS, PacketTable, read_packets
from clapboard.video.rates import FrameRate, frame_rate

ROUNDED_FRAMES = 2
"""By how many frames a header may be wrong about the length of a video."""

BEGINNING_FRAMES = 4
"""Frames after which the first one of a whole file comes at the latest, by its container."""


@dataclass(frozen=True)
class Footage:
    """Everything known about one chapter.

    Attributes:
        info: its header.
        packets: its frames.
        rate: how fast they follow each other.
        doubts: warnings about them.
    """

    info: MediaInfo
    packets: PacketTable
    rate: FrameRate
    doubts: tuple[Problem, ...] = ()

    @property
    def frames(self) -> int:
        """Number of frames."""
        return len(self.packets.pts)

    @property
    def duration(self) -> Fraction:
        """Seconds from the start of the first frame to the end of the last."""
        return int(self.packets.pts[-1]) * self.packets.time_base + self.rate.step


def read_video(info: MediaInfo) -> Footage:
    """The frames of the video chapter with this header.

    Raises:
        av.FFmpegError: the file is unreadable.
        clapboard.video.media.NoVideoError: it has no video stream.
    """
    packets = read_packets(info.file)
    return Footage(info, packets, frame_rate(packets.pts, packets.time_base, info.rate))


def read_images(folder: str, rate: Fraction, recording: str) -> Footage:
    """The frames of a folder of pictures: one for each number, whether it has a picture or not.

    Args:
        folder: the folder.
        rate: frames per second.
        recording: id of the recording, which the names of the pictures may begin with.

    Raises:
        OSError: the folder or its first picture cannot be read.
        InputError: a name without a number, a number twice, or a first number above 1.
    """
    frames = list_frames(folder, recording)
    numbers, width, height = np.empty(0, np.int64), 0, 0
    doubts = check_numbers(folder, recording, frames) if frames else []
    refuse(doubts)
    if frames:
        numbers = np.arange(frames[0][0], frames[-1][0] + 1, dtype=np.int64)
        try:
            with Image.open(Path(folder) / frames[0][1]) as image:
                width, height = image.size
        except Image.DecompressionBombError as error:
            raise OSError(f"{frames[0][1]}: {error}") from error
    pictured = np.isin(numbers, [number for number, _ in frames])
    missing = int((~pictured).sum())
    info = MediaInfo(
        file=folder,
        codec="jpeg",
        width=width,
        height=height,
        rate=rate,
        duration=len(numbers) / rate,
    )
    packets = PacketTable(
        time_base=1 / rate,
        pts=np.arange(len(numbers)),
        source_pts=numbers,
        key=pictured,
        start=Fraction(0),
        rows=np.flatnonzero(pictured),
        oddities={"numbers without a picture": missing} if missing else {},
    )
    return Footage(info, packets, FrameRate(rate, constant=True, step=1 / rate), tuple(doubts))


def read_chapters(
    chapters: Sequence[str], kind: str, rate: Fraction | None, recording: str = ""
) -> tuple[list[Footage], list[Problem]]:
    """All chapters of a recording and everything wrong with them.

    Args:
        chapters: files (for images: folders) in recording order.
        kind: ``video`` or ``images``.
        rate: frames per second; needed for images.
        recording: id of the recording, which the names of images may begin with.
    """
    infos, problems = probe(chapters) if kind == "video" else ([], [])
    if problems:
        return [], problems
    headers = {info.file: info for info in infos}
    footage = []
    for chapter in tqdm(chapters, unit="chapter", desc="index"):
        try:
            if kind == "video":
                footage.append(read_video(headers[chapter]))
            elif rate is not None:
                footage.append(read_images(chapter, rate, recording))
            else:
                problems.append(_no_rate(chapter))
        except InputError as error:
            problems.extend(error.problems)
        except (av.FFmpegError, NoVideoError, OSError) as error:
            problems.append(unreadable(chapter, error))
    # A single frame has no rate; cameras leave such a chapter when they are stopped at a join.
    rates = [read.rate for read in footage if read.frames > 1]
    footage = [
        replace(read, rate=rates[0]) if rates and read.frames == 1 else read for read in footage
    ]
    problems += [_empty(read.info.file) for read in footage if not read.frames]
    return footage, problems


def damages(footage: Sequence[Footage], skip: bool) -> list[Problem]:
    """Chapters of a recording that end before or behind what their headers say.

    Args:
        footage: its chapters, all videos with frames.
        skip: whether what is there is used without what is lost; a warning then says so.
    """
    problems = []
    for number, part in enumerate(footage, start=1):
        lost, file = part.packets.lost, part.info.file
        if lost and part.info.whole:
            begin = int(part.packets.pts[-lost]) * part.packets.time_base
            problems.append(cut_off_problem(file, lost, part.frames, begin, skip))
        elif _misses(part) or not part.info.whole:
            # Without its beginning or its end, nobody knows when what is there was filmed.
            begins = part.info.whole or part.packets.start <= BEGINNING_FRAMES * part.rate.step
            placed = begins and number == len(footage)
            declared = part.info.declared if _misses(part) else None
            problems.append(length_problem(file, part.duration, declared, skip, placed))
    return problems


def _misses(part: Footage) -> bool:
    """Whether the frames of a chapter last clearly shorter or longer than its header says."""
    oddities, declared = part.packets.oddities, part.info.declared
    if not declared or RESETS in oddities:  # a clock that was set back tells nothing about lengths
        return False
    lengths = [part.duration]
    if part.info.ends and part.info.whole:
        lengths.append(part.packets.start + part.duration)
    # What was put right is in the audit. What is hidden belongs to neither length, but FFmpeg may
    # begin and end an edit some frames beside its times.
    moved = sum(oddities.values()) - oddities.get(HIDDEN, 0)
    rounded = ROUNDED_FRAMES * (2 if HIDDEN in oddities else 1)
    tolerance = (rounded + moved) * part.rate.step
    return all(abs(declared - length) > tolerance for length in lengths)


def _no_rate(folder: str) -> Problem:
    return Problem(
        "no-rate",
        "Pictures have no times of their own, and the recording has no rate",
        "Write the frames per second at which they were taken into the column rate.",
        file=folder,
    )


def _empty(file: str) -> Problem:
    return Problem(
        "no-frames",
        "The chapter holds no frame that can be shown",
        "Remove it from the recording or copy it again from the camera.",
        file=file,
    )
