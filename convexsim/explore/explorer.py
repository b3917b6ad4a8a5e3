"""The protocol of explorers: who proposes the choices of the next run.

Owns the protocol, and the refusal of what does not keep it; each way of exploring has a file of its own beside this
one, and `check.py` drives them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from convexsim.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from convexsim.choices import Choices
    from convexsim.simulation import Run

__all__ = ["Divisible", "Explorer", "Thinker", "as_explorer", "learnt_by"]


class Explorer(Protocol):
    """Proposes runs until it has no more; one explorer serves one exploration.

    One that wants to know what each step has read and written proposes choices with an attribute `footprints`, a
    `Footprints` that the run fills. What else it has to say at the end stands in an attribute `notes`, a list of lines.
    """

    @property
    def name(self) -> str:
        """How a report calls it: its settings and, once it has run, what it knows of its own reach."""
        ...

    @property
    def exhausted(self) -> bool:
        """Whether every order there is has been run."""
        ...

    def propose(self, last: Run | None) -> Choices | None:
        """Return the choices of the next run, knowing how the last one went; None to stop."""
        ...


@runtime_checkable
class Divisible(Explorer, Protocol):
    """An explorer whose runs can be made in parts, each by one of its own that has made none of the others.

    Each part begins with the serial run, from which it may learn; whoever cuts counts that only once.
    """

    def skip(self, runs: int) -> None:
        """Leave out the runs up to this number, but for the serial one."""
        ...

    @property
    def learnt(self) -> tuple[int, ...]:
        """What the name tells of the runs, as numbers."""
        ...

    def learn(self, learnt: Sequence[int]) -> None:
        """Let the name tell of the runs of another part, too."""
        ...


@runtime_checkable
class Thinker(Explorer, Protocol):
    """An explorer that may think for long between two runs.

    Attributes:
        on_thought: called every now and then while it thinks; a KeyboardInterrupt raised in it ends the search.

    """

    on_thought: Callable[[], None]


def learnt_by(explorer: Explorer) -> tuple[int, ...]:
    """Return what an explorer has learnt; nothing if its runs cannot be made in parts."""
    return explorer.learnt if isinstance(explorer, Divisible) else ()


def as_explorer(thing: Explorer) -> Explorer:
    """Return an explorer, as it was given by a user.

    Raises:
        UsageError: it is none, or the class of one.

    """
    if not hasattr(thing, "propose") or isinstance(thing, type):
        msg = f"{thing!r} is no explorer."
        raise UsageError(msg, next_step="Pass one, such as RandomWalk(runs=1_000), Exhaustive() or Lockstep().")
    return thing
