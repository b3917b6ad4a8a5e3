"""What a component declares to run again and again: the builder `cron_schedule`, Convex's `cronJobs()`.

Owns the spelling of a schedule and its checks (convex-semantics 4). Whether its functions exist is asked when the app
is complete (`catalog.py`); when they run, `crons.py` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from convexsim.errors import UsageError
from convexsim.functions.crons import WEEKDAYS, Interval, parse_clock
from convexsim.functions.reference import Reference, parts_of
from convexsim.values import freeze

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convexsim.functions.crons import Clock, Timing

__all__ = ["CronDefinition", "CronSchedule", "cron_schedule"]

_UNITS: Final = {"seconds": 1_000, "minutes": 60_000, "hours": 3_600_000}
_RANGES: Final = {"minuteUTC": (0, 59), "hourUTC": (0, 23), "day": (1, 31)}
_SPLAY_S: Final = 60
_UNPINNED_SPLAY_S: Final = 3_600
"""Below how many seconds the splay stays if the schedule says no minute (convex-semantics 4)."""


@frozen
class CronDefinition:
    """One cron of a component.

    Attributes:
        function: the path ``module:fn`` in the same component.
        args: frozen; whether they fit is asked when the app is complete, where TypeScript's compiler would ask.

    """

    identifier: str
    timing: Timing
    function: str
    args: dict[str, Any]


class CronSchedule:
    """The crons of a component, by their identifiers; a schedule is spelled as in Convex: ``{"minutes": 5}``."""

    def __init__(self) -> None:
        self.definitions: dict[str, CronDefinition] = {}

    def interval(
        self, identifier: str, schedule: Mapping[str, int], function: Reference | str, args: Any = None
    ) -> None:
        """Run a mutation or action at once and then every ``seconds``, ``minutes`` or ``hours``, one of them."""
        if len(schedule) != 1 or not _UNITS.keys() & schedule.keys():
            msg = f"The interval {identifier!r} is {dict(schedule)!r}."
            raise UsageError(msg, next_step='Give one of seconds, minutes and hours: {"minutes": 5}.')
        ((unit, number),) = schedule.items()
        if type(number) is not int or number < 1:
            msg = f"The interval {identifier!r} is of {number!r} {unit}."
            raise UsageError(msg, next_step="Give a whole number, 1 or more.")
        self._add(identifier, Interval(number * _UNITS[unit]), function, args)

    def hourly(self, identifier: str, schedule: Mapping[str, int], function: Reference | str, args: Any = None) -> None:
        """Run at a minute of every hour: ``minuteUTC``, which may be left out here as below."""
        clock = _clock(identifier, schedule, ())
        self._add(identifier, clock, function, args)

    def daily(self, identifier: str, schedule: Mapping[str, int], function: Reference | str, args: Any = None) -> None:
        """Run once a day: ``hourUTC`` and ``minuteUTC``."""
        clock = _clock(identifier, schedule, ("hourUTC",))
        self._add(identifier, clock, function, args)

    def weekly(self, identifier: str, schedule: Mapping[str, Any], function: Reference | str, args: Any = None) -> None:
        """Run once a week: ``dayOfWeek`` (``"monday"``), ``hourUTC`` and ``minuteUTC``."""
        clock = _clock(identifier, schedule, ("dayOfWeek", "hourUTC"))
        self._add(identifier, clock, function, args)

    def monthly(
        self, identifier: str, schedule: Mapping[str, int], function: Reference | str, args: Any = None
    ) -> None:
        """Run on a ``day`` of every month that has it, at ``hourUTC`` and ``minuteUTC``."""
        clock = _clock(identifier, schedule, ("day", "hourUTC"))
        self._add(identifier, clock, function, args)

    def cron(self, identifier: str, schedule: str, function: Reference | str, args: Any = None) -> None:
        """Run when a cron string of five fields says so, in UTC: ``"0 12 * * mon-fri"``."""
        self._add(identifier, parse_clock(schedule), function, args)

    def _add(self, identifier: str, timing: Timing, function: Reference | str, args: Any) -> None:
        given: object = identifier
        if not isinstance(given, str) or not given or not (given.isascii() and given.isprintable()):
            msg = f"{identifier!r} cannot name a cron."
            raise UsageError(msg, next_step="Use printable ASCII characters.")
        if identifier in self.definitions:
            raise UsageError(f"There are two crons {identifier!r}.", next_step="Give one of them another name.")
        child, path = parts_of(function) if isinstance(function, Reference) else (None, function)
        if child is not None:
            msg = f"The cron {identifier!r} runs a function of the component {child!r}."
            raise UsageError(msg, next_step="Name one of its own component, which may call the other.")
        frozen_args = freeze({} if args is None else args, "args")
        if not isinstance(frozen_args, dict):
            raise UsageError(f"The arguments of the cron {identifier!r} are {args!r}.", next_step="Give one object.")
        self.definitions[identifier] = CronDefinition(identifier, timing, path, frozen_args)


def cron_schedule() -> CronSchedule:
    """Return an empty schedule, for ``crons=`` of `define_app` and `define_component` (Convex's `cronJobs()`)."""
    return CronSchedule()


def _clock(identifier: str, schedule: Mapping[str, Any], needed: tuple[str, ...]) -> Clock:
    missing = [name for name in needed if name not in schedule]
    unknown = [name for name in schedule if name not in (*needed, "minuteUTC")]
    if missing or unknown:
        msg = f"The schedule of the cron {identifier!r} is {dict(schedule)!r}."
        raise UsageError(msg, next_step=f"Give {', '.join((*needed, 'minuteUTC'))}; the minute may be left out.")
    for name, value in schedule.items():
        low, high = _RANGES.get(name, (0, 0))
        if name == "dayOfWeek" and value not in WEEKDAYS:
            msg = f"The cron {identifier!r} runs on the weekday {value!r}."
            raise UsageError(msg, next_step=f"Write one of {', '.join(WEEKDAYS)}.")
        if name != "dayOfWeek" and (type(value) is not int or not low <= value <= high):
            msg = f"The cron {identifier!r} has the {name} {value!r}."
            raise UsageError(msg, next_step=f"Give a whole number from {low} to {high}.")
    weekday = WEEKDAYS.index(schedule["dayOfWeek"]) if "dayOfWeek" in schedule else "*"
    text = f"{schedule.get('minuteUTC', 0)} {schedule.get('hourUTC', '*')} {schedule.get('day', '*')} * {weekday}"
    return parse_clock(text, splay_below_s=_SPLAY_S if "minuteUTC" in schedule else _UNPINNED_SPLAY_S)
