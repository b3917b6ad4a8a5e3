"""Lanes: in which column of a picture an activity stands, and in which slot of it.

Owns the room on the page: a client has a lane for the whole run; what was scheduled, or comes of a cron, has one for as
long as it waits and runs, and then leaves it to others. What a call calls stands one slot to the right of it, side by
side with whatever else runs meanwhile. Knows no events: `timeline.py` says who comes and goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import define, field, frozen

from convexsim.choices import root_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Lane", "Lanes", "Place", "is_client"]


@frozen
class Lane:
    """A column.

    Attributes:
        client: whose it is; None for one of the lanes of whatever was scheduled.
        slots: how many calls stand side by side in it, at most; at least 1.

    """

    client: str | None
    slots: int


@frozen
class Place:
    """Where somebody stands: the number of a lane and of a slot in it, both from 0."""

    lane: int
    slot: int = 0


@define
class _Column:
    client: str | None
    slots: int = 1
    taken: dict[str, int] = field(factory=dict)  # by the activities that are open
    holder: str | None = None  # the root that has it now
    free_from: int = 0  # the first moment at which another may have it


class Lanes:
    """The lanes of one picture.

    Args:
        roots: all threads of control of the run, in the order in which they appear. Clients stand on the left.

    """

    def __init__(self, roots: Iterable[str]) -> None:
        self._columns = [_Column(root, holder=root) for root in dict.fromkeys(roots) if is_client(root)]
        self._held = {column.client: number for number, column in enumerate(self._columns)}

    def __iter__(self) -> Iterator[Lane]:
        return (Lane(column.client, column.slots) for column in self._columns)

    def enter(self, root: str, moment: int) -> None:
        """Give a thread of control a lane, the leftmost that is free, unless it has one."""
        if root in self._held:
            return
        free = [at for at, column in enumerate(self._columns) if column.holder is None and column.free_from <= moment]
        at = free[0] if free else len(self._columns)
        if not free:
            self._columns.append(_Column(None))
        self._columns[at].holder = root
        self._held[root] = at

    def leave(self, root: str, moment: int) -> None:
        """Take the lane of what was scheduled back after a moment."""
        column = self._columns[self._held.pop(root)]
        column.holder, column.free_from = None, moment + 1
        column.taken.clear()

    def open(self, activity: str) -> Place:
        """Give a call a slot: right of the call that made it, also if that is over, and where there is room."""
        number, column = self._column(activity)
        callers = [each for each in _callers(activity) if each != column.client]
        caller = next((column.taken[each] for each in callers if each in column.taken), 0 if callers else -1)
        slot = next(slot for slot in range(caller + 1, caller + 2 + len(column.taken)) if slot not in _used(column))
        column.taken[activity] = slot
        column.slots = max(column.slots, slot + 1)
        return Place(number, slot)

    def close(self, activity: str) -> None:
        """Take the slot of a call back, if it has one."""
        self._column(activity)[1].taken.pop(activity, None)

    def place(self, activity: str) -> Place:
        """Return where an activity stands: in its slot, else in that of whoever called it, else in the first."""
        number, column = self._column(activity)
        slots = [column.taken[each] for each in (activity, *_callers(activity)) if each in column.taken]
        return Place(number, slots[0] if slots else 0)

    def _column(self, activity: str) -> tuple[int, _Column]:
        number = self._held[root_of(activity)]
        return number, self._columns[number]


def is_client(root: str) -> bool:
    """Whether a thread of control is a client's: neither scheduled nor a cron's."""
    return "+" not in root


def _used(column: _Column) -> list[int]:
    return list(column.taken.values())


def _callers(activity: str) -> Iterator[str]:
    """Yield who called an activity, who called that, and so on, within its thread of control."""
    root = root_of(activity)
    while activity != root:
        activity = activity.rpartition(".")[0]
        yield activity
