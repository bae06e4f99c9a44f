"""Damage in a chapter: which pictures it reaches, and how it is told.

A decoder tells of damage by an error for a packet or by a mark on a picture that it has patched
up. A picture is made of the packets before it in decoding order, back to its key frame; so it is
believed only when none of them has shown damage. Checksums that would find the rest do not exist in
H.264 and HEVC (docs/reliability.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from itertools import groupby

from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from clapboard.problems import Problem, Severity
from clapboard.video.index import RecordingIndex

_STRICT = "crccheck+bitstream+buffer+aggressive"

# Of these FFmpeg gives what is left of a picture and says nothing, unless any error is to end it.
# Others it patches up and marks; they would also end at what an entry in the middle lacks.
_UNMARKED = frozenset({"hevc", "mjpeg"})

# Packets that FFmpeg decodes at the same time, at most; no codec reorders more.
MOST_THREADS = 16

# Packets after one of a broken transport stream, within which its clock starts anew if it was
# joined; far fewer than pictures are held back.
JOINING_PACKETS = 3

NAMED = 5
"""How many stretches of lost frames a message names."""

SKIP_REMEDY = "Copy it again from the camera, or set video.damaged to skip."


# Damage can turn a picture of these into none, which is no error.
COMPLETE = frozenset({"mpeg4"})


def strictness(codec: str) -> dict[str, str]:
    """Options with which a decoder tells of damage."""
    return {"err_detect": f"{_STRICT}+explode" if codec in _UNMARKED else _STRICT}


class Sieve:
    """Holds pictures back until it is certain that no damage has reached them.

    Packets are told in decoding order, pictures as they come out, which is in order of showing.

    Args:
        complete: whether each packet gives a picture, so that one that gives none is damaged.
    """

    def __init__(self, complete: bool = False) -> None:
        self._complete = complete
        self._due = set[int]()  # times of packets whose pictures have not come out
        self._places = dict[int, int]()  # time of a packet -> its place in decoding order
        self._horizons = list[int]()  # the latest time up to each place
        self._keys = list[tuple[int, int]]()  # place and time of the key frames
        self._damages = list[int]()  # places
        self._held = list[VideoFrame]()
        self._latest: int | None = None

    @property
    def damaged(self) -> bool:
        """Whether there has been a sign of damage."""
        return bool(self._damages)

    def take(self, packet: Packet[VideoStream]) -> None:
        """Note a packet that the decoder is going to get."""
        place = len(self._horizons)
        time = packet.pts
        before = self._horizons[-1] if self._horizons else time or 0
        self._horizons.append(before if time is None else max(before, time))
        if time is not None:
            if packet.is_discard:  # its time may be that of a packet that is shown
                self._places.setdefault(time, place)
            else:
                self._places[time] = place
                if self._complete:
                    self._due.add(time)
            if packet.is_keyframe:
                self._keys.append((place, time))
        if packet.is_corrupt:
            self._damages.append(place)

    def hurt(self, behind: int = 0) -> None:
        """Note an error for the packet taken last, or for one of those `behind` it."""
        place = max(0, len(self._horizons) - 1)
        self._damages += range(max(0, place - behind), place + 1)

    def pictures(self, fresh: Iterable[VideoFrame], ended: bool = False) -> Iterator[VideoFrame]:
        """The pictures that are certain by now.

        Args:
            fresh: pictures that have come out of the decoder.
            ended: whether no more will come.
        """
        for picture in fresh:
            if picture.is_corrupt:
                self._damages.append(self._places.get(picture.pts or 0, 0))
            late = {time for time in self._due if time < (picture.pts or 0)}
            self._damages += [self._places[time] for time in late]
            self._due -= late | {picture.pts or 0}
            if picture.pts in self._places:
                self._held.append(picture)
                self._latest = max(picture.pts, self._latest or picture.pts)
        if ended:
            self._damages += [self._places[time] for time in self._due]
            self._due.clear()
        held, self._held = self._held, []
        for picture in held:
            place = self._places[picture.pts or 0]
            if not ended and self._horizons[place] > (self._latest or 0):
                self._held.append(picture)
            elif self._clean(place, picture.pts or 0):
                yield picture

    def _clean(self, place: int, time: int) -> bool:
        """Whether there is no damage from the key frame on which a picture depends up to it."""
        if not self._damages:
            return True
        keys = (key for key, shown in reversed(self._keys) if key <= place and shown <= time)
        begin = next(keys, 0)
        return not any(begin <= damage <= place for damage in self._damages)


class CountingSieve(Sieve):
    """For files whose times do not tell pictures apart, so that they are counted.

    Damage swallows pictures, so that nobody knows the count of those behind it: from there on
    nothing passes. Where the clock starts anew two films were joined; that the count of transport
    packets does not go on there is no damage.
    """

    def __init__(self) -> None:
        super().__init__()
        self._doubts = 0  # packets since one that may have lost its end
        self._decoded: int | None = None  # time of the packet before

    def take(self, packet: Packet[VideoStream]) -> None:
        """Note a packet that the decoder is going to get."""
        before, self._decoded = self._decoded, packet.dts
        anew = before is not None and packet.dts is not None and packet.dts < before
        if self._doubts:
            self._doubts = 0 if anew else self._doubts + 1
        if packet.is_corrupt:
            self._doubts = 1
        if self._doubts > JOINING_PACKETS:
            self.hurt()

    def pictures(self, fresh: Iterable[VideoFrame], ended: bool = False) -> Iterator[VideoFrame]:
        """The pictures that are certain by now, none from the first sign of damage on."""
        if ended and self._doubts:
            self.hurt()
        for picture in fresh:
            if picture.is_corrupt:
                self.hurt()
            self._held.append(picture)
        while self._held and not self.damaged and (ended or len(self._held) > MOST_THREADS):
            yield self._held.pop(0)


def stretches(frames: Iterable[int]) -> list[tuple[int, int]]:
    """Frame numbers as (first, last) of stretches without a gap."""
    runs = groupby(enumerate(sorted(frames)), lambda pair: pair[1] - pair[0])
    numbers = ([number for _, number in run] for _, run in runs)
    return [(run[0], run[-1]) for run in numbers]


def spoilt_problem(
    file: str,
    index: RecordingIndex,
    spoilt: Mapping[int, str],
    wanted: int,
    severity: Severity = "error",
) -> Problem:
    """What to tell about frames that could not be decoded.

    Args:
        file: the chapter.
        index: of its recording.
        spoilt: frame -> why.
        wanted: how many frames of the chapter were wanted.
        severity: a warning when the rest is used without them.
    """
    runs = stretches(spoilt)
    shown = ", ".join(_stretch(index, *run) for run in runs[:NAMED])
    more = f" and {len(runs) - NAMED} more stretches" if len(runs) > NAMED else ""
    reasons = ", ".join(sorted(set(spoilt.values())))
    return Problem(
        "undecodable-frames",
        f"{len(spoilt)} of {wanted} wanted frames cannot be decoded ({reasons}): {shown}{more}",
        SKIP_REMEDY if severity == "error" else "Copy it again from the camera.",
        file=file,
        value=str(runs[0][0]),
        severity=severity,
    )


def _stretch(index: RecordingIndex, first: int, last: int) -> str:
    begin, end = (float(index.seconds(frame)) for frame in (first, last))
    numbers = f"{first}" if first == last else f"{first}-{last}"
    return (
        f"{numbers} at {begin:.3f} s" if first == last else f"{numbers} at {begin:.3f}-{end:.3f} s"
    )


def cut_off_problem(file: str, lost: int, frames: int, begin: Fraction, skip: bool) -> Problem:
    """What to tell about a file that ends before its last frame.

    Args:
        file: the chapter.
        lost: how many of its frames are missing.
        frames: how many its table lists.
        begin: seconds from its first frame to the first that is missing.
        skip: whether the rest is used.
    """
    return Problem(
        "cut-off",
        f"The file is cut off: {lost} of the {frames} frames in its table are missing, from "
        f"{float(begin):.3f} s on",
        "Copy it again from the camera." if skip else SKIP_REMEDY,
        file=file,
        value=f"{float(begin):.3f} s",
        severity="warning" if skip else "error",
    )


def length_problem(
    file: str, found: Fraction, declared: Fraction | None, skip: bool, placed: bool
) -> Problem:
    """What to tell about a file whose frames last shorter or longer than they should.

    Args:
        file: the chapter.
        found: seconds that its frames last.
        declared: seconds by the header; None when it ends in the middle of a part.
        skip: whether that may be passed over.
        placed: whether it begins where it was begun and no other chapter follows.
    """
    said = "It ends within one of its parts, or has one that is none"
    if declared is not None:
        said = f"The header says that the video lasts {float(declared):.3f} s"
    message = f"{said}; its frames last {float(found):.3f} s: the file is cut off or damaged"
    remedy = SKIP_REMEDY
    if not placed:
        remedy = "Copy it again from the camera; nobody knows when the frames behind were filmed."
    elif skip:
        remedy = "Copy it again from the camera."
    severity: Severity = "warning" if skip and placed else "error"
    return Problem(
        "wrong-length", message, remedy, file, value=f"{float(found):.3f} s", severity=severity
    )
