"""The order of a run, kept in a workload in which some of its calls do not happen.

Owns how what remains is known again though calls are numbered anew: ``alice.3`` is ``alice.2`` where alice's first call
is left out, and so is all that comes from it. Knows no failure; `smaller.py` looks for one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from convexsim.testing.workload import Place

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from convexsim.choices import ChoiceRecord, Kind, Option
    from convexsim.testing.workload import Workload

__all__ = ["KeptOrder", "calls_without"]

_CALL: Final = re.compile(r"[^.+]+\.\d+")


def calls_without(workload: Workload, out: Collection[Place]) -> dict[str, str]:
    """Return what each call of a workload is named without what stands in some places; those that go are not there."""
    names = {}
    for client, entries in workload.clients.items():
        left = [at for at in range(len(entries)) if Place("call", client, at) not in out]
        names.update({f"{client}.{at + 1}": f"{client}.{number}" for number, at in enumerate(left, start=1)})
    return names


class KeptOrder:
    """At each choice what the other run has chosen first, of all that is offered and that it has not repeated yet.

    Where there is no such thing, the simplest.

    Args:
        record: the choices of the other run.
        calls: what its calls are named now; what came from any other call is forgotten.

    """

    def __init__(self, record: ChoiceRecord, calls: Mapping[str, str]) -> None:
        taken = ((kind, _renamed(option.activity, calls), option.phase) for kind, _, _, option in record.taken)
        self._rest: Final = [each for each in taken if each[1]]

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Return the index of what comes first in the other run."""
        offered = [(kind, option.activity, option.phase) for option in options]
        for at, each in enumerate(self._rest):
            if each in offered:
                del self._rest[at]
                return offered.index(each)
        return 0


def _renamed(activity: str, calls: Mapping[str, str]) -> str:
    """Return the path of an activity below the new name of its call, empty without that call; a cron's as it is."""
    call = _CALL.match(activity)
    if call is None:
        return activity
    name = calls.get(call[0], "")
    return name and name + activity[call.end() :]
