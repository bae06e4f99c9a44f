from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clapboard.clock import (
    elapsed,
    first_tick,
    parse_duration,
    parse_rate,
    parse_wall_clock,
    seconds_text,
)

nanoseconds = st.integers(-(10**15), 10**15)
time_bases = st.builds(Fraction, st.integers(1, 1001), st.integers(1, 1_000_000))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12.5", Fraction(25, 2)),
        ("-3", Fraction(-3)),
        (" 0 ", Fraction(0)),
        (".5", Fraction(1, 2)),
        ("7.", Fraction(7)),
        ("5e-06", Fraction(1, 200_000)),
        ("1:02", Fraction(62)),
        ("90:00", Fraction(5400)),
        ("00:01:02.345", Fraction(62345, 1000)),
        ("00:01:02,345", Fraction(62345, 1000)),
        ("00:01:02:345000", Fraction(62345, 1000)),
        ("-01:00:00.1", Fraction(-36001, 10)),
        ("100:00:00", Fraction(360_000)),
    ],
)
def test_durations_are_read_exactly(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "-", ".", "nan", "inf", "1e999", "0x10", "1_000", "12,5", "1,000", "12.5 s"),
        *("1:60", "00:60:00", "00:00:60", "1:2", "00:01:02:15", "00:01:02:345", "1:02:03:04:05"),
        *("2019-04-04 09:21:58", "٣", "1\n2", "--3", "1/2", "9" * 5000),
    ],
)
def test_what_is_not_one_duration_is_refused(text):
    with pytest.raises(ValueError):
        parse_duration(text)


@given(nanoseconds)
def test_decimal_seconds_round_trip(count):
    seconds = Fraction(count, 10**9)
    assert parse_duration(seconds_text(seconds)) == seconds


@given(st.integers(0, 9999), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999_999_999))
def test_clock_form_equals_plain_form(hours, minutes, seconds, nanos):
    written = f"{hours:02d}:{minutes:02d}:{seconds:02d}.{nanos:09d}"
    plain = f"{hours * 3600 + minutes * 60 + seconds}.{nanos:09d}"
    assert parse_duration(written) == parse_duration(plain)


@given(st.fractions())
def test_seconds_text_is_exact_or_within_half_a_nanosecond(seconds):
    text = seconds_text(seconds)
    assert "e" not in text.lower()
    assert abs(Fraction(text) - seconds) <= Fraction(1, 2 * 10**9)
    if (seconds * 10**9).denominator == 1:
        assert Fraction(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (Fraction(0), "0"),
        (Fraction(-3), "-3"),
        (Fraction(25, 2), "12.5"),
        (Fraction(1001, 30000), "0.033366667"),
        (Fraction(1, 10**9), "0.000000001"),
        (Fraction(-1, 10**12), "0.000000000"),
        (Fraction(200), "200"),
    ],
)
def test_seconds_text_examples(seconds, text):
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        ("30.00", Fraction(30)),
        ("12.5", Fraction(25, 2)),
        ("30000/1001", Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("29.970", Fraction(30000, 1001)),
        ("29.97003", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("119.88", Fraction(120000, 1001)),
        ("29.976", Fraction(29976, 1000)),
        ("60/2", Fraction(30)),
    ],
)
def test_rates(text, rate):
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0", "-25", "0/1", "30/0", "ntsc", "1e3", "25 fps", "nan"])
def test_what_is_not_a_rate_is_refused(text):
    with pytest.raises(ValueError):
        parse_rate(text)


@given(st.fractions(min_value=Fraction(1, 100), max_value=1000, max_denominator=1001))
def test_a_rate_written_as_a_fraction_is_itself(rate):
    assert parse_rate(f"{rate.numerator}/{rate.denominator}") == rate


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2019-04-04 09:21:58:740439", datetime(2019, 4, 4, 9, 21, 58, 740439)),
        ("2019-04-04 09:21:58.74", datetime(2019, 4, 4, 9, 21, 58, 740000)),
        ("2019-04-04T09:21:58,740", datetime(2019, 4, 4, 9, 21, 58, 740000)),
        ("2019/4/4 9:21:58", datetime(2019, 4, 4, 9, 21, 58)),
        (" 2019-04-04  23:59:59.999999000 ", datetime(2019, 4, 4, 23, 59, 59, 999999)),
        ("2019-04-04T09:21:58Z", datetime(2019, 4, 4, 9, 21, 58, tzinfo=UTC)),
        (
            "2019-04-04T09:21:58.5-05:30",
            datetime(2019, 4, 4, 9, 21, 58, 500000, timezone(-timedelta(hours=5, minutes=30))),
        ),
    ],
)
def test_wall_clock_times(text, moment):
    parsed = parse_wall_clock(text)
    assert parsed == moment
    assert parsed.utcoffset() == moment.utcoffset()


@pytest.mark.parametrize(
    "text",
    [
        *("", "09:21:58", "2019-04-04", "2019-04-04 09:21", "04/05/2019 09:21:58"),
        *("2019-13-04 09:21:58", "2019-02-29 09:21:58", "2019-04-04 24:00:00"),
        *("2019-04-04 09:21:60", "2019-04-04 09:21:58:74", "2019-04-04 09:21:58.1234567"),
        *("2019-04/04 09:21:58", "2019-04-04 09:21:58+25:00", "#REF!", "43559.39"),
    ],
)
def test_what_is_not_one_moment_is_refused(text):
    with pytest.raises(ValueError):
        parse_wall_clock(text)


@given(st.datetimes())
def test_wall_clock_round_trips_in_the_forms_of_the_labs(moment):
    assert parse_wall_clock(moment.isoformat(" ", "microseconds")) == moment
    assert parse_wall_clock(moment.isoformat("T", "microseconds")) == moment
    day, time = moment.isoformat(" ", "microseconds").split(" ")
    assert parse_wall_clock(f"{day} {time.replace('.', ':')}") == moment


@given(st.datetimes(), st.integers(-(10**12), 10**12))
def test_elapsed_is_exact_and_crosses_midnight(since, micros):
    try:
        until = since + timedelta(microseconds=micros)
    except OverflowError:
        return
    assert elapsed(since, until) == Fraction(micros, 10**6)


def test_elapsed_counts_through_a_change_of_zone():
    summer = parse_wall_clock("2019-10-27 02:59:59+02:00")
    winter = parse_wall_clock("2019-10-27 02:00:00+01:00")
    assert elapsed(summer, winter) == 1
    with pytest.raises(TypeError):
        elapsed(summer, parse_wall_clock("2019-10-27 02:00:00"))


@given(st.fractions(min_value=-(10**6), max_value=10**6), time_bases)
def test_first_tick_is_the_first_not_before(seconds, time_base):
    tick = first_tick(seconds, time_base)
    assert isinstance(tick, int)
    assert tick * time_base >= seconds > (tick - 1) * time_base


@given(st.integers(-(10**9), 10**9), time_bases)
def test_first_tick_of_a_tick_is_itself(tick, time_base):
    assert first_tick(tick * time_base, time_base) == tick
