"""How decoded frames are kept: as JPEG files or as a small video; in one folder, many, or a file.

python -m benchmarks storage
"""

from __future__ import annotations

import os
import shutil
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
import simplejpeg
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from benchmarks import clips
from benchmarks.measure import publish, table
from benchmarks.quality import shown
from clapboard.video.colour import AREA, Shrinker, planes
from clapboard.video.pixels import DEFAULT_QUALITY, JpegEncoder
from tests.exact import psnr, reference, to_rgb

SIDE = 224
FRAMES = 300
SAMPLE = 15
FILES, BYTES, ROUNDS = 20_000, 15_000, 3


def main() -> None:
    """Measure and report."""
    publish("storage-proxy", proxies())
    publish("storage-files", folders())


# -- JPEG files or a video ------------------------------------------------------------------------


def proxies() -> str:
    """Table: what a frame costs to write, to keep and to read back, and how true it is then."""
    pictures, truth = {"yuvj444p": [], "yuvj420p": []}, []
    shrink, subsampler = Shrinker(), VideoReformatter()
    start = time.process_time()
    with av.open(clips.gopro()[0]) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        decoding = 0.0
        for number, picture in enumerate(container.decode(stream)):
            decoding += time.process_time() - start
            if number == FRAMES:
                break
            small = shrink(picture, SIDE, SIDE)
            pictures["yuvj444p"].append(small)
            half = subsampler.reformat(small, format="yuvj420p", interpolation=AREA)
            pictures["yuvj420p"].append(half)
            if number % SAMPLE == 0:
                truth.append(reference(picture, SIDE))
            start = time.process_time()

    rows = [["decoding the source", "", decoding / FRAMES * 1000, "", "", ""]]
    encode = JpegEncoder(DEFAULT_QUALITY)
    start = time.process_time()
    files = [encode(picture) for picture in pictures["yuvj444p"]]
    written = time.process_time()
    for file in files:
        simplejpeg.decode_jpeg(file, "RGB")
    read = time.process_time()
    own = [shown(file) for file in files[::SAMPLE]]
    rows.append(
        ["JPEG files (chosen)", *_cost(files, start, written, read), _quality(own, truth), ""]
    )
    for pixel_format, crf in (
        *(("yuvj420p", crf) for crf in (8, 16)),
        *(("yuvj444p", crf) for crf in (8, 12, 16)),
    ):
        rows.append(_proxy(pictures[pixel_format], truth, crf))
    columns = ["store", "kB", "write, CPU ms", "read, CPU ms", "PSNR dB", "PSNR dB as JPEG again"]
    return f"{FRAMES} frames of the GoPro-like clip, each figure for one frame.\n\n" + table(
        columns, rows
    )


def _proxy(pictures: Sequence[VideoFrame], truth: Sequence[np.ndarray], crf: int) -> list[object]:
    pixel_format = pictures[0].format.name
    start = time.process_time()
    data = BytesIO()
    with av.open(data, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = SIDE, SIDE, pixel_format
        stream.codec_context.thread_count = 1
        parameters = "keyint=15:min-keyint=15:scenecut=0:bframes=0"
        stream.options = {"preset": "veryfast", "crf": str(crf), "x264-params": parameters}
        for number, picture in enumerate(pictures):
            picture.pts, picture.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    written = time.process_time()
    size = len(data.getvalue())
    data.seek(0)
    with av.open(data) as container:
        container.streams.video[0].codec_context.thread_count = 1
        back = list(container.decode(video=0))
    read = time.process_time()
    kept = back[::SAMPLE]
    own = [_rgb(picture) for picture in kept]
    encode = JpegEncoder(DEFAULT_QUALITY)
    again = [shown(encode(picture)) for picture in kept]
    name = f"H.264 {'4:4:4' if '444' in pixel_format else '4:2:0'}, crf {crf}, groups of 15"
    cost = _cost([b"x" * (size // len(pictures))] * len(pictures), start, written, read)
    return [name, *cost, _quality(own, truth), _quality(again, truth)]


def _rgb(picture: VideoFrame) -> np.ndarray:
    yuv = [plane.repeat(SIDE // len(plane), 0) for plane in planes(picture)]
    return to_rgb([plane.repeat(SIDE // plane.shape[1], 1) for plane in yuv], "601", full=True)


def _cost(files: Sequence[bytes], start: float, written: float, read: float) -> list[object]:
    count = len(files)
    size = sum(map(len, files)) / count / 1000
    return [f"{size:.1f}", (written - start) / count * 1000, (read - written) / count * 1000]


def _quality(pictures: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> str:
    values = [psnr(picture, exact) for picture, exact in zip(pictures, truth, strict=True)]
    return f"{statistics.median(values):.1f} ({min(values):.1f})"


# -- many files -----------------------------------------------------------------------------------


def folders() -> str:
    """Table: microseconds a picture for each thing that is done with a store."""
    content = os.urandom(BYTES)
    layouts: dict[str, Callable[[Path], None]] = {
        "one folder": lambda root: _files(root, content, FILES),
        "folders of 1,000": lambda root: _files(root, content, 1_000),
        "one tar file a chapter": lambda root: _tar(root, content),
    }
    rows = []
    for name, write in layouts.items():
        rounds = [_round(write) for _ in range(ROUNDS)]
        rows.append(
            [name, *(f"{statistics.median(step):.0f}" for step in zip(*rounds, strict=True))]
        )
    columns = ["layout", "write and flush", "read", "link into Data/", "copy", "delete"]
    return f"{FILES:,} pictures of {BYTES / 1000:.0f} kB, wall µs each.\n\n" + table(columns, rows)


def _round(write: Callable[[Path], None]) -> list[float]:
    home = Path(tempfile.mkdtemp(dir=clips.HOME))
    try:
        store, data, copy = home / "store", home / "Data", home / "copy"
        store.mkdir()
        data.mkdir()
        return [
            _timed(lambda: (write(store), os.sync())),
            _timed(lambda: _read(store)),
            _timed(lambda: _link(store, data)),
            _timed(lambda: (shutil.copytree(store, copy), os.sync())),
            _timed(lambda: shutil.rmtree(store)),
        ]
    finally:
        shutil.rmtree(home)


def _timed(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return (time.perf_counter() - start) / FILES * 1_000_000


def _files(root: Path, content: bytes, bound: int) -> None:
    for number in range(FILES):
        if number % bound == 0:
            folder = root / f"{number // bound:03d}"
            folder.mkdir()
        temporary = folder / f".partial-{number:06d}.jpg"
        temporary.write_bytes(content)
        temporary.replace(folder / f"S1C2{number:06d}.jpg")


def _tar(root: Path, content: bytes) -> None:
    with tarfile.open(root / "01.tar", "w") as archive:
        for number in range(FILES):
            entry = tarfile.TarInfo(f"S1C2{number:06d}.jpg")
            entry.size = len(content)
            archive.addfile(entry, BytesIO(content))


def _read(root: Path) -> None:
    for file in root.rglob("*"):
        if file.suffix == ".tar":
            with tarfile.open(file) as archive:
                for entry in archive:
                    archive.extractfile(entry).read()
        elif file.is_file():
            file.read_bytes()


def _link(root: Path, data: Path) -> None:
    """Class folders need files: hard links to files, copies out of an archive."""
    for file in root.rglob("*"):
        if file.suffix == ".tar":
            with tarfile.open(file) as archive:
                archive.extractall(data, filter="data")
        elif file.is_file():
            (data / file.name).hardlink_to(file)


if __name__ == "__main__":
    main()
