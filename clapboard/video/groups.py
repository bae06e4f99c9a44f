"""Which groups of pictures hold the wanted frames of a chapter, and what tells frames apart."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from clapboard.video.index import RecordingIndex

# No codec shows a frame later than this many frames after decoding it.
REORDERED = 16


def split_frames(
    index: RecordingIndex, chapter: int, frames: NDArray[np.int64], parts: int
) -> list[NDArray[np.int64]]:
    """Cut wanted frames of a chapter into at most `parts` runs of about equal decoding cost.

    Cuts lie between groups of pictures, so that nothing is decoded twice.
    """
    if not index.dated(chapter) or not len(frames):
        return [frames] if len(frames) else []
    rows = frames - index.chapter_frames(chapter).start
    keys = _key_rows(index, chapter)
    groups = np.searchsorted(keys, rows, side="right") - 1
    last = np.append(np.flatnonzero(np.diff(groups)), len(rows) - 1)
    cost = np.cumsum(rows[last] - keys[groups[last]] + 1)
    cuts = last[np.searchsorted(cost, cost[-1] * np.arange(1, parts) / parts)] + 1
    return [part for part in np.split(frames, np.unique(cuts)) if len(part)]


def _key_rows(index: RecordingIndex, chapter: int) -> NDArray[np.int64]:
    """Rows of a chapter where a group begins; its first row always does."""
    frames = index.chapter_frames(chapter)
    return np.union1d([0], np.flatnonzero(index.key[frames.start - 1 : frames.stop - 1]))


@dataclass(frozen=True)
class Group:
    """A group of pictures that holds wanted frames.

    Attributes:
        number: place among the groups of the chapter, from 0.
        key: time of its key frame.
        earlier: a time before which its key frame has not been decoded.
        wanted: times of its wanted frames.
        whole: whether its last frame is wanted.
    """

    number: int
    key: int
    earlier: int
    wanted: frozenset[int]
    whole: bool


@dataclass(frozen=True)
class Wanted:
    """The frames still to be delivered.

    Attributes:
        frames: what identifies a frame -> its number; delivered frames are taken out.
        groups: their groups in order.
        dated: whether frames are identified by time; else by their count from 0.
    """

    frames: dict[int, int]
    groups: tuple[Group, ...]
    dated: bool

    @classmethod
    def of(cls, index: RecordingIndex, chapter: int, frames: NDArray[np.int64]) -> Wanted:
        """Sort the wanted frames of a chapter (numbers, ascending) by group."""
        members = index.chapter_frames(chapter)
        rows = np.asarray(frames) - members.start
        if not index.dated(chapter):
            return cls(dict(zip(rows.tolist(), frames.tolist(), strict=True)), (), False)
        times = index.source_pts[members.start - 1 : members.stop - 1]
        keys = _key_rows(index, chapter)
        groups = []
        for number, (start, stop) in enumerate(pairwise([*keys.tolist(), len(members)])):
            inside = rows[np.searchsorted(rows, start) : np.searchsorted(rows, stop)]
            if len(inside):
                wanted = frozenset(times[inside].tolist())
                whole = bool(inside[-1] == stop - 1)
                earlier = int(times[max(0, start - REORDERED)])
                groups.append(Group(number, int(times[start]), earlier, wanted, whole))
        numbers = dict(zip(times[rows].tolist(), frames.tolist(), strict=True))
        return cls(numbers, tuple(groups), True)

    def inside(self, groups: Set[int]) -> list[int]:
        """Numbers of the frames still to be delivered that lie in some groups."""
        times = (time for one in self.groups if one.number in groups for time in one.wanted)
        return [self.frames[time] for time in times if time in self.frames]
