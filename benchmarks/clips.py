"""Clips to measure on: made once from real footage, kept in a folder outside the repository.

`CLAPBOARD_BENCHMARKS` names that folder (``~/.cache/clapboard/benchmarks`` when unset), and
`CLAPBOARD_FOOTAGE` the footage (``../shared/data/gmdcsa24``). Without footage a generated picture
with noise takes its place: encoded at the same rate, it costs a decoder about the same.

The GoPro-like recording is 1080p at 30000/1001 fps, H.264 High, groups of 15 without B-frames,
30 Mbit/s, full range BT.709, with sound: what a GoPro writes, as far as decoding cost goes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import ffmpeg
import imageio_ffmpeg
from tqdm import tqdm

HOME = Path(os.environ.get("CLAPBOARD_BENCHMARKS", "~/.cache/clapboard/benchmarks")).expanduser()
DATA = Path(__file__).parents[2] / "shared/data"
FOOTAGE = Path(os.environ.get("CLAPBOARD_FOOTAGE", DATA / "gmdcsa24"))
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
RATE = "30000/1001"

BT709 = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709"}
X264 = {"keyint": 15, "min-keyint": 15, "scenecut": 0, "bframes": 0}
X265 = {"keyint": 15, "min-keyint": 15, "scenecut": 0, "open-gop": 0, "log-level": "error"}


@dataclass(frozen=True)
class Kind:
    """How a clip is encoded."""

    size: tuple[int, int]
    options: dict[str, str]


def _parameters(options: dict[str, object]) -> str:
    return ":".join(f"{key}={value}" for key, value in options.items())


GOPRO = Kind(
    (1920, 1080),
    {
        "c:v": "libx264",
        "preset": "veryfast",
        "profile:v": "high",
        "pix_fmt": "yuvj420p",
        "b:v": "30M",
        "maxrate": "36M",
        "bufsize": "30M",
        "x264-params": _parameters(X264),
        "color_range": "pc",
        **BT709,
    },
)
UHD = Kind(
    (3840, 2160),
    {
        "c:v": "libx265",
        "preset": "ultrafast",
        "pix_fmt": "yuv420p",
        "b:v": "60M",
        "x265-params": _parameters(X265),
        "color_range": "tv",
        **BT709,
    },
)


def gopro(chapters: int = 2, seconds: int = 30) -> list[str]:
    """The chapters of a GoPro-like recording."""
    names = [f"gopro-{seconds}s/GH{number:02d}0001.MP4" for number in range(1, chapters + 1)]
    return [_clip(name, GOPRO, seconds, 5 * place) for place, name in enumerate(names)]


def long_chapter(loops: int = 18) -> str:
    """A GoPro-like file of nine minutes, as long as those get: a clip joined to itself."""
    source = gopro(chapters=1)[0]
    file = HOME / f"gopro-{loops}x30s.MP4"
    if not file.exists():
        partial = file.with_name(f".partial-{file.name}")
        command = [FFMPEG, "-v", "error", "-y", "-stream_loop", str(loops - 1), "-i", source]
        subprocess.run([*command, "-c", "copy", str(partial)], check=True)
        partial.replace(file)
    return str(file)


def linked(folder: Path, file: str, count: int) -> list[str]:
    """The names of so many chapters, all of which are links to one file."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [folder / f"GH{number:02d}0001.MP4" for number in range(1, count + 1)]
    for name in names:
        name.unlink(missing_ok=True)
        name.symlink_to(file)
    return list(map(str, names))


def uhd(seconds: int = 6) -> str:
    """A 4K HEVC clip."""
    return _clip(f"uhd-{seconds}s.MP4", UHD, seconds, 0)


def webcam() -> list[str]:
    """The clips of gmdcsa24 that a 640x480 webcam took, if they are there."""
    return [str(file) for file in _footage() if _width(file) == 640]


def clip() -> list[str]:
    """One 1280x720 clip of gmdcsa24, four seconds long, if it is there."""
    return [str(file) for file in _footage() if _width(file) == 1280][:1]


def lossless() -> list[str]:
    """The 64x64 clips of weizmann4, if they are there."""
    return [str(file) for file in sorted(DATA.glob("weizmann4/*/*.avi"))]


def _width(file: Path) -> int:
    with av.open(str(file)) as container:
        return container.streams.video[0].width


def _footage() -> list[Path]:
    return sorted(FOOTAGE.glob("**/*.mp4"))


def _clip(name: str, kind: Kind, seconds: int, first: int) -> str:
    """Make a clip if it is not there, from footage beginning at file number `first`."""
    file = HOME / name
    if not file.exists():
        tqdm.write(f"making {file} (once)")
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_name(f".partial-{file.name}")
        picture = _picture(_footage(), first, kind.size, seconds)
        sound = ffmpeg.input(f"sine=f=440:r=48000:d={seconds}", f="lavfi")
        options = {**kind.options, "c:a": "aac", "t": seconds, "fps_mode": "cfr", "r": RATE}
        output = ffmpeg.output(picture, sound, str(partial), **options)
        subprocess.run(
            ffmpeg.compile(output.global_args("-v", "error"), cmd=FFMPEG, overwrite_output=True),
            check=True,
            stdin=subprocess.DEVNULL,
        )
        partial.replace(file)
    return str(file)


def _picture(footage: Sequence[Path], first: int, size: tuple[int, int], seconds: int):  # noqa: ANN202
    """Footage one file after the other, enlarged, with the noise that enlarging takes away."""
    if not footage:
        source = ffmpeg.input(f"mandelbrot=s={size[0]}x{size[1]}:r={RATE}", f="lavfi")
        return source.filter("noise", alls=20, allf="t")
    order = [footage[(first + place) % len(footage)] for place in range(seconds // 3 + 1)]
    parts = [
        ffmpeg.input(str(file))
        .video.filter("fps", RATE)
        .filter("scale", *size, flags="lanczos")
        .filter("setsar", 1)
        for file in order
    ]
    return ffmpeg.concat(*parts, n=len(parts), v=1, a=0).filter("noise", alls=6, allf="t")
