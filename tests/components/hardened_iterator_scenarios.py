"""Who does what to one job of the hardened iterator, in the scenarios that explorers go through."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from convexsim import Faults, Invariant, Platform, RandomWalk, Report, World, check, scenario
from tests.components.hardened_iterator_support import HARDENED, prepare, steer

FAIL: Final = {"fail": "no"}
Body = Callable[[World], None]


def story_of(*clients: Sequence[str], rows: int = 3, **plans: Sequence[Any]) -> Body:
    """Return a world with a job of one page a row; the first of the clients goes on where the job is started.

    Args:
        clients: what each does to the job, as `steer` takes it.
        rows: of the table.
        plans: how the callbacks end.

    """

    def body(on: World) -> None:
        alice = prepare(on, rows, plans)
        for number, names in enumerate(clients):
            steer(alice if number == 0 else on.client(f"client{number}"), *names)

    return body


PAUSES: Final = ("pause", "resume")
STORIES: Final[Mapping[str, Body]] = {
    "left alone": story_of(),
    "callbacks fail": story_of(processBatch=[FAIL], getNextBatch=["ok", FAIL], onComplete=[FAIL, FAIL]),
    "paused at once": story_of(PAUSES),
    "paused in the delay": story_of(("100", *PAUSES, "pause", "100", "resume")),
    "paused in the back-off": story_of((*PAUSES, "pause", "1000", "resume"), rows=2, processBatch=[FAIL]),
    "paused by many": story_of(
        (*PAUSES, "100", *PAUSES), ("100", *PAUSES, "1000", *PAUSES), ("5000", "resume"), processBatch=[FAIL]
    ),
    "cancelled at once": story_of(("cancel", "delete")),
    "cancelled in the delay": story_of(("100", "cancel"), ("100", *PAUSES), ("200", "delete")),
    "cancelled at the end": story_of(("1000", "cancel"), ("1000", "delete"), rows=1, processBatch=[FAIL]),
    "failing for ever": story_of(
        (*PAUSES, "1000", *PAUSES, "2000", *PAUSES), ("1000", "pause", "resume"), rows=2, processBatch=[FAIL] * 9
    ),
}
"""Worlds that end with the job completed, failed, cancelled or deleted, and in some orders paused for ever."""


def explored(
    story: str,
    invariants: Sequence[Invariant],
    runs: int,
    faults: Faults | None = None,
    self_cancel: Any = "noop",
) -> Report:
    """Explore a story in random orders."""
    platform = Platform(self_cancel=self_cancel)

    def world(on: World) -> None:
        STORIES[story](on)

    what = scenario(app=HARDENED, invariants=invariants, platform=platform, faults=faults)(world)
    return check(what, RandomWalk(runs=runs, seed=1))
