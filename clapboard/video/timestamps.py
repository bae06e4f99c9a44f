"""Time stamps that a camera got wrong, put right: clock resets, times given twice, disorder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# More frames than any codec in use holds back to show others first.
REORDERED = 32


def median_step(pts: NDArray[np.int64]) -> int:
    """The usual distance between neighbours, ticks, at least 1."""
    steps = np.diff(pts)
    steps = steps[steps > 0]
    return int(np.median(steps)) if len(steps) else 1


def find_resets(
    pts: NDArray[np.int64], key: NDArray[np.bool_], reorders: bool
) -> NDArray[np.bool_]:
    """Frames at which the clock of the file starts anew.

    Args:
        pts: ticks in decoding order. Shape (frames,).
        key: whether decoding can start at the frame.
        reorders: whether the order of presentation is another.
    """
    resets = np.zeros(len(pts), bool)
    # A single early time is jitter if one of the next two goes on where the clock was.
    floor = pts.min(initial=0)
    ahead = np.maximum(np.append(pts[1:], floor), np.append(pts[2:], [floor, floor])[: len(pts)])
    start = 0
    while start < len(pts):
        latest = np.maximum.accumulate(pts[start:])[:-1]
        backwards = pts[start + 1 :] < latest
        if reorders:
            # Nothing that precedes a key frame in decoding order is shown after it; any other
            # frame may be overtaken, but not by one that came very much earlier.
            settled = np.append(np.full(REORDERED, pts.min()), latest)[: len(latest)]
            backwards &= key[start + 1 :] | (pts[start + 1 :] < settled)
        else:
            backwards &= ahead[start + 1 :] <= latest
        found = np.flatnonzero(backwards)
        if not len(found):
            break
        start += int(found[0]) + 1
        resets[start] = True
    return resets


def straighten(
    pts: NDArray[np.int64], segment: NDArray[np.int64], step: int
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Strictly increasing times, and which frames had none of their own.

    Args:
        pts: ticks in order of presentation. Shape (frames,).
        segment: rising number of the stretch of each frame; a new one begins at each reset.
        step: usual distance between frames in ticks.

    Returns:
        Ticks after the first frame, and whether the frame's own time was taken or disordered.
    """
    times = np.zeros(len(pts), np.int64)
    moved = np.zeros(len(pts), bool)
    origin = 0
    if not len(pts):
        return times, moved
    for part in np.split(np.arange(len(pts)), np.flatnonzero(np.diff(segment)) + 1):
        rising = np.maximum.accumulate(pts[part])
        own = np.concatenate(([True], np.diff(rising) > 0))
        moved[part] = ~own
        anchors = np.flatnonzero(own)
        end = np.append(anchors, len(part))
        ticks = np.append(rising[anchors], rising[-1] + step * (end[-1] - anchors[-1])) - rising[0]
        spread = np.floor(np.interp(np.arange(len(part)), end, ticks)).astype(np.int64)
        # Where more frames share a time than ticks lie before the next one, one tick each.
        index = np.arange(len(part))
        spread = np.maximum.accumulate(spread - index) + index
        times[part] = origin + spread
        origin = int(times[part[-1]]) + step
    return times, moved
