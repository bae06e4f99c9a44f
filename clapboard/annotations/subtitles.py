"""Annotations as subtitles, which any player shows over the video."""

from __future__ import annotations

import os
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from clapboard.annotations.sheet import Annotation, Sheet
from clapboard.artifacts import write_text


def write_vtt(sheet: Sheet, path: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
    """Write WebVTT (W3C): label and comment of each annotation while it lasts."""
    cues = [
        f"{_clock(entry.start, '.')} --> {_clock(entry.stop, '.')}\n{_vtt_text(entry)}\n"
        for entry in _by_time(sheet)
    ]
    write_text(path, "\n".join(["WEBVTT\n", *cues]))


def write_srt(sheet: Sheet, path: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
    """Write SubRip: label and comment of each annotation while it lasts."""
    cues = [
        f"{number}\n{_clock(entry.start, ',')} --> {_clock(entry.stop, ',')}\n{_text(entry)}\n"
        for number, entry in enumerate(_by_time(sheet), start=1)
    ]
    write_text(path, "\n".join(cues))


def _by_time(sheet: Sheet) -> list[Annotation]:
    """All annotations and claps by their start."""
    return sorted(sheet.in_order(), key=lambda entry: (entry.start, entry.row))


def _text(entry: Annotation) -> str:
    """What a subtitle says: one line, without what would end it or draw a new one."""
    words = f"{entry.label} ({entry.comment})" if entry.comment else entry.label
    printable = "".join(char if char.isprintable() else " " for char in words)
    return " ".join(printable.replace("-->", "->").split()) or "?"


def _vtt_text(entry: Annotation) -> str:
    """The text with what WebVTT takes for markup escaped."""
    return _text(entry).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(seconds: Fraction, point: str) -> str:
    """HH:MM:SS.fff of whole milliseconds."""
    millis = seconds * 1000 // 1
    return (
        f"{millis // 3_600_000:02d}:{millis // 60_000 % 60:02d}:{millis // 1000 % 60:02d}"
        f"{point}{millis % 1000:03d}"
    )
