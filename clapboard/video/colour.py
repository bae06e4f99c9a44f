"""From the colour of a video to the colour of a JPEG: matrix and range, explicitly.

JFIF readers assume the BT.601 matrix and full range. What a picture has is read from it. When it
does not say, players' habit decides: BT.709 above 576 lines or from 1280 columns, else BT.601;
full range for formats that imply it (``yuvj420p``, grey), else limited.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

# AVColorSpace of a picture -> matrix that the scaler knows. Others (YCgCo, ICtCp) are refused.
MATRICES = {
    1: Colorspace.ITU709,
    4: Colorspace.FCC,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
UNSPECIFIED = (0, 2)

# Red and blue weights of the matrices (ITU-R BT.601-7, BT.709-6, BT.2020-2, SMPTE 240M, FCC).
WEIGHTS = {
    Colorspace.ITU601: (0.299, 0.114),
    Colorspace.ITU709: (0.2126, 0.0722),
    Colorspace.BT2020: (0.2627, 0.0593),
    Colorspace.SMPTE240M: (0.212, 0.087),
    Colorspace.FCC: (0.30, 0.11),
}

# Without accurate rounding grey turns 3 levels pink; without full chroma interpolation a change of
# matrix, which the scaler makes by way of RGB, costs 5 to 10 dB.
AREA = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


def matrix(frame: VideoFrame) -> Colorspace:
    """Colour matrix of a picture; BT.601, the wanted one, for a picture that is not YUV.

    Raises:
        ValueError: the picture names a matrix that is not supported.
    """
    if frame.format.is_rgb or frame.format.has_palette:
        return Colorspace.ITU601
    if frame.colorspace in UNSPECIFIED:
        large = frame.width >= 1280 or frame.height > 576
        return Colorspace.ITU709 if large else Colorspace.ITU601
    if frame.colorspace not in MATRICES:
        raise ValueError(f"colour matrix {frame.colorspace} is not supported")
    return MATRICES[frame.colorspace]


def colour_range(frame: VideoFrame) -> ColorRange:
    """Whether black is 0 (``JPEG``) or 16 (``MPEG``) in a picture."""
    name = frame.format.name
    implied = name.startswith(("yuvj", "gray", "ya")) or frame.format.is_rgb
    if implied or frame.format.has_palette or frame.color_range == ColorRange.JPEG:
        return ColorRange.JPEG
    return ColorRange.MPEG


def convert(frame: VideoFrame, pixel_format: str, scaler: VideoReformatter) -> VideoFrame:
    """Give a picture JPEG colour at its own size.

    Args:
        frame: the picture as decoded.
        pixel_format: of the result, one of the ``yuvj`` formats.
        scaler: keeps its tables between pictures of one kind; one per thread.
    """
    return _reformat(
        frame, frame.width, frame.height, pixel_format, scaler, matrix(frame), Colorspace.ITU601
    )


def shrink(frame: VideoFrame, width: int, height: int, scaler: VideoReformatter) -> VideoFrame:
    """Scale a picture by area averaging to ``yuvj444p`` in JPEG colour.

    The scaler would change the matrix by way of RGB at the size of the source: twice the time, and
    two dB lost to rounding. So it keeps the matrix, and the small picture is changed exactly.
    """
    own = matrix(frame)
    small = _reformat(frame, width, height, "yuvj444p", scaler, own, own)
    if own == Colorspace.ITU601:
        return small
    luma, *chroma = planes(small)
    u, v = (plane.astype(np.float32) - 128 for plane in chroma)
    changed = []
    for base, (of_u, of_v) in zip((luma, 128, 128), _change(own), strict=True):
        plane = of_u * u
        plane += of_v * v
        plane += base
        changed.append(np.clip(np.rint(plane, out=plane), 0, 255, out=plane))
    return from_planes(changed)


@cache
def _change(source: Colorspace) -> NDArray[np.float32]:
    """How much of the source's U and V is in Y, U and V of BT.601, shape (3, 2).

    Y itself stays in Y and does not get into the others, since grey is grey in both.
    """
    there, here = _from_rgb(*WEIGHTS[source]), _from_rgb(*WEIGHTS[Colorspace.ITU601])
    return (here @ np.linalg.inv(there))[:, 1:].astype(np.float32)


def _from_rgb(red: float, blue: float) -> NDArray[np.float64]:
    """RGB to Y, U = (B - Y) / (2 - 2 blue) and V = (R - Y) / (2 - 2 red), as all those norms do."""
    luma = np.array([red, 1 - red - blue, blue])
    u = (np.array([0, 0, 1]) - luma) / (2 - 2 * blue)
    v = (np.array([1, 0, 0]) - luma) / (2 - 2 * red)
    return np.stack([luma, u, v])


def _reformat(
    frame: VideoFrame,
    width: int,
    height: int,
    pixel_format: str,
    scaler: VideoReformatter,
    source: Colorspace,
    target: Colorspace,
) -> VideoFrame:
    return scaler.reformat(
        frame,
        width,
        height,
        pixel_format,
        src_colorspace=source,
        dst_colorspace=target,
        interpolation=AREA,
        src_color_range=colour_range(frame),
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )


def planes(frame: VideoFrame) -> list[NDArray[np.uint8]]:
    """The planes of an 8-bit planar picture as views, each height x width."""
    return [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
            : plane.height, : plane.width
        ]
        for plane in frame.planes
    ]


def from_planes(yuv: Sequence[NDArray[Any]]) -> VideoFrame:
    """A ``yuvj444p`` picture in JPEG colour from Y, U and V, each height x width."""
    height, width = yuv[0].shape
    frame = VideoFrame(width, height, "yuvj444p")
    for plane, content in zip(planes(frame), yuv, strict=True):
        plane[:] = content
    frame.colorspace, frame.color_range = Colorspace.ITU601, ColorRange.JPEG
    return frame
