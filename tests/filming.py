"""A camera for tests: every frame carries its own number as a pattern that a program can read.

`film` writes one chapter, `film_recording` several; both return the truth about time as the camera
knew it, computed without any code of the package. `read_number` reads the pattern back from a
decoded or resized picture and refuses when it is not certain, so a wrong frame cannot pass.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import simplejpeg
from numpy.typing import NDArray

GRID = 5  # the pattern has 5 x 5 cells: 20 bits of number, 5 bits of check
NUMBER_BITS = 20
# Half the width and half the height of the pattern as shares of the frame, from its centre; it
# stays inside the middle square that `fit: crop` keeps of a 16:9 frame.
REACH = (0.25, 0.42)
BLACK, WHITE = 32, 220

# Where each cell is looked at, from -1 to 1 over the pattern: three places around its middle.
SAMPLED = ((np.arange(GRID)[:, None] + (0.35, 0.5, 0.65)) * 2 / GRID - 1).ravel()

ENCODERS = {
    "h264": "libx264",
    "hevc": "libx265",
    "mpeg4": "mpeg4",
    "ffv1": "ffv1",
    "mjpeg": "mjpeg",
}
SAMPLE_RATE = 48_000

# Matroska clusters of a second, without checksums that a changed clock would break.
SHORT_CLUSTERS = {"cluster_time_limit": "1000", "write_crc32": "0"}


@dataclass(frozen=True)
class Camera:
    """How a test video is made.

    Attributes:
        rate: frames per second of the grid on which frames are taken.
        size: width and height in pixels, even numbers.
        codec: h264, hevc, mpeg4, ffv1 or mjpeg.
        b_frames: B-frames between references (h264, hevc, mpeg4).
        gop: distance of key frames.
        time_base: seconds per tick of MP4 and MOV; None takes 1 / numerator of the rate.
        start: time stamp of the first frame (non-zero start).
        sound: whether there is an AAC track.
        sound_longer: seconds by which the sound outlasts the video.
        created: creation time to write into the header.
        options: for the container's writer, e.g. ``{"movflags": "frag_keyframe"}``.
        pixels: how a pixel is stored; empty takes what is usual for the codec.
        parameters: more of the encoder's own, for h264 and hevc, e.g. ``cabac=1:sar=4/3``.
    """

    rate: Fraction = Fraction(30000, 1001)
    size: tuple[int, int] = (160, 120)
    codec: str = "h264"
    b_frames: int = 0
    gop: int = 15
    time_base: Fraction | None = None
    start: Fraction = Fraction(0)
    sound: bool = False
    sound_longer: Fraction = Fraction(0)
    created: str = ""
    options: dict[str, str] = field(default_factory=dict)
    pixels: str = ""
    parameters: str = ""


@dataclass(frozen=True)
class Take:
    """A filmed recording and the truth about it.

    Attributes:
        chapters: files in order.
        times: when each frame is shown, seconds after the first; frame n is entry n - 1 and
            carries the number n.
        frames: frames per chapter.
    """

    chapters: tuple[Path, ...]
    times: tuple[Fraction, ...]
    frames: tuple[int, ...]


def grid_times(
    camera: Camera, frames: int, holes: Sequence[tuple[int, int]] = ()
) -> list[Fraction]:
    """Times of frames taken at the camera's rate; `holes` are (after how many frames, how long)."""
    lost = np.zeros(frames, int)
    for after, length in holes:
        lost[after:] += length
    return [int(place) / camera.rate for place in np.arange(frames) + lost]


def film(
    path: Path,
    camera: Camera,
    times: Sequence[Fraction] | int,
    first_number: int = 1,
    beeps: Sequence[Fraction] = (),
) -> list[Fraction]:
    """Write one video.

    Args:
        path: the file; its suffix chooses the container.
        camera: how.
        times: when frames are taken, or how many on the camera's grid.
        first_number: number that the first frame carries.
        beeps: seconds at which a sharp beep begins (makes a sound track).

    Returns:
        The times as the container can hold them, seconds after the first frame.
    """
    taken = grid_times(camera, times) if isinstance(times, int) else list(times)
    tick = _tick(path, camera)
    ticks = [_nearest((time + camera.start) / tick) for time in taken]
    options = {**camera.options}
    if path.suffix.lower() in (".mp4", ".mov"):
        options["video_track_timescale"] = str(tick.denominator)
    with av.open(str(path), "w", options=options) as container:
        if camera.created:
            container.metadata["creation_time"] = camera.created
        video = container.add_stream(ENCODERS[camera.codec], rate=camera.rate)
        _set_up(video, camera, tick, len(ticks))
        sound = None
        if camera.sound or beeps:
            # AVI cannot say that AAC begins with silence; cameras put plain samples into it.
            codec = "pcm_s16le" if path.suffix == ".avi" else "aac"
            sound = container.add_stream(codec, rate=SAMPLE_RATE)
            sound.layout = "mono"
        for number, pts in enumerate(ticks, start=first_number):
            frame = av.VideoFrame.from_ndarray(_picture(number, camera), format="yuv420p")
            frame = frame.reformat(format=video.pix_fmt)
            frame.pts, frame.time_base = pts, tick
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            length = taken[-1] + 1 / camera.rate + camera.sound_longer
            for block in _sound_blocks(
                length + camera.start, [beep + camera.start for beep in beeps]
            ):
                container.mux(sound.encode(block))
            container.mux(sound.encode(None))
    return [(pts - ticks[0]) * tick for pts in ticks]


def film_recording(
    folder: Path,
    camera: Camera,
    chapters: Sequence[int | Sequence[Fraction]],
    suffix: str = ".MP4",
    beeps: Sequence[Fraction] = (),
) -> Take:
    """Write the chapters of one recording under GoPro names; frames are numbered through.

    Args:
        folder: where.
        camera: how.
        chapters: for each chapter the number of frames, or their times from its first frame.
        suffix: the container.
        beeps: seconds after the recording's first frame.
    """
    files, times, frames = [], list[Fraction](), []
    start = Fraction(0)
    for number, content in enumerate(chapters, start=1):
        file = folder / f"GH{number:02d}0123{suffix}"
        count = content if isinstance(content, int) else len(content)
        ahead = [beep - start for beep in beeps if beep >= start]
        held = film(file, camera, content, len(times) + 1, ahead)
        times += [start + time for time in held]
        start = times[-1] + 1 / camera.rate
        files.append(file)
        frames.append(count)
    return Take(tuple(files), tuple(times), tuple(frames))


def read_number(picture: NDArray[np.uint8], fit: str = "stretch", aspect: float = 4 / 3) -> int:
    """The number that a frame carries.

    Args:
        picture: grey values, shape (height, width), or colour, shape (height, width, 3).
        fit: how the picture came from the frame: stretch, crop or pad.
        aspect: width to height of the frame, at least 1; needed for crop and pad.

    Raises:
        ValueError: the pattern is not certain or its check fails.
    """
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)
    across, down = REACH
    if fit == "crop":
        across *= aspect
    elif fit == "pad":
        down /= aspect
    rows, columns = (
        (length * (0.5 + reach * SAMPLED)).astype(int)
        for length, reach in zip(grey.shape, (down, across), strict=True)
    )
    cells = grey[np.ix_(rows, columns)].reshape(GRID, -1, GRID, len(columns) // GRID).mean((1, 3))
    if ((cells > BLACK + 60) & (cells < WHITE - 60)).any():
        raise ValueError(f"the pattern is not clear: {cells.round()}")
    bits = (cells > (BLACK + WHITE) / 2).astype(int).ravel()
    value = int("".join(map(str, bits)), 2)
    number, check = value >> (GRID * GRID - NUMBER_BITS), value & 31
    if check != _check(number):
        raise ValueError(f"number {number} does not fit its check")
    return number


def read_jpeg(file: Path | bytes, fit: str = "stretch", aspect: float = 4 / 3) -> int:
    """The number on a JPEG."""
    data = file if isinstance(file, bytes) else file.read_bytes()
    return read_number(simplejpeg.decode_jpeg(data, "GRAY")[:, :, 0], fit, aspect)


def concatenate_streams(target: Path, parts: Sequence[Path]) -> None:
    """Join MPEG-TS files byte for byte, as a camera does whose clock starts anew."""
    target.write_bytes(b"".join(part.read_bytes() for part in parts))


def move_clusters_back(file: Path, after: int, milliseconds: int) -> None:
    """Turn the clock of a Matroska file back from its cluster number `after` (from 0) on.

    The file must have been written with the options of `SHORT_CLUSTERS`.
    """
    data = bytearray(file.read_bytes())
    heads = [match.end() for match in re.finditer(rb"\x1f\x43\xb6\x75", bytes(data))]
    for head in heads[after:]:
        # Element size (its first byte says how long it is), then element E7: the cluster's time.
        name = head + 9 - data[head].bit_length()
        if data[name] != 0xE7:
            raise ValueError(f"{file}: a cluster does not begin with its time")
        value = slice(name + 2, name + 2 + (data[name + 1] & 0x7F))
        time = int.from_bytes(data[value], "big") - milliseconds
        data[value] = time.to_bytes(value.stop - value.start, "big")
    file.write_bytes(data)


def _tick(path: Path, camera: Camera) -> Fraction:
    """Seconds per tick of the container."""
    fixed = {".mkv": Fraction(1, 1000), ".ts": Fraction(1, 90_000), ".avi": 1 / camera.rate}
    chosen = camera.time_base or Fraction(1, camera.rate.numerator)
    return fixed.get(path.suffix.lower(), chosen)


def _nearest(value: Fraction) -> int:
    return int(value + Fraction(1, 2))


def _set_up(
    video: av.video.stream.VideoStream, camera: Camera, tick: Fraction, frames: int
) -> None:
    video.width, video.height = camera.size
    video.pix_fmt = camera.pixels or ("yuvj420p" if camera.codec == "mjpeg" else "yuv420p")
    context = video.codec_context
    context.time_base, context.gop_size, context.thread_count = tick, camera.gop, 1
    # x265 gives no decoding times when it is ended before it has filled its queue.
    b_frames = 0 if camera.codec == "hevc" and frames <= camera.b_frames + 1 else camera.b_frames
    bare = f"keyint={camera.gop}:min-keyint={camera.gop}:scenecut=0:bframes={b_frames}"
    bare += f":{camera.parameters}" if camera.parameters else ""
    if camera.codec == "h264":
        context.options = {"preset": "ultrafast", "crf": "20", "x264-params": f"{bare}:b-adapt=0"}
    elif camera.codec == "hevc":
        quiet = "log-level=none:open-gop=0:b-adapt=0:pools=none:frame-threads=1"
        context.options = {"preset": "ultrafast", "crf": "20", "x265-params": f"{bare}:{quiet}"}
    elif camera.codec == "mpeg4":
        context.options = {"bf": str(camera.b_frames), "qscale": "3", "flags": "+qscale"}


def _picture(number: int, camera: Camera) -> NDArray[np.uint8]:
    """Planes of a yuv420p frame, shape (height * 3 / 2, width): pattern on a moving ground."""
    width, height = camera.size
    luma = np.empty((height, width), np.uint8)
    luma[:] = 100 + (np.arange(width) + 3 * number) % 64
    value = number << (GRID * GRID - NUMBER_BITS) | _check(number)
    bits = np.array([int(bit) for bit in f"{value:0{GRID * GRID}b}"]).reshape(GRID, GRID)
    steps = np.arange(GRID + 1) * 2 / GRID - 1
    columns, rows = (
        np.rint(length * (0.5 + reach * steps)).astype(int)
        for length, reach in zip(camera.size, REACH, strict=True)
    )
    cells = (
        np.where(bits, WHITE, BLACK).repeat(np.diff(rows), axis=0).repeat(np.diff(columns), axis=1)
    )
    luma[rows[0] : rows[-1], columns[0] : columns[-1]] = cells
    chroma = np.full((height // 2, width), 128, np.uint8)
    return np.concatenate((luma, chroma))


def _check(number: int) -> int:
    return (number * 2_654_435_761 >> 13) & 31


def _sound_blocks(seconds: Fraction, beeps: Sequence[Fraction]) -> list[av.AudioFrame]:
    """Faint noise with sharp 1 kHz beeps of 50 ms."""
    samples = max(0, round(seconds * SAMPLE_RATE))
    wave = np.random.default_rng(0).normal(0, 0.002, samples).astype(np.float32)
    for beep in beeps:
        first = round(beep * SAMPLE_RATE)
        length = max(0, min(SAMPLE_RATE // 20, samples - first))
        wave[first : first + length] += np.float32(0.8) * np.cos(
            2 * np.pi * 1000 * np.arange(length, dtype=np.float32) / SAMPLE_RATE
        )
    blocks = []
    for first in range(0, samples, 1024):
        block = av.AudioFrame.from_ndarray(wave[None, first : first + 1024], "fltp", "mono")
        block.sample_rate, block.pts, block.time_base = SAMPLE_RATE, first, Fraction(1, SAMPLE_RATE)
        blocks.append(block)
    return blocks
