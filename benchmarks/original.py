"""The ways to compare with: the commands and loops of the scripts that Clapboard replaces.

Each function is one way from the chapters of a recording and its frame ranges (CSV files by
procedure: first and last frame) to class folders of 224-pixel JPEGs.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image

SIDE = 224


def joined(ffmpeg: str, chapters: list[str], folder: Path) -> Path:
    """All chapters in one file, by stream copy."""
    listing, output = folder / "chapters.txt", folder / "output.MP4"
    listing.write_text("".join(f"file '{chapter}'\n" for chapter in chapters))
    command = [ffmpeg, "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", str(listing)]
    subprocess.run([*command, "-c", "copy", str(output)], check=True)
    return output


def extracted(ffmpeg: str, video: Path, folder: Path, *options: str) -> Path:
    """Every frame of a video as a JPEG of the encoder's default quality."""
    frames = folder / "frames"
    frames.mkdir()
    command = [ffmpeg, "-v", "error", "-y", "-i", str(video), *options]
    subprocess.run([*command, str(frames / "S1C2%06d.jpg")], check=True)
    return frames


def label(frames: Path, ranges: Path, data: Path) -> None:
    """Copy each frame into the folder of the procedure whose range holds its number."""
    for sheet in sorted(ranges.iterdir()):
        target = data / sheet.stem
        target.mkdir(parents=True, exist_ok=True)
        with sheet.open(newline="") as file:
            intervals = [(int(row[0]), int(row[1])) for row in csv.reader(file)]
        for name in os.listdir(frames):  # noqa: PTH208 - as fast as it gets
            number = int(name[-10:-4])
            if any(first <= number <= last for first, last in intervals):
                shutil.copy(frames / name, target / name)


def direct(ffmpeg: str, chapters: list[str], ranges: Path, folder: Path) -> None:
    """Join, extract every frame at 224 pixels, label."""
    video = joined(ffmpeg, chapters, folder)
    label(extracted(ffmpeg, video, folder, "-s", f"{SIDE}x{SIDE}"), ranges, folder / "Data")


def two_steps(ffmpeg: str, chapters: list[str], ranges: Path, folder: Path) -> None:
    """Join, extract every frame at full size, resize each in a second pass, label."""
    frames = extracted(ffmpeg, joined(ffmpeg, chapters, folder), folder)
    small = folder / "small"
    small.mkdir()
    for name in os.listdir(frames):  # noqa: PTH208
        with Image.open(frames / name) as image:
            image.resize((SIDE, SIDE)).save(small / name)
    label(small, ranges, folder / "Data")


if __name__ == "__main__":
    way, program, sheets, work, *files = sys.argv[1:]
    {"direct": direct, "two_steps": two_steps}[way](program, files, Path(sheets), Path(work))
