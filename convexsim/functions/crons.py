"""When a cron runs: intervals, clock times, the five-field cron string, and the one question `next_run`.

Owns a civil calendar of its own (UTC, proleptic Gregorian, no leap seconds) and the search for the next occurrence
(convex-semantics 4). Pure arithmetic in ms since 1970; knows no row and no function. What a component declares stands
in `cron_schedule.py`, what becomes of it in `cron_rows.py`.

The cron string is the subset of Convex's (the parser saffron) without ``L``, ``W`` and ``#``. As there, weekdays go
from 0 (Sunday) to 6, a range may wrap around, and a day matches either field if both are restricted.
"""

from __future__ import annotations

from hashlib import blake2b
from math import floor
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from convexsim.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WEEKDAYS", "Clock", "Interval", "Timing", "civil_date", "next_run", "parse_clock", "splayed"]

WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MINUTE_MS: Final = 60_000
_DAY_MINUTES: Final = 1440
_LONGEST_GAP_DAYS: Final = 8 * 366
"""Every date that there is comes round within eight years: 29 February, over a year such as 2100."""
_FIELD_COUNT: Final = 5


@frozen
class Interval:
    """Every so many ms, counted from the first run, which is at once."""

    period_ms: int


@frozen
class Clock:
    """At the minutes that five fields match, a fixed while later each time.

    Attributes:
        days: of the month, 1 to 31; None for any.
        weekdays: 0 (Sunday) to 6; None for any.
        splay_below_s: the splay is drawn from the whole seconds below it.
        splay_ms: how much later than the minute it runs; the same for every run.

    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...] | None
    months: tuple[int, ...]
    weekdays: tuple[int, ...] | None
    splay_below_s: int = 60
    splay_ms: int = 0


Timing = Interval | Clock
"""What says when a cron runs."""


def next_run(timing: Timing, previous: int | None, now: float) -> int:
    """Return when a cron is to run next, in ms (convex-semantics 4).

    An interval keeps to the grid of its first run, and what has already passed is skipped; a clock goes by now.

    Args:
        timing: of the cron, splayed.
        previous: when its last run was due; None before the first.
        now: in ms.

    """
    if isinstance(timing, Clock):
        occurrence = _occurrence_after(timing, floor(now) - timing.splay_ms)
        assert occurrence is not None, "a clock that never matches is refused when it is parsed"
        return occurrence + timing.splay_ms
    if previous is None:
        return floor(now)
    behind = floor(now) - previous
    return previous + timing.period_ms * max(1, -(-behind // timing.period_ms))


def splayed(timing: Timing, seed: str) -> Timing:
    """Return a clock with the splay that its name gives it; intervals have none."""
    if isinstance(timing, Interval):
        return timing
    drawn = int.from_bytes(blake2b(seed.encode(), digest_size=8).digest(), "big")
    return evolve(timing, splay_ms=1000 * (drawn % timing.splay_below_s))


def parse_clock(text: str, *, splay_below_s: int = 60) -> Clock:
    """Return what a cron string says: minute, hour, day of the month, month, day of the week.

    Raises:
        UsageError: it has not five fields, one of them is none, or no minute ever matches.

    """
    fields = text.split()
    if len(fields) != _FIELD_COUNT:
        msg = f"The cron string {text!r} has {len(fields)} fields."
        raise UsageError(msg, next_step="Write minute, hour, day of the month, month and day of the week.")
    minute, hour, day, month, weekday = fields
    clock = Clock(
        _parse_field(minute, _Range("minute", 0, 59)),
        _parse_field(hour, _Range("hour", 0, 23)),
        None if day == "*" else _parse_field(day, _Range("day of the month", 1, 31)),
        _parse_field(month, _Range("month", 1, 12, _MONTHS)),
        None if weekday == "*" else _parse_field(weekday, _Range("day of the week", 0, 6, _short(WEEKDAYS))),
        splay_below_s,
    )
    if _occurrence_after(clock, 0) is None:
        msg = f"The cron string {text!r} never matches any time."
        raise UsageError(msg, next_step="Look for a day that no month of it has.")
    return clock


def civil_date(day: int) -> tuple[int, int, int]:
    """Return year, month and day of the month of a day, counted from 1970-01-01.

    Counts in eras of 400 years and in years that begin in March, so that the leap day is a year's last.
    """
    era, day_of_era = divmod(day + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    from_march = (5 * day_of_year + 2) // 153
    day_of_month = day_of_year - (153 * from_march + 2) // 5 + 1
    month = (from_march + 2) % 12 + 1
    return year_of_era + 400 * era + (from_march >= 10), month, day_of_month  # noqa: PLR2004 - January is its tenth


@frozen
class _Range:
    """What a field of a cron string may hold; `names` stand for the values from `low` on."""

    what: str
    low: int
    high: int
    names: tuple[str, ...] = ()


def _occurrence_after(clock: Clock, ms: int) -> int | None:
    """Return the first matching minute later than a moment, in ms; None if there is none."""
    first_day, minute = divmod(ms // _MINUTE_MS + 1, _DAY_MINUTES)
    for day in range(first_day, first_day + _LONGEST_GAP_DAYS + 1):
        if _matches_day(clock, day):
            from_minute = minute if day == first_day else 0
            for at in (60 * hour + own for hour in clock.hours for own in clock.minutes):
                if at >= from_minute:
                    return (day * _DAY_MINUTES + at) * _MINUTE_MS
    return None


def _matches_day(clock: Clock, day: int) -> bool:
    _, month, day_of_month = civil_date(day)
    if month not in clock.months:
        return False
    by_day = clock.days is not None and day_of_month in clock.days
    by_weekday = clock.weekdays is not None and (day + 4) % 7 in clock.weekdays  # 1970-01-01 was a Thursday
    return by_day or by_weekday or (clock.days is None and clock.weekdays is None)


def _parse_field(text: str, allowed: _Range) -> tuple[int, ...]:
    values = [value for part in text.split(",") for value in _parse_part(part, len(text) > len(part), allowed)]
    return tuple(value for value in range(allowed.low, allowed.high + 1) if value in values)


def _parse_part(part: str, listed: bool, allowed: _Range) -> Sequence[int]:  # noqa: FBT001 - of one caller
    """Return the values of one part: ``*``, ``5``, ``5-9``, and each of them with ``/2``."""
    base, slash, step_text = part.partition("/")
    step = 1
    if slash:
        longest = allowed.high - allowed.low
        if not _is_number(step_text) or not 1 <= int(step_text) <= longest:
            raise _no_field(part, allowed, f"A step goes from 1 to {longest}.")
        step = int(step_text)
    if base == "*":
        if listed and not slash:
            raise _no_field(part, allowed, "A * stands alone.")
        return range(allowed.low, allowed.high + 1, step)
    first, dash, last = base.partition("-")
    start = _parse_value(first, part, allowed)
    end = _parse_value(last, part, allowed) if dash else allowed.high if slash else start
    if start > end:  # around the end, as saffron has it
        return [*range(start, allowed.high + 1), *range(allowed.low, end + 1)][::step]
    return range(start, end + 1, step)


def _parse_value(text: str, part: str, allowed: _Range) -> int:
    if text.lower() in allowed.names:
        return allowed.low + allowed.names.index(text.lower())
    if _is_number(text) and allowed.low <= int(text) <= allowed.high:
        return int(text)
    names = f", or {allowed.names[0]} to {allowed.names[-1]}" if allowed.names else ""
    raise _no_field(part, allowed, f"It goes from {allowed.low} to {allowed.high}{names}.")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _no_field(part: str, allowed: _Range, advice: str) -> UsageError:
    return UsageError(f"{part!r} is no {allowed.what} of a cron string.", next_step=advice)


def _short(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name[:3] for name in names)
