"""When crons run: the calendar against the standard library's, clocks against a search minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexsim import UsageError
from convexsim.functions.crons import Clock, Interval, civil_date, next_run, parse_clock, splayed

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

# ------------------------------------------------------------------------------------------------------------ the model


def ms(*when: int) -> int:
    return round((datetime(*when, tzinfo=UTC) - EPOCH).total_seconds()) * 1000  # type: ignore[misc, arg-type]


def said(field: str, low: int, high: int) -> list[int]:
    """What the simple fields mean that the tests make: `*`, `*/n` and lists of numbers and ranges."""
    if field.startswith("*"):
        return list(range(low, high + 1, int(field[2:] or 1)))
    values: list[int] = []
    for part in field.split(","):
        first, _, last = part.partition("-")
        values += range(int(first), int(last or first) + 1)
    return values


def naive(text: str, now: int, limit_minutes: int) -> int | None:
    """Minute by minute."""
    minute, hour, day, month, weekday = text.split()
    minutes, hours, days = said(minute, 0, 59), said(hour, 0, 23), said(day, 1, 31)
    months, weekdays = said(month, 1, 12), said(weekday, 0, 6)
    at = EPOCH + timedelta(minutes=now // MINUTE)
    for _ in range(limit_minutes):
        at += timedelta(minutes=1)
        by_day, by_weekday = at.day in days, at.isoweekday() % 7 in weekdays
        fits = by_day or by_weekday if day != "*" and weekday != "*" else by_day and by_weekday
        if at.minute in minutes and at.hour in hours and at.month in months and fits:
            return round((at - EPOCH).total_seconds()) * 1000
    return None


def fields(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    ranges = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    listed = st.lists(number.map(str) | ranges, min_size=1, max_size=3).map(",".join)
    return st.just("*") | st.integers(1, high - low).map(lambda step: f"*/{step}") | listed


# --------------------------------------------------------------------------------------------------------- the calendar


@given(st.integers(-700_000, 2_900_000))
def test_the_calendar_is_the_standard_librarys(day: int) -> None:
    date = (EPOCH + timedelta(days=day)).date()
    assert civil_date(day) == (date.year, date.month, date.day)


# --------------------------------------------------------------------------------------------------------------- clocks


@settings(max_examples=150, deadline=None)
@given(
    st.tuples(fields(0, 59), fields(0, 23), fields(1, 28), st.just("*"), fields(0, 6)).map(" ".join),
    st.integers(0, ms(2100, 1, 1)),
)
def test_a_clock_finds_what_a_search_minute_by_minute_finds(text: str, now: int) -> None:
    found = naive(text, now, 40 * 1440)
    assert next_run(parse_clock(text), None, now) == found or found is None


@settings(max_examples=25, deadline=None)
@given(st.tuples(fields(1, 28), fields(1, 12), fields(0, 6)).map(" ".join), st.integers(0, ms(2100, 1, 1)))
def test_months_too(text: str, now: int) -> None:
    text = f"0 0 {text}"
    found = naive(text, now // DAY * DAY, 60 * 1440)
    if found is not None and found > now:
        assert next_run(parse_clock(text), None, now) == found


@pytest.mark.parametrize(
    ("text", "now", "expected"),
    [
        ("5 * * * *", ms(2023, 3, 1, 8, 35), ms(2023, 3, 1, 9, 5)),
        ("5 * * * *", ms(2023, 3, 1, 9, 5), ms(2023, 3, 1, 10, 5)),
        ("30 8 * * *", ms(2023, 2, 28, 8, 35), ms(2023, 3, 1, 8, 30)),
        ("30 12 * * 2", ms(2023, 2, 28, 8, 35), ms(2023, 2, 28, 12, 30)),
        ("30 12 1 * *", ms(2023, 2, 28, 8, 35), ms(2023, 3, 1, 12, 30)),
        ("0 12 * * 1,5", ms(2023, 2, 28, 8, 35), ms(2023, 3, 3, 12)),
        ("0 12 * * Mon,fri", ms(2023, 3, 3, 12), ms(2023, 3, 6, 12)),
        ("0 0 31 * *", ms(2023, 3, 31), ms(2023, 5, 31)),
        ("0 0 29 feb *", ms(2096, 3, 1), ms(2104, 2, 29)),
        ("0 0 * * fri-sun", ms(2023, 3, 6, 1), ms(2023, 3, 10)),
        ("0 22-2/2 * * *", ms(2023, 3, 6, 0), ms(2023, 3, 6, 2)),
        ("0 23-3/2 * * *", ms(2023, 3, 6, 0), ms(2023, 3, 6, 1)),
        ("10/25 * * * *", ms(2023, 3, 6, 0, 10), ms(2023, 3, 6, 0, 35)),
        ("0 0 13 * 5", ms(2023, 3, 6), ms(2023, 3, 10)),
        ("59 23 31 12 *", ms(1999, 12, 31, 23, 58), ms(1999, 12, 31, 23, 59)),
    ],
)
def test_occurrences_in_utc(text: str, now: int, expected: int) -> None:
    assert next_run(parse_clock(text), None, now) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *"),
        *("* * * * 7", "*/0 * * * *", "*/60 * * * *", "5,* * * * *", "5, * * * *", "-5 * * * *", "x * * * *"),
        *("* * L * *", "* * 1W * *", "* * * * 1#2", "* * * mon *", "0 0 30 2 *", "0 0 31 2,4,6 *"),
        *("1--2 * * * *", "*/ * * * *", "\u0662 * * * *"),
        *("0-60 * * * *", "0 0-24 * * *", "0 0 1-32 * *", "0 0 0-5 * *", "0 0 1 1-13 *", "0 0 * * 0-7"),
    ],
)
def test_what_is_no_cron_string_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_clock(text)


# --------------------------------------------------------------------------------------------------------------- splays


@given(st.text(min_size=1), st.sampled_from([60, 3600]), st.integers(0, 10 * DAY))
def test_a_splay_is_whole_seconds_and_stays(name: str, below: int, now: int) -> None:
    clock = splayed(parse_clock("0 * * * *", splay_below_s=below), name)
    assert clock == splayed(parse_clock("0 * * * *", splay_below_s=below), name)
    assert isinstance(clock, Clock)
    assert clock.splay_ms % 1000 == 0
    assert 0 <= clock.splay_ms < 1000 * below
    first = next_run(clock, None, now)
    assert now < first <= now + HOUR
    assert first % HOUR == clock.splay_ms
    assert next_run(clock, first, first) == first + HOUR
    assert next_run(clock, first, first + HOUR - 1) == first + HOUR


def test_splays_differ() -> None:
    clocks = [splayed(parse_clock("* * * * *"), f"/{number}") for number in range(500)]
    assert len({clock.splay_ms for clock in clocks if isinstance(clock, Clock)}) == 60
    assert splayed(Interval(5), "x") == Interval(5)


# ------------------------------------------------------------------------------------------------------------ intervals


def test_an_interval_begins_at_once() -> None:
    assert next_run(Interval(1000), None, 12.7) == 12


@given(st.integers(1, 10**6), st.integers(0, 10**9), st.integers(0, 10**9))
def test_an_interval_keeps_to_its_grid_and_skips_what_has_passed(period: int, previous: int, late: int) -> None:
    found = next_run(Interval(period), previous, previous + late)
    assert found > previous
    assert (found - previous) % period == 0
    assert found >= previous + late
    assert found - period < previous + late or found == previous + period
