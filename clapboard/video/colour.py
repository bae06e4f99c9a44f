"""From the colour of a video to the colour of a JPEG: matrix and range, explicitly.

JFIF readers assume the BT.601 matrix and full range. What a picture has is read from it. When it
does not say, players' habit decides: BT.709 above 576 lines or from 1280 columns, else BT.601;
full range for formats that imply it (``yuvj420p``, grey), else limited.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat
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

# What FFmpeg's filter `colorspace` calls them.
NAMES = {
    Colorspace.ITU601: "bt470bg",
    Colorspace.ITU709: "bt709",
    Colorspace.BT2020: "bt2020nc",
    Colorspace.SMPTE240M: "smpte240m",
    Colorspace.FCC: "fcc",
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


class Shrinker:
    """Scales pictures by area averaging to ``yuvj444p`` in JPEG colour; one per thread.

    The scaler would change the matrix by way of RGB at the size of the source: twice the time, and
    two dB lost to rounding. So it keeps the matrix, and FFmpeg's filter for it changes the small
    picture.
    """

    def __init__(self) -> None:
        """Begin without tables; those of the last kind of picture are kept."""
        self._scaler = VideoReformatter()
        self._kind: tuple[int, int, Colorspace] | None = None
        self._filter: Graph | None = None

    def __call__(self, frame: VideoFrame, width: int, height: int) -> VideoFrame:
        """The picture in `width` x `height` pixels."""
        own = matrix(frame)
        small = _reformat(frame, width, height, "yuvj444p", self._scaler, own, own)
        if own == Colorspace.ITU601:
            return small
        kind = (width, height, own)
        if self._filter is None or self._kind != kind:
            self._kind, self._filter = kind, _matrix_filter(*kind)
        small.pts = 0
        self._filter.vpush(small)
        changed = self._filter.vpull()
        changed.colorspace, changed.color_range = Colorspace.ITU601, ColorRange.JPEG
        return changed


def _matrix_filter(width: int, height: int, own: Colorspace) -> Graph:
    """FFmpeg's filter from a matrix to that of JPEG, which changes neither gamma nor primaries."""
    graph = Graph()
    graph.threads = 1
    kind = VideoFormat("yuvj444p", width, height)
    source = graph.add_buffer(width=width, height=height, format=kind, time_base=Fraction(1, 1000))
    matrices = f"ispace={NAMES[own]}:space={NAMES[Colorspace.ITU601]}:irange=pc:range=pc"
    others = "iprimaries=bt709:primaries=bt709:itrc=bt709:trc=bt709"
    chain = [("colorspace", f"{matrices}:{others}")]
    if width % 2 or height % 2:  # it takes no others
        even = f"{width + width % 2}:{height + height % 2}"
        chain = [("pad", even), *chain, ("crop", f"{width}:{height}:0:0:exact=1")]
    links = [source, *(graph.add(*each) for each in chain), graph.add("buffersink")]
    for one, other in pairwise(links):
        one.link_to(other)
    graph.configure()
    return graph


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
