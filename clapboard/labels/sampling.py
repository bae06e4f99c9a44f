"""Which labelled frames are decoded.

A sampling rate is a **grid** over the whole recording that knows nothing of labels. So training and
prediction see the same frames, and an edited sheet moves only the frames whose label changed; all
others are already in the store. Where the grid leaves a choice, it takes the frame that costs
least to decode, which is the one nearest behind a key frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clapboard.annotations.labels import normalise
from clapboard.video.index import RecordingIndex

if TYPE_CHECKING:
    from clapboard.labels.labelling import FrameLabels


def grid(index: RecordingIndex, every: int | str) -> NDArray[np.bool_]:
    """The frames of a recording that a sampling rate takes, whatever their labels.

    Frames without a picture (`RecordingIndex.pictured`) are never taken.

    Args:
        index: the frames of the recording.
        every: ``all``; n (frames 1, n + 1, 2n + 1, ...); ``"n/s"`` (of each 1/n second of
            presentation time, counted from the first frame, the frame that costs least to decode,
            the earlier of equals); or ``keyframes``.

    Returns:
        One boolean a frame.

    Raises:
        ValueError: `every` is none of these.
    """
    if every == "all":
        return index.pictured
    if every == "keyframes":
        return index.key.copy()
    if isinstance(every, int) and every > 0:
        return (np.arange(len(index)) % every == 0) & index.pictured
    taken = np.zeros(len(index), dtype=np.bool_)
    window = _windows(index, per_second(every))
    taken[_first_of_each(window, decoding_cost(index), np.arange(len(index)))] = True
    return taken & index.pictured


def per_second(every: int | str) -> Fraction:
    """Frames a second of a rate such as ``"2/s"`` or ``"0.5/s"``.

    Raises:
        ValueError: it is not of this form or not positive.
    """
    number, mark, rest = str(every).partition("/s")
    try:
        rate = Fraction(number.strip())
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not mark or rest or rate <= 0:
        raise ValueError(f"{every!r} is not a sampling rate: all, n, 'n/s' or keyframes")
    return rate


def decoding_cost(index: RecordingIndex) -> NDArray[np.int64]:
    """Frames that are decoded on the way from the key frame before each frame to that frame."""
    numbers = np.arange(len(index), dtype=np.int64)
    return numbers - np.maximum.accumulate(np.where(index.key, numbers, -1))


def select(
    labels: FrameLabels,
    index: RecordingIndex,
    settings: Mapping[str, Any],
    beside: Sequence[tuple[FrameLabels, RecordingIndex]] = (),
) -> NDArray[np.bool_]:
    """Which labelled frames of a recording sampling keeps.

    Each label has the grid of its own rate. An annotation that its grid misses keeps one frame, so
    that thinning loses no occurrence. Then, if a limit is set, the label's frames are cut into as
    many stretches of equal size as may stay, and each stretch keeps one of its frames that cost
    least to decode, drawn by the seed.

    Args:
        labels: the labelled frames.
        index: all frames of the recording.
        settings: config section ``frames``: ``every``, ``per_label``,
            ``max_per_label_and_subject``, ``seed``.
        beside: labels and index of the subject's other recordings. The limit holds for all of them
            together and is shared out as evenly as their frames allow.

    Returns:
        One boolean for each row of `labels`.
    """
    kept = _thinned(labels, index, settings)
    limit = settings["max_per_label_and_subject"]
    if not limit:
        return kept
    parts = [(index.recording, labels, kept)]
    parts += [(other.recording, part, _thinned(part, other, settings)) for part, other in beside]
    parts.sort(key=lambda part: part[0])
    position = [part[0] for part in parts].index(index.recording)

    cost = decoding_cost(index)[labels.frames - 1]
    chance = _generator(settings["seed"], index.recording).random(len(index))[labels.frames - 1]
    chosen = np.zeros(len(labels), dtype=np.bool_)
    for code, label in enumerate(labels.labels):
        counts = [_count(part, taken, label) for _, part, taken in parts]
        quota = shares(counts, limit)[position]
        if quota:
            at = np.flatnonzero(kept & (labels.codes == code))
            stretch = np.arange(len(at)) * quota // len(at)
            chosen[at[_first_of_each(stretch, cost[at], chance[at])]] = True
    return chosen


def shares(counts: Sequence[int], limit: int) -> list[int]:
    """Share `limit` out over `counts`: none gets more than it has, the rest as even as can be.

    The sum is the smaller of `limit` and the sum of `counts`.
    """
    result = [0] * len(counts)
    by_size = sorted(range(len(counts)), key=lambda place: counts[place])
    for done, place in enumerate(by_size):
        result[place] = min(counts[place], (limit - sum(result)) // (len(counts) - done))
    return result


def _thinned(
    labels: FrameLabels, index: RecordingIndex, settings: Mapping[str, Any]
) -> NDArray[np.bool_]:
    """The labelled frames on the grids of their labels, and one of each annotation without any."""
    own = {normalise(label): every for label, every in settings["per_label"].items()}
    every_of = [own.get(label, settings["every"]) for label in labels.labels]
    kept = np.zeros(len(labels), dtype=np.bool_)
    for every in set(every_of):
        codes = [code for code, rate in enumerate(every_of) if rate == every]
        kept |= np.isin(labels.codes, codes) & grid(index, every)[labels.frames - 1]
    annotated = np.flatnonzero(labels.rows)
    frames = labels.frames[annotated]
    cost = decoding_cost(index)[frames - 1]
    best = _first_of_each(labels.rows[annotated], ~kept[annotated], cost, frames)
    kept[annotated[best]] = True
    return kept


def _windows(index: RecordingIndex, rate: Fraction) -> NDArray[Any]:
    """Number of the 1/rate second in which each frame is presented, exact."""
    step = index.time_base * rate
    pts = index.pts
    if len(pts) and int(np.abs(pts).max()) * step.numerator >= 2**63:
        pts = pts.astype(object)
    return pts * step.numerator // step.denominator


def _first_of_each(group: NDArray[Any], *order: NDArray[Any]) -> NDArray[np.intp]:
    """Place of each group's first member in the order of the given keys, the foremost first."""
    places = np.lexsort((*reversed(order), group))
    sorted_group = group[places]
    starts = np.ones(len(group), dtype=np.bool_)
    starts[1:] = sorted_group[1:] != sorted_group[:-1]
    return places[starts]


def _count(labels: FrameLabels, taken: NDArray[np.bool_], label: str) -> int:
    """How many frames of `label` are taken."""
    if label not in labels.labels:
        return 0
    return int(np.count_nonzero(taken & (labels.codes == labels.labels.index(label))))


def _generator(seed: int, recording: str) -> np.random.Generator:
    """Random numbers that depend on the seed and the recording only."""
    name = hashlib.blake2b(recording.encode(), digest_size=8).digest()
    return np.random.default_rng([seed, int.from_bytes(name, "big")])
