"""Which files are videos and which are pictures, as their names tell."""

from __future__ import annotations

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mts", ".webm"})
IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
JPEG_SUFFIXES = frozenset({".jpeg", ".jpg"})


def is_video(file: str) -> bool:
    """Whether a file is named as a video; hidden files are not."""
    return _suffix(file) in VIDEO_SUFFIXES


def is_image(file: str) -> bool:
    """Whether a file is named as a picture; hidden files are not."""
    return _suffix(file) in IMAGE_SUFFIXES


def is_jpeg(file: str) -> bool:
    """Whether a file is named as a JPEG; hidden files are not."""
    return _suffix(file) in JPEG_SUFFIXES


def _suffix(file: str) -> str:
    """The suffix in small letters; empty for hidden files. Not by `Path`: asked for every file."""
    name = file.rpartition("/")[2]
    return "" if name.startswith(".") else "".join(name.lower().rpartition(".")[1:])
