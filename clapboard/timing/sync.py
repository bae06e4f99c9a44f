"""Where the clap of a sheet is in a recording, and how far the two clocks drift apart.

Recording time = clap + sheet time x scale. The clap is given as a time or a frame, or heard as the
sharpest sound where it is expected. The scale is 1 unless the configuration asks for a linear
correction, which later claps of the sheet make possible.
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

LARGEST_DRIFT = Fraction(2, 1000)
"""Clocks of cameras and computers keep a tenth of a thousandth; a sheet that was counted at 30 for
29.97 frames a second is off by one."""

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


@dataclass(frozen=True)
class Check:
    """A clap of the sheet, expected at one time and perhaps heard at another.

    Attributes:
        row: row of the sheet.
        sheet: seconds after the first clap, by the sheet.
        expected: seconds in the recording, by the sheet and the first clap alone.
        heard: what the sound says.
        found: seconds in the recording; None if no clap was heard for sure.
    """

    row: int
    sheet: Fraction
    expected: Fraction
    heard: Heard
    found: Fraction | None

    @property
    def residual(self) -> Fraction | None:
        """By how much the clap came later than expected, seconds."""
        return None if self.found is None else self.found - self.expected


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
        if not mark.start:
            continue
        where = f"that of row {mark.row}, {seconds_text(_milliseconds(mark.start))} s later,"
        earlier = clap.time - mark.start
        if any(abs(other.time - earlier) <= SAME for other in clap.heard.candidates):
            reasons.append(f"{where} since there is another sound so long before it")
        elif clap.time + mark.start > index.duration:
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


def check_claps(
    index: RecordingIndex, clap: Clap, claps: Sequence[Annotation], settings: Mapping[str, Any]
) -> list[Check]:
    """Listen for every clap of a sheet where the sheet and the first clap say it is.

    Args:
        index: the recording.
        clap: the first clap.
        claps: claps of the sheet, the first one at zero.
        settings: section ``sync`` of the configuration.
    """
    window = Fraction(str(settings["window"]))
    checks = []
    for mark in claps:
        expected = clap.time + mark.start
        heard = clap.heard
        if mark.start:
            heard = listen(index, expected - window, expected + window)
        sure = heard.candidates and heard.confidence >= settings["confidence"]
        found = heard.candidates[0].time if sure else None
        checks.append(Check(mark.row, mark.start, expected, heard, found))
    return checks


def drift(checks: Sequence[Check]) -> Fraction | None:
    """By how much recording time runs faster than sheet time, as a share; None if unknown.

    The slope of residuals over sheet time, least squares through the first clap:
    sum(s (r - r0)) / sum(s^2).
    """
    heard = [(check.sheet, check.residual) for check in checks if check.residual is not None]
    later = [(sheet, residual) for sheet, residual in heard if sheet]
    if not later:
        return None
    first = next((residual for sheet, residual in heard if not sheet), Fraction(0))
    slope = sum(sheet * (residual - first) for sheet, residual in later) / sum(
        sheet * sheet for sheet, _ in later
    )
    return Fraction(slope).limit_denominator(10**12)


def implausible(
    checks: Sequence[Check], slope: Fraction, limit: float | None, sheet_file: str
) -> list[Problem]:
    """A drift that is none: something else was heard, or the sheet has the clap elsewhere.

    One later clap fits any drift, so that no residual is left to be judged by `beyond_limit`.

    Args:
        checks: the claps.
        slope: see `drift`.
        limit: as for `beyond_limit`; None allows everything.
        sheet_file: the sheet, for messages.
    """
    if limit is None or abs(slope) <= LARGEST_DRIFT:
        return []
    last = max((check for check in checks if check.residual is not None), key=lambda one: one.sheet)
    return [
        Problem(
            "drift",
            f"By the claps the clocks of sheet and camera drift apart by {float(slope) * 1e6:+.0f} "
            f"ppm, more than any do ({float(LARGEST_DRIFT) * 1e6:.0f})",
            "Correct the clap in the sheet or in the recordings table, or set sync.drift to "
            "measure; sync.limit: null takes it as it is.",
            file=sheet_file,
            row=last.row,
        )
    ]


def beyond_limit(
    checks: Sequence[Check], scale: Fraction, limit: float | None, sheet_file: str
) -> list[Problem]:
    """Later claps that are farther from where they should be than the limit allows.

    Args:
        checks: the claps.
        scale: of sheet time, as it will be used.
        limit: milliseconds; None allows everything.
        sheet_file: the sheet, for messages.
    """
    problems = []
    for check in checks:
        left = remaining(check, scale)
        if check.sheet and limit is not None and left is not None and abs(left) * 1000 > limit:
            problems.append(
                Problem(
                    "drift",
                    f"This clap is heard {float(left) * 1000:+.0f} ms from where the sheet has it, "
                    f"more than sync.limit ({limit:g} ms)",
                    "Correct the clap in the sheet or in the recordings table, set sync.drift to "
                    "correct, or raise sync.limit.",
                    file=sheet_file,
                    row=check.row,
                )
            )
    return problems


def remaining(check: Check, scale: Fraction) -> Fraction | None:
    """What the correction leaves of a residual, seconds."""
    if check.residual is None:
        return None
    return check.residual - check.sheet * (scale - 1)


def _milliseconds(seconds: Fraction) -> Fraction:
    return round(seconds, 3)
