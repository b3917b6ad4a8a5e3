"""Who goes through a matrix: one process for each version's workloads of one part, so many at a time.

Owns what both say: the command gives a process its task, and the process answers how far it is, and each leg when it is
done. How they talk stands in `processes.py`, what a leg is in `testing/matrix.py`. Used by `matrix.py`.
"""

from __future__ import annotations

import selectors
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, frozen

from convexsim.cli.patience import patience
from convexsim.cli.processes import Child, Parent
from convexsim.errors import UsageError
from convexsim.testing.cells import Leg
from convexsim.testing.matrix import Budget, Route, explored, open_subject, shared
from convexsim.testing.scenario_file import explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convexsim.cli.terminal import Interrupt

__all__ = ["Task", "legs_of", "serve"]

_LOOKS_S: Final = 0.2


@frozen
class Task:
    """A route to be gone through.

    Attributes:
        component: its module.
        numbers: of the properties.
        before: the legs that are done already.
        others: the legs of all versions, if what they found is to be tried in this one.

    """

    component: str
    route: Route
    numbers: tuple[str, ...]
    budget: Budget
    before: tuple[Leg, ...] = ()
    others: tuple[Leg, ...] = ()


def legs_of(tasks: Sequence[Task], workers: int, interrupt: Interrupt) -> Iterator[Leg | None]:
    """Carry out tasks, so many at a time; yield each leg when it is done, and None after each workload.

    Ctrl-C ends it.

    Raises:
        UsageError: a task could not be carried out.

    """
    waiting = deque(tasks)
    with selectors.DefaultSelector() as selector:
        try:
            while (waiting or selector.get_map()) and not interrupt.asked:
                while waiting and len(selector.get_map()) < workers:
                    begun = _Process(waiting.popleft())
                    selector.register(begun.child.answers, selectors.EVENT_READ, begun)
                for key, _ in selector.select(_LOOKS_S):
                    process: _Process = key.data
                    yield from process.read()
                    if process.child.is_dead:
                        selector.unregister(key.fileobj)
                        process.end()
        finally:
            for key in list(selector.get_map().values()):
                key.data.kill()


class _Process:
    """A process and its task."""

    def __init__(self, task: Task) -> None:
        self.task: Final = task
        self.child: Final = Child(serve)
        self.child.say(_spelled(task))

    def read(self) -> Iterator[Leg | None]:
        """Yield what has come: legs, and nothing for a sign of life."""
        for told in self.child.heard():
            if "error" in told:
                raise UsageError(told["error"], next_step="Mend that, and go on with --resume.")
            yield Leg.of(told["leg"]) if told else None

    def end(self) -> None:
        """See that it came to its end.

        Raises:
            UsageError: it has died.

        """
        code = self.child.end()
        if code:
            route = self.task.route
            msg = f"The process for {route.version}, {route.part}, has died with exit code {code}."
            raise UsageError(msg, next_step="Go on with --resume.")

    def kill(self) -> None:
        """End it, whatever it does."""
        self.child.kill()
        self.child.end()


def _spelled(task: Task) -> dict[str, Any]:
    before, others = ([leg.as_data() for leg in legs] for legs in (task.before, task.others))
    told = {"component": task.component, "numbers": task.numbers, "before": before, "others": others}
    return {**told, "route": asdict(task.route), "budget": asdict(task.budget)}


def serve() -> None:
    """Carry out the task that the parent tells first."""
    parent = Parent()
    told = parent.first()
    parent.listen(lambda _: None)
    try:
        with patience():
            subject = open_subject(told["component"]).only(told["numbers"])
            before, others = ([Leg.of(leg) for leg in told[which]] for which in ("before", "others"))
            budget, route = Budget(**told["budget"]), Route(**told["route"])
            if others:
                parent.say({"leg": shared(subject, route, budget, others).as_data()})
            else:
                for leg in explored(subject, route, budget, before, lambda: parent.say({})):
                    parent.say({"leg": leg.as_data()})
    except BaseException as error:  # noqa: BLE001 - whatever a component raises
        parent.say({"error": f"{told['route']['version']}, {told['route']['part']}: {explain(error)}"})
