"""From the colour of a video to the colour of a JPEG: matrix and range, explicitly.

JFIF readers assume the BT.601 matrix and full range. What a picture has is read from it. When it
does not say, players' habit decides: BT.709 above 576 lines or from 1280 columns, else BT.601;
full range for formats that imply it (``yuvj420p``, grey), else limited.
"""

from __future__ import annotations

from collections.abc import Sequence

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


def convert(
    frame: VideoFrame, width: int, height: int, pixel_format: str, scaler: VideoReformatter
) -> VideoFrame:
    """Scale a picture by area averaging and give it JPEG colour.

    Args:
        frame: the picture as decoded.
        width: of the result.
        height: of the result.
        pixel_format: of the result, one of the ``yuvj`` formats.
        scaler: keeps its tables between pictures of one kind; one per thread.
    """
    return scaler.reformat(
        frame,
        width,
        height,
        pixel_format,
        src_colorspace=matrix(frame),
        dst_colorspace=Colorspace.ITU601,
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


def from_planes(yuv: Sequence[NDArray[np.uint8]]) -> VideoFrame:
    """A ``yuvj444p`` picture in JPEG colour from Y, U and V, each height x width."""
    height, width = yuv[0].shape
    frame = VideoFrame(width, height, "yuvj444p")
    for plane, content in zip(planes(frame), yuv, strict=True):
        plane[:] = content
    frame.colorspace, frame.color_range = Colorspace.ITU601, ColorRange.JPEG
    return frame
