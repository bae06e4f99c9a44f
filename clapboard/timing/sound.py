"""The sound of a recording on the recording's clock, and sharp transients in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray
from scipy.signal import butter, find_peaks, sosfilt

from clapboard.problems import InputError
from clapboard.video.index import Chapter, RecordingIndex
from clapboard.video.media import NoVideoError, open_video, unreadable
from clapboard.video.packets import UNDATED

log = logging.getLogger(__name__)

# Claps are broad and bright; voices, hum and steps are mostly below.
HIGH_PASS_HERTZ = 500

# Rise: power in the few milliseconds after an instant against the tenth of a second before it.
AFTER_SECONDS = 0.01
BEFORE_SECONDS = 0.1
GAP_SECONDS = 0.005

# A clap has one instant, however long its echo.
APART_SECONDS = 0.15

# Below this a sound is like what surrounds it; and what counts as silence.
LEAST_LEVEL = 6.0
LEAST_POWER = 1e-10

# A clock that goes back by more than this starts anew; blocks of sound overlap by less.
RESET_SECONDS = Fraction(1, 2)

# The instant is where the sound first reaches this share of the transient's peak.
ONSET_SHARE = 0.3


@dataclass(frozen=True)
class Sound:
    """A stretch of mono sound.

    Attributes:
        samples: amplitude, -1 to 1; 0 where the recording has no sound. Shape (samples,).
        rate: samples per second.
        start: time of the first sample, seconds in the recording.
    """

    samples: NDArray[np.float32]
    rate: int
    start: Fraction

    @property
    def stop(self) -> Fraction:
        """Time of the end, seconds in the recording."""
        return self.start + Fraction(len(self.samples), self.rate)


@dataclass(frozen=True)
class Transient:
    """A sudden sound.

    Attributes:
        time: its onset, seconds in the recording, to one sample.
        level: how clearly it stands out, decibels (see `find_transients`).
    """

    time: Fraction
    level: float


def read_sound(index: RecordingIndex, start: Fraction, stop: Fraction) -> Sound | None:
    """The sound between two times of a recording, None if no chapter there has a sound track.

    A chapter's sound lies where its own time stamps put it relative to the chapter's pictures;
    what outlasts the pictures is left out, since the next chapter begins there.

    Raises:
        InputError: a chapter cannot be read.
    """
    start = max(start, Fraction(0))
    stop = min(stop, index.duration)
    rate, samples = 0, np.zeros(0, np.float32)
    begin = Fraction(0)
    for chapter in index.chapters:
        first, last = max(start, begin), min(stop, begin + chapter.duration)
        if first < last and chapter.kind == "video":
            for block, block_rate, time in _blocks(index, chapter, first - begin, last - begin):
                if not rate:
                    rate = block_rate
                    samples = np.zeros(int((stop - start) * rate), np.float32)
                if block_rate == rate:
                    place = round((begin + time - start) * rate)
                    limit = round((last - start) * rate)
                    _put(samples, block, place, round((first - start) * rate), limit)
        begin += chapter.duration
    return Sound(samples, rate, start) if rate else None


def _put(
    samples: NDArray[np.float32], block: NDArray[np.float32], place: int, first: int, limit: int
) -> None:
    """Copy what of a block lies between `first` and `limit` to its place."""
    begin, end = max(place, first), min(place + len(block), limit, len(samples))
    if begin < end:
        samples[begin:end] = block[begin - place : end - place]


def _blocks(
    index: RecordingIndex, chapter: Chapter, first: Fraction, last: Fraction
) -> Iterator[tuple[NDArray[np.float32], int, Fraction]]:
    """Decoded mono blocks, their sample rate and time after the chapter's first picture."""
    try:
        with open_video(chapter.file) as (container, video):
            if not container.streams.audio:
                return
            sound = container.streams.audio[0]
            origins = _origins(index, chapter, video)
            sought = origins[0] + first if len(origins) == 1 else Fraction(0)
            stretch, before = 0, None
            for frame in _decode_from(container, sound, sought):
                if frame.pts is None or frame.time_base is None:
                    continue
                stamp = frame.pts * frame.time_base
                if before is not None and stamp < before - RESET_SECONDS:
                    stretch = min(stretch + 1, len(origins) - 1)
                before = stamp
                time = stamp - origins[stretch]
                if time >= last:
                    break
                yield _mono(frame), frame.sample_rate, time
    except (av.FFmpegError, NoVideoError) as error:
        raise InputError([unreadable(chapter.file, error)]) from error


def _origins(index: RecordingIndex, chapter: Chapter, video: VideoStream) -> list[Fraction]:
    """The stamp that the chapter's first picture has, or would have, on every clock of its file.

    A file whose time stamps start anew has one clock for each stretch, all others have one.
    """
    frames = index.chapter_frames(chapter.number)
    stamps = index.source_pts[frames.start - 1 : frames.stop - 1]
    shown = index.pts[frames.start - 1 : frames.stop - 1]
    if UNDATED in stamps:
        return [(video.start_time or 0) * chapter.time_base]
    begins = [0, *(np.flatnonzero(np.diff(stamps) < 0) + 1)]
    return [
        int(stamps[first]) * chapter.time_base - int(shown[first] - shown[0]) * index.time_base
        for first in begins
    ]


def _decode_from(
    container: InputContainer, sound: AudioStream, time: Fraction
) -> Iterator[AudioFrame]:
    """Blocks from `time` (as the container counts) or a little earlier."""
    if time > 1 and sound.time_base:
        # Decoders need a few packets before what comes out is right.
        container.seek(int((time - 1) / sound.time_base), stream=sound)
    damaged = 0
    for packet in container.demux(sound):
        try:
            yield from packet.decode()
        except av.FFmpegError:  # silence; blocks are placed by their own times
            damaged += 1
    if damaged:
        log.warning("%s: %d packets of its sound are damaged", container.name, damaged)


def _mono(frame: AudioFrame) -> NDArray[np.float32]:
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    loudest = 2 ** (8 * samples.dtype.itemsize - 1) if samples.dtype.kind in "iu" else 1
    return (samples.mean(axis=0) / loudest).astype(np.float32)


def find_transients(sound: Sound, count: int = 5) -> list[Transient]:
    """The sharpest sounds, the most distinct first.

    The level of an instant is the mean of two measures in decibels: by how much the power just
    after it exceeds the power just before (sharpness), and the stretch's median power (loudness).
    A door in silence is sharp, a drill is loud; a clap is both.

    Args:
        sound: where to look.
        count: how many at most.
    """
    rate = sound.rate
    short, long, gap = (
        max(1, round(seconds * rate)) for seconds in (AFTER_SECONDS, BEFORE_SECONDS, GAP_SECONDS)
    )
    if len(sound.samples) <= short + long + gap:
        return []
    filtered = sosfilt(butter(2, HIGH_PASS_HERTZ, "highpass", fs=rate, output="sos"), sound.samples)
    power = np.square(filtered, dtype=np.float64)
    instants = np.arange(len(power))
    energy = np.concatenate(([0.0], np.cumsum(power)))
    after = _mean(energy, instants, instants + short)
    audible = after[after > LEAST_POWER]
    if not len(audible):
        return []
    floor = float(np.median(audible))
    before = _mean(energy, instants - gap - long, instants - gap)
    loudness = 10 * np.log10((after + floor) / floor)
    sharpness = 10 * np.log10((after + floor) / (before + floor))
    level = (loudness + sharpness) / 2
    level[: long + gap] = 0  # what came before is not known
    peaks, _ = find_peaks(level, height=LEAST_LEVEL, distance=max(1, round(APART_SECONDS * rate)))
    best = peaks[np.argsort(-level[peaks], kind="stable")[:count]]
    onsets = [_onset(filtered, int(peak), short + gap) for peak in best]
    return [
        Transient(sound.start + Fraction(onset, rate), round(float(level[peak]), 2))
        for onset, peak in zip(onsets, best, strict=True)
    ]


def _mean(
    energy: NDArray[np.float64], first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean power from sample `first` to before `last`, as far as there are samples."""
    ends = np.clip(np.stack((first, last)), 0, len(energy) - 1)
    return np.diff(energy[ends], axis=0)[0] / np.maximum(np.diff(ends, axis=0)[0], 1)


def _onset(samples: NDArray[np.float64], peak: int, reach: int) -> int:
    """The sample near `peak` at which the transient begins."""
    first = max(0, peak - reach)
    near = np.abs(samples[first : peak + reach])
    return first + int(np.argmax(near >= ONSET_SHARE * near.max()))
