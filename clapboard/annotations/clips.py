"""Sheets that speak of clips by file name: which chapter of a recording a name means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from urllib.parse import unquote, urlsplit

from clapboard.annotations.sheet import Sheet
from clapboard.problems import Problem

# Label Studio puts eight hexadecimal digits before the name of an uploaded file.
_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-(?=.)")


def same_clip(clip: str, chapter: str) -> bool:
    """Whether a clip named in a sheet is a chapter file: the name and all folders given agree."""
    wanted = [part for part in PurePath(clip.replace("\\", "/")).parts if part not in ("/", ".")]
    for path in {Path(chapter).absolute(), Path(chapter).resolve()}:
        if wanted and list(path.parts)[-len(wanted) :] == wanted:
            return True
    return False


def clip_of_url(url: str) -> str:
    """File name behind a link, without the prefix that an upload to Label Studio gives it."""
    parts = urlsplit(url)
    local = re.search(r"(?:^|&)d=([^&]+)", parts.query)
    name = PurePath(unquote(local[1] if local else parts.path)).name
    return _UPLOAD_PREFIX.sub("", name, count=1)


def only_clips(sheet: Sheet, chapters: Sequence[str]) -> Sheet:
    """The sheet without annotations of clips that are not among the chapter files.

    The clips of those that stay become the chapter's own path.
    """

    def chosen(entries: tuple) -> tuple:
        kept = []
        for entry in entries:
            chapter = next((file for file in chapters if same_clip(entry.clip, file)), None)
            if not entry.clip:
                kept.append(entry)
            elif chapter is not None:
                kept.append(replace(entry, clip=chapter))
        return tuple(kept)

    return replace(sheet, annotations=chosen(sheet.annotations), claps=chosen(sheet.claps))


def unknown_clips(sheet: Sheet, chapters: Sequence[str]) -> list[Problem]:
    """An error when a sheet names clips and no chapter is one of them."""
    clips = list(dict.fromkeys(entry.clip for entry in sheet.in_order() if entry.clip))
    if not clips or any(same_clip(clip, chapter) for clip in clips for chapter in chapters):
        return []
    return [
        Problem(
            "unknown-clip",
            "the sheet names clips and none of them is a chapter of a recording that uses it",
            "Give the videos the names that stand in the sheet.",
            sheet.file,
            value=", ".join(clips[:5]),
        )
    ]
