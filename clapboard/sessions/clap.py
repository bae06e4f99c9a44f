"""The column ``clap`` of the table of recordings: where in a recording its sync event is.

`clapboard.timing.sync` finds it, `clapboard.labels.framecsv` places sheets by it.
"""

from __future__ import annotations

import re
from fractions import Fraction

from clapboard.clock import parse_duration, seconds_text

CLAP_REMEDY = "Write seconds, HH:MM:SS.fff, `frame N` or `auto`; empty means 0."


def normalise_clap(text: str) -> str:
    """A clap position in its one form: `12.5`, `frame 375`, `auto` or `auto 12.5`; empty is `0`.

    The time after `auto` is where to look for it.

    Raises:
        ValueError: none of these, or finer than a nanosecond.
    """
    word, _, rest = text.strip().lower().partition(" ")
    if word == "frame":
        if not re.fullmatch(r"\s*0*[1-9]\d{0,11}", rest, re.ASCII):
            raise ValueError(f"{text!r} is not a frame number from 1")
        return f"frame {int(rest)}"
    if word == "auto":
        return f"auto {_exact_seconds(rest)}" if rest.strip() else "auto"
    return _exact_seconds(text) if word else "0"


def _exact_seconds(text: str) -> str:
    seconds = parse_duration(text)
    normalised = seconds_text(seconds)
    if parse_duration(normalised) != seconds:
        raise ValueError(f"{text!r} is finer than a nanosecond")
    return normalised


def clap_estimate(clap: str, rate: Fraction) -> str:
    """A clap position as a time where that is cheap to say, else as it is.

    Args:
        clap: in its one form.
        rate: frames per second; 0 when it is not known.
    """
    word, _, rest = clap.partition(" ")
    if word == "frame" and rate:
        return seconds_text((int(rest) - 1) / rate)
    return rest if word == "auto" and rest else clap


def clap_offset(clap: str) -> Fraction | None:
    """Seconds of a clap position, None when it is not given as a time."""
    try:
        return parse_duration(clap or "0")
    except ValueError:
        return None
