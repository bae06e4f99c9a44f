"""How far the clocks of a sheet and of a camera drift apart, by the claps of both.

The scale of sheet time is 1 unless the configuration asks for a linear correction, which later
claps of the sheet make possible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from clapboard.annotations.sheet import Annotation
from clapboard.problems import Problem
from clapboard.timing.sync import Clap, Heard, listen
from clapboard.video.index import RecordingIndex

LARGEST_DRIFT = Fraction(2, 1000)
"""Clocks of cameras and computers keep a tenth of a thousandth; a sheet that was counted at 30 for
29.97 frames a second is off by one."""


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
