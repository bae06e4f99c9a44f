"""Where the clap of a sheet is in a recording.

Recording time = clap + sheet time x scale (`clapboard.timing.drift`). The clap is given as a time
or a frame, or heard as the sharpest sound where it is expected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from clapboard.annotations.sheet import Annotation
from clapboard.clock import parse_duration, seconds_text
from clapboard.problems import Problem
from clapboard.timing.sound import Sound, Transient, find_transients, read_sound
from clapboard.video.index import RecordingIndex

SAME = Fraction(1)
"""Seconds by which two claps in a sheet may be farther apart than in the sound: a sheet may count
whole seconds."""


@dataclass(frozen=True)
class Heard:
    """What was heard where a clap is expected.

    Attributes:
        sound: the stretch that was searched; None where the recording has no sound.
        candidates: the sharpest sounds, the most distinct first.
    """

    sound: Sound | None
    candidates: tuple[Transient, ...]

    @property
    def confidence(self) -> float:
        """From 0 (the runner-up is as distinct) to 1 (there is none), 0.5 at 3 dB between them."""
        if not self.candidates:
            return 0.0
        if len(self.candidates) == 1:
            return 1.0
        margin = self.candidates[0].level - self.candidates[1].level
        return round(1 - 10 ** (-margin / 10), 3)


@dataclass(frozen=True)
class Clap:
    """The sync event in the recording.

    Attributes:
        time: seconds in the recording.
        method: ``given`` as a time, as a ``frame``, or ``heard``.
        heard: what the sound says around it.
    """

    time: Fraction
    method: str
    heard: Heard


def listen(index: RecordingIndex, start: Fraction, stop: Fraction) -> Heard:
    """Search a stretch of a recording for claps.

    Raises:
        InputError: a chapter cannot be read.
    """
    sound = read_sound(index, start, stop) if start < stop else None
    return Heard(sound, tuple(find_transients(sound)) if sound else ())


def find_clap(
    index: RecordingIndex, clap: str, settings: Mapping[str, Any]
) -> tuple[Clap, list[Problem]]:
    """The position of the clap, and what is wrong with it.

    Args:
        index: the recording.
        clap: ``12.5``, ``frame 375``, ``auto`` or ``auto 12.5``, as in the table of recordings.
        settings: section ``sync`` of the configuration.
    """
    word, _, rest = clap.partition(" ")
    window = Fraction(str(settings["window"]))
    if word == "auto":
        if rest:
            expected = parse_duration(rest)
            heard = listen(index, expected - window, expected + window)
        else:
            heard = listen(index, Fraction(0), Fraction(str(settings["search"])))
        problems = _unheard(index.recording, clap, heard, settings["confidence"])
        time = heard.candidates[0].time if heard.candidates else Fraction(0)
        return Clap(time, "heard", heard), problems
    if word == "frame":
        try:
            time = index.seconds(int(rest))
        except IndexError as error:
            remedy = "Correct the column clap of the recordings table."
            problem = Problem("no-such-frame", str(error), remedy, column="clap", value=clap)
            return Clap(Fraction(0), "frame", Heard(None, ())), [problem]
    else:
        time = parse_duration(clap or "0")
    heard = listen(index, time - window, time + window)
    return Clap(time, "frame" if word == "frame" else "given", heard), []


def _unheard(recording: str, clap: str, heard: Heard, least: float) -> list[Problem]:
    """Why the clap cannot be taken from the sound."""
    if heard.sound is None:
        check, message = "no-sound", f"{recording} has no sound where its clap is to be heard"
    elif not heard.candidates:
        check, message = "no-clap-heard", f"no sharp sound stands out in {recording}"
    elif heard.confidence < least:
        times = ", ".join(
            f"{seconds_text(_milliseconds(candidate.time))} s ({candidate.level:.1f} dB)"
            for candidate in heard.candidates
        )
        check = "unsure-clap"
        message = f"several sounds in {recording} could be the clap: {times}"
    else:
        return []
    remedy = (
        "Write the time of the clap into the column clap of the recordings table, or about where "
        "it is: `auto 12.5`."
    )
    return [Problem(check, message, remedy, column="clap", value=clap)]


def taken_for_first(
    index: RecordingIndex, asked: str, clap: Clap, claps: Sequence[Annotation]
) -> list[Problem]:
    """Why the one sound that was heard anywhere (``auto``) may be a later clap of the sheet.

    Args:
        index: the recording.
        asked: for the clap, in the table of recordings.
        clap: as it was heard.
        claps: claps of the sheet, the first one at zero.
    """
    if asked != "auto":
        return []
    reasons = []
    for mark in claps:
        if mark.start <= SAME:
            continue
        where = f"that of row {mark.row}, {seconds_text(_milliseconds(mark.start))} s later,"
        earlier = clap.time - mark.start
        if any(abs(other.time - earlier) <= SAME for other in clap.heard.candidates[1:]):
            reasons.append(f"{where} since there is another sound so long before it")
        elif clap.time + mark.start > index.duration + SAME:
            reasons.append(f"a later one, since {where} would be after the end")
    if not reasons:
        return []
    heard = f"the clap heard in {index.recording} at {seconds_text(_milliseconds(clap.time))} s"
    remedy = (
        "Write about where the first clap is into the column clap of the recordings table: "
        "`auto 12.5`."
    )
    message = f"{heard} may be {reasons[0]}"
    return [Problem("unsure-clap", message, remedy, column="clap", value=asked)]


def _milliseconds(seconds: Fraction) -> Fraction:
    return round(seconds, 3)
