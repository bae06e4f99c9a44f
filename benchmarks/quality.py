"""How true the stored pictures are: scalers and JPEG encoders against exact arithmetic.

python -m benchmarks quality
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count

import av
import numpy as np
import simplejpeg
from av.codec.context import Flags
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from benchmarks import clips
from benchmarks.measure import publish, table
from clapboard.video.colour import AREA, colour_range, from_planes, matrix, planes
from clapboard.video.pixels import DEFAULT_QUALITY, PixelSettings, Resizer, encode_jpeg
from tests.exact import psnr, reference, to_rgb

SIDE = 224
PICTURES = 16
REPEATS = 5

Scale = Callable[[VideoFrame], VideoFrame]
Encode = Callable[[VideoFrame], bytes]


@dataclass(frozen=True)
class Footage:
    """Pictures of a clip and what they should become."""

    pictures: list[VideoFrame]
    truth: list[np.ndarray]

    @classmethod
    def of(cls, file: str, every: int) -> Footage:
        """Pictures of a clip, each `every` frames after the one before."""
        with av.open(file) as container:
            pictures = []
            for number, picture in enumerate(container.decode(video=0)):
                if number % every == 0:
                    pictures.append(picture)
                if len(pictures) == PICTURES:
                    break
        return cls(pictures, [reference(picture, SIDE) for picture in pictures])


def milliseconds(do: Callable[[VideoFrame], object], pictures: Sequence[VideoFrame]) -> float:
    """CPU time for one picture: the least of some repeats."""
    taken = []
    for _ in range(REPEATS):
        start = time.process_time()
        for picture in pictures:
            do(picture)
        taken.append((time.process_time() - start) / len(pictures) * 1000)
    return min(taken)


def scaler(flags: Interpolation, converted: bool = True) -> Scale:
    """FFmpeg's scaler with some flags; `converted` by it to the matrix that JPEG readers assume."""
    own = VideoReformatter()

    def scale(picture: VideoFrame) -> VideoFrame:
        return own.reformat(
            picture,
            SIDE,
            SIDE,
            "yuvj444p",
            src_colorspace=matrix(picture),
            dst_colorspace=Colorspace.ITU601 if converted else matrix(picture),
            interpolation=flags,
            src_color_range=colour_range(picture),
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )

    return scale


def chosen(pixel_format: str) -> Scale:
    """The pixel definition, and after it the chroma subsampling of a format, if it has any."""
    resize, own = Resizer(PixelSettings()), VideoReformatter()

    def scale(picture: VideoFrame) -> VideoFrame:
        # Without what the video says of where its chroma lies, which a JPEG's does not.
        small = from_planes(planes(resize(picture)))
        return own.reformat(
            small,
            format=pixel_format,
            src_colorspace=Colorspace.ITU601,
            dst_colorspace=Colorspace.ITU601,
            interpolation=AREA,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.JPEG,
            threads=1,
        )

    return scale


def mjpeg(quality: int, huffman: str = "default") -> Encode:
    """FFmpeg's JPEG encoder."""
    context = av.CodecContext.create("mjpeg", "w")
    context.time_base, context.qmin, context.qmax = Fraction(1, 1000), quality, quality
    context.flags |= Flags.qscale
    context.thread_count, context.options = 1, {"huffman": huffman}
    numbers = count()

    def encode(picture: VideoFrame) -> bytes:
        if not context.is_open:
            context.width, context.height = picture.width, picture.height
            context.pix_fmt = picture.format.name
        picture.pts, picture.time_base = next(numbers), context.time_base
        return b"".join(map(bytes, context.encode(picture)))

    return encode


def turbo(quality: int) -> Encode:
    """libjpeg-turbo."""

    def encode(picture: VideoFrame) -> bytes:
        own = [np.ascontiguousarray(plane) for plane in planes(picture)]
        return simplejpeg.encode_jpeg_yuv_planes(*own, quality=quality)

    return encode


def shown(jpeg: bytes) -> np.ndarray:
    """RGB that a reader gets."""
    return simplejpeg.decode_jpeg(jpeg, "RGB").astype(float)


def quality(pictures: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> str:
    """PSNR: median, and the worst picture in brackets."""
    values = [psnr(picture, exact) for picture, exact in zip(pictures, truth, strict=True)]
    return f"{statistics.median(values):.1f} ({min(values):.1f})"


def scaling(footage: Footage) -> str:
    """Table of scalers; chroma is not subsampled, so that the scaler alone is seen."""
    accurate = Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    kinds = {
        "area, matrix changed after it (chosen)": Resizer(PixelSettings()),
        "area, matrix changed by the scaler": scaler(AREA),
        "the same without accurate rounding": scaler(
            Interpolation.AREA | Interpolation.FULL_CHR_H_INT
        ),
        "the same without full chroma": scaler(Interpolation.AREA | Interpolation.ACCURATE_RND),
        "area, matrix left as it is": scaler(AREA, converted=False),
        "bilinear": scaler(Interpolation.BILINEAR | accurate),
        "bicubic (the original's)": scaler(Interpolation.BICUBIC | accurate),
        "lanczos": scaler(Interpolation.LANCZOS | accurate),
        "fast bilinear": scaler(Interpolation.FAST_BILINEAR | accurate),
        "nearest": scaler(Interpolation.POINT | accurate),
    }
    rows = []
    for name, scale in kinds.items():
        results = [
            to_rgb([plane.copy() for plane in planes(scale(picture))], "601", full=True)
            for picture in footage.pictures
        ]
        cost = milliseconds(scale, footage.pictures)
        rows.append([name, quality(results, footage.truth), cost])
    return table(["scaler", "PSNR dB", "CPU ms"], rows)


def encoding(footages: dict[str, Footage]) -> str:
    """Table of JPEG encoders over the pixel definition's own scaling."""
    kinds: dict[str, tuple[str, Encode]] = {
        f"FFmpeg q{q} {chroma}": (f"yuvj{chroma.replace(':', '')}p", mjpeg(q))
        for q in (1, 2, 3, 4)
        for chroma in ("4:4:4", "4:2:0")
    }
    kinds["FFmpeg q2 4:4:4, optimal tables"] = ("yuvj444p", mjpeg(2, "optimal"))
    kinds |= {
        f"libjpeg-turbo {q} {chroma}": (f"yuvj{chroma.replace(':', '')}p", turbo(q))
        for q in (90, 95, 97)
        for chroma in ("4:4:4", "4:2:0")
    }
    rows = []
    for name, (pixel_format, encode) in kinds.items():
        row: list[object] = [name]
        for footage in footages.values():
            scale = chosen(pixel_format)
            small = [scale(picture) for picture in footage.pictures]
            files = [encode(picture) for picture in small]
            size = statistics.mean(map(len, files)) / 1000
            row += [quality([shown(file) for file in files], footage.truth), f"{size:.1f}"]
        rows.append([*row, milliseconds(encode, small)])
    heads = [f"{name}: {what}" for name in footages for what in ("PSNR dB", "kB")]
    return table(["encoder", *heads, "CPU ms"], rows)


def main() -> None:
    """Measure and report."""
    footages = {"1080p": Footage.of(clips.gopro()[0], 53)}
    if clips.clip():
        footages["webcam"] = Footage.of(clips.clip()[0], 7)
    publish("quality-scaling", scaling(footages["1080p"]))
    publish("quality-encoding", encoding(footages))
    settings = PixelSettings()
    resizer = Resizer(settings)
    own = {
        name: quality(
            [shown(encode_jpeg(resizer(p), DEFAULT_QUALITY)) for p in footage.pictures],
            footage.truth,
        )
        for name, footage in footages.items()
    }
    publish("quality-own", table(["clip", "PSNR dB of the stored pictures"], list(own.items())))


if __name__ == "__main__":
    main()
