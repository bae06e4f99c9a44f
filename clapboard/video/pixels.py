"""The pixel definition: how a decoded picture becomes the image that a model sees.

One definition for training and prediction, in one pass straight from the decoded planes: area
averaging, JPEG colour (`clapboard.video.colour`), no chroma subsampling, upright as the recording's
metadata says, fitted into a square.

Not done: deinterlacing, tone mapping of HDR, mirroring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import av
import numpy as np
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from clapboard.video.colour import Shrinker, convert, from_planes, planes

# Raised by hand whenever the same settings would give other pixels: stored frames are then
# decoded anew.
PIXEL_VERSION = 3

# Quantiser scale of FFmpeg's JPEG encoder. With full chroma, 2 is the smallest file with at least
# 39 dB against exact planes (docs/performance.md); libjpeg-turbo needs 40 % more for the same.
DEFAULT_QUALITY = 2

Fit = Literal["stretch", "pad", "crop"]


@dataclass(frozen=True)
class PixelSettings:
    """What decides the pixels of a resized frame.

    Attributes:
        size: width and height, pixels.
        fit: ``stretch`` squeezes the picture into the square, ``pad`` keeps its shape and adds
            black bars, ``crop`` keeps its shape and cuts both long ends off.
        quality: quantiser scale of the JPEG encoder, 1 (best) to 31.
    """

    size: int = 224
    fit: Fit = "stretch"
    quality: int = DEFAULT_QUALITY

    @classmethod
    def of(cls, frames: Mapping[str, Any]) -> PixelSettings:
        """The settings in the config section ``frames``."""
        return cls(frames["size"], frames["fit"], frames["quality"])


@dataclass(frozen=True)
class Placement:
    """Where the scaled picture lies on the square canvas, pixels; negative = beyond the edge."""

    width: int
    height: int
    left: int
    top: int


def placement(
    width: int, height: int, pixel_aspect: Fraction, settings: PixelSettings
) -> Placement:
    """Place a picture of `width` x `height` pixels of shape `pixel_aspect` on the canvas."""
    size = settings.size
    if settings.fit == "stretch":
        return Placement(size, size, 0, 0)
    aspect = Fraction(width, height) * pixel_aspect
    if (aspect >= 1) == (settings.fit == "pad"):
        scaled = (size, max(1, round(size / aspect)))
    else:
        scaled = (max(1, round(size * aspect)), size)
    return Placement(*scaled, *((size - length) // 2 for length in scaled))


class Resizer:
    """Makes square images; keeps the scaler between pictures, so one per thread.

    Args:
        settings: the pixel definition.
        pixel_aspect: width of a source pixel over its height.
    """

    def __init__(self, settings: PixelSettings, pixel_aspect: Fraction = Fraction(1)) -> None:
        self.settings = settings
        self.pixel_aspect = pixel_aspect
        self._shrink = Shrinker()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """A picture as ``yuvj444p`` of size x size; turned upright if its metadata says so."""
        turns = quarter_turns(frame)
        place = placement(frame.width, frame.height, self.pixel_aspect, self.settings)
        scaled = self._shrink(frame, place.width, place.height)
        size = self.settings.size
        if not turns and (place.width, place.height) == (size, size):
            return scaled
        canvas = np.empty((3, size, size), np.uint8)
        for plane, picture, black in zip(canvas, planes(scaled), (0, 128, 128), strict=True):
            plane[:] = black
            _paste(plane, picture, place.left, place.top)
        return from_planes([np.rot90(plane, turns) for plane in canvas])


class FullSize:
    """Converts pictures to JPEG colour without scaling; one per thread."""

    def __init__(self) -> None:
        self._scaler = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """A picture as ``yuvj420p``; one that had to be turned upright as ``yuvj444p``."""
        turns = quarter_turns(frame)
        pixel_format = "yuvj444p" if turns else "yuvj420p"
        full = convert(frame, pixel_format, self._scaler)
        return from_planes([np.rot90(plane, turns) for plane in planes(full)]) if turns else full


def quarter_turns(frame: VideoFrame) -> int:
    """How often a picture must be turned left by 90 degrees to be upright."""
    return round(frame.rotation / 90) % 4


def resize(
    frame: VideoFrame, settings: PixelSettings, pixel_aspect: Fraction = Fraction(1)
) -> VideoFrame:
    """One picture through a `Resizer`."""
    return Resizer(settings, pixel_aspect)(frame)


def _paste(canvas: np.ndarray, picture: np.ndarray, left: int, top: int) -> None:
    """Lay `picture` on `canvas` (both height x width), cutting off what lies beyond the edge."""
    x, y = max(left, 0), max(top, 0)
    visible = picture[y - top : canvas.shape[0] - top, x - left : canvas.shape[1] - left]
    canvas[y : y + visible.shape[0], x : x + visible.shape[1]] = visible


class JpegEncoder:
    """FFmpeg's JPEG encoder, kept open between pictures of one size; one per thread.

    Args:
        quality: quantiser scale, 1 (best) to 31.
    """

    def __init__(self, quality: int) -> None:
        self.quality = quality
        self._context: VideoCodecContext | None = None
        self._count = 0

    def __call__(self, frame: VideoFrame) -> bytes:
        """The JPEG file of a picture in JPEG colour (a ``yuvj`` format)."""
        context = self._open(frame)
        frame.pts, frame.time_base = self._count, context.time_base
        self._count += 1
        (packet,) = context.encode(frame)
        return bytes(packet)

    def _open(self, frame: VideoFrame) -> VideoCodecContext:
        shape = (frame.width, frame.height, frame.format.name)
        context = self._context
        if context is None or (context.width, context.height, context.pix_fmt) != shape:
            context = av.CodecContext.create("mjpeg", "w")
            context.width, context.height, context.pix_fmt = shape
            context.time_base = Fraction(1, 1000)
            # The encoder takes its scale from these limits; PyAV has no quality per picture.
            context.qmin = context.qmax = self.quality
            context.flags |= Flags.qscale | Flags.bitexact
            # Optimal tables would save 3 % of the size for 40 % more time.
            context.options = {"huffman": "default"}
            context.thread_count = 1
            self._context = context
        return context


def encode_jpeg(frame: VideoFrame, quality: int = DEFAULT_QUALITY) -> bytes:
    """One picture through a `JpegEncoder`."""
    return JpegEncoder(quality)(frame)
