"""Rational time: what sheets, tables and containers write, as exact fractions of a second.

No function here makes a float, so that no label hangs on a rounding. Text that could mean two
things (`00:01:02:15`, a day before its month) is refused, not guessed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

# NTSC rates are a whole rate times 1000/1001; people write them as decimals of any length.
NTSC_WHOLE_RATES = (24, 30, 48, 60, 120, 240)
NTSC = Fraction(1000, 1001)

DECIMAL_PLACES = 9

_PLAIN = re.compile(r"[+-]?(?:\d{1,18}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?", re.ASCII)
_SEXAGESIMAL = re.compile(
    r"(?P<sign>[+-])?(?:(?P<hours>\d{1,6}):)?(?P<minutes>\d{1,6}):(?P<seconds>\d{2})"
    r"(?:[.,](?P<decimals>\d{1,30})|:(?P<micro>\d{6}))?",
    re.ASCII,
)
_WALL_CLOCK = re.compile(
    r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})(?:\s+|[Tt])"
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})"
    r"(?:[.,](?P<decimals>\d{1,30})|:(?P<micro>\d{6}))?"
    r"\s*(?P<zone>[Zz]|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)


def parse_duration(text: str) -> Fraction:
    """Exact seconds of `12.5`, `-3`, `1:02`, `00:01:02.345`, `00:01:02,345` or `00:01:02:345000`.

    Raises:
        ValueError: anything else; minutes or seconds from 60 below a larger unit.
    """
    written = text.strip()
    if _PLAIN.fullmatch(written):
        return Fraction(written)
    parts = _SEXAGESIMAL.fullmatch(written)
    if parts is None:
        raise ValueError(f"{text!r} is not a time in seconds or HH:MM:SS.fff")
    hours, minutes, seconds = (int(parts[name] or 0) for name in ("hours", "minutes", "seconds"))
    if seconds > 59 or (parts["hours"] is not None and minutes > 59):
        raise ValueError(f"{text!r} has minutes or seconds of 60 or more")
    value = hours * 3600 + minutes * 60 + seconds + _decimals(parts)
    return -value if parts["sign"] == "-" else value


def parse_rate(text: str) -> Fraction:
    """Exact frames a second of `25`, `30000/1001` or `29.97`, which stands for 30000/1001.

    A decimal of two or more places that is an NTSC rate rounded to as many places means that rate.

    Raises:
        ValueError: not a number or not positive.
    """
    written = text.strip()
    if re.fullmatch(r"\d{1,12}/\d{1,12}", written, re.ASCII):
        numerator, denominator = map(int, written.split("/"))
        rate = Fraction(numerator, denominator) if denominator else Fraction(0)
    elif re.fullmatch(r"\d{1,12}(?:\.\d{0,30})?", written, re.ASCII):
        rate = Fraction(written)
        places = len(written.partition(".")[2])
        ntsc_rates = [whole * NTSC for whole in NTSC_WHOLE_RATES]
        rate = next(
            (ntsc for ntsc in ntsc_rates if places >= 2 and round(ntsc, places) == rate), rate
        )
    else:
        raise ValueError(f"{text!r} is not a frame rate such as 25, 29.97 or 30000/1001")
    if rate <= 0:
        raise ValueError(f"{text!r} is not a positive frame rate")
    return rate


def parse_wall_clock(text: str) -> datetime:
    """Date and time of day, year first: `2019-04-04 09:21:58:740439` or ISO 8601, zone kept.

    Raises:
        ValueError: no date, no seconds, no such day, or more than microseconds.
    """
    parts = _WALL_CLOCK.fullmatch(text.strip())
    if parts is None:
        raise ValueError(f"{text!r} is not a time such as 2019-04-04 09:21:58.740439")
    micros = _decimals(parts) * 1_000_000
    if micros.denominator != 1:
        raise ValueError(f"{text!r} is finer than a microsecond")
    fields = ("year", "month", "day", "hour", "minute", "second")
    year, month, day, hour, minute, second = (int(parts[name]) for name in fields)
    try:
        zone = _zone(parts["zone"])
        return datetime(year, month, day, hour, minute, second, int(micros), zone)
    except ValueError as error:
        raise ValueError(f"{text!r} is no time of any day: {error}") from error


def elapsed(since: datetime, until: datetime) -> Fraction:
    """Exact seconds from `since` to `until`, both with a zone or both without.

    Raises:
        TypeError: only one has a zone.
    """
    return Fraction((until - since) // timedelta(microseconds=1), 1_000_000)


def seconds_text(seconds: Fraction) -> str:
    """Decimal text without exponent: exact up to 9 places, else rounded to 9 (half to even)."""
    scaled = round(seconds * 10**DECIMAL_PLACES)
    whole, decimals = divmod(abs(scaled), 10**DECIMAL_PLACES)
    text = f"{whole}.{decimals:0{DECIMAL_PLACES}d}"
    if Fraction(scaled, 10**DECIMAL_PLACES) == seconds:
        text = text.rstrip("0").rstrip(".")
    return f"-{text}" if scaled < 0 else text


def rounded_up(seconds: Fraction) -> Fraction:
    """The first time not before `seconds` that `seconds_text` writes exactly."""
    return -(-seconds * 10**DECIMAL_PLACES // 1) / Fraction(10**DECIMAL_PLACES)


def first_tick(seconds: Fraction, time_base: Fraction) -> int:
    """First tick of `time_base` (seconds per tick) whose time is not before `seconds`."""
    return -(-seconds // time_base)


def _decimals(parts: re.Match[str]) -> Fraction:
    """The part below one second."""
    digits = parts["decimals"] or parts["micro"] or "0"
    return Fraction(int(digits), 10 ** len(digits))


def _zone(text: str | None) -> timezone | None:
    """Time zone of `Z`, `+02`, `+0200` or `+02:00`."""
    if text is None:
        return None
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)
