"""Who goes through a matrix: one process for each version's workloads of one part, so many at a time.

Owns both ends of the pipe: the command gives a process its task as a line of JSON, and the process answers with lines
of JSON: how far it is, and each leg when it is done. It ends with its input, so none outlives the command. What a leg
is stands in `testing/matrix.py`. Used by `matrix.py`.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from collections import deque
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, frozen

from convexsim.errors import UsageError
from convexsim.testing.cells import Leg
from convexsim.testing.matrix import Budget, Route, explored, open_subject, shared
from convexsim.testing.scenario_file import explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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


def legs_of(tasks: Sequence[Task], workers: int) -> Iterator[Leg | None]:
    """Carry out tasks, so many at a time; yield each leg when it is done, and None after each workload.

    Raises:
        UsageError: a task could not be carried out.

    """
    waiting = deque(tasks)
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or selector.get_map():
                while waiting and len(selector.get_map()) < workers:
                    begun = _Process(waiting.popleft())
                    selector.register(begun.answers, selectors.EVENT_READ, begun)
                for key, _ in selector.select(_LOOKS_S):
                    process: _Process = key.data
                    yield from process.read()
                    if process.has_ended:
                        selector.unregister(key.fileobj)
                        process.end()
        finally:
            for key in list(selector.get_map().values()):
                key.data.kill()


class _Process:
    """A process and its task."""

    def __init__(self, task: Task) -> None:
        program = f"import sys; sys.path[:] = {sys.path!r}; from convexsim.cli.matrix_work import serve; serve()"
        command, pipe = [sys.executable, "-c", program], subprocess.PIPE
        self.task: Final = task
        self.has_ended = False
        self._process: Final = subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True)  # noqa: S603
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.answers: Final = self._process.stdout
        self._unread = b""
        self._process.stdin.write(_spelled(task))
        self._process.stdin.flush()

    def read(self) -> Iterator[Leg | None]:
        """Yield what has come: legs, and nothing for a sign of life."""
        arrived = os.read(self.answers.fileno(), 1 << 16)
        self.has_ended = not arrived
        *lines, self._unread = (self._unread + arrived).split(b"\n")
        for line in lines:
            told = json.loads(line)
            if "error" in told:
                raise UsageError(told["error"], next_step="Mend that, and go on with --resume.")
            yield Leg.of(told["leg"]) if told else None

    def end(self) -> None:
        """See that it came to its end.

        Raises:
            UsageError: it has died.

        """
        code = self._process.wait()
        self._close()
        if code:
            route = self.task.route
            msg = f"The process for {route.version}, {route.part}, has died with exit code {code}."
            raise UsageError(msg, next_step="Go on with --resume.")

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()
        self._close()

    def _close(self) -> None:
        with suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        self.answers.close()


def _spelled(task: Task) -> bytes:
    before, others = ([leg.as_data() for leg in legs] for legs in (task.before, task.others))
    told = {"component": task.component, "numbers": task.numbers, "before": before, "others": others}
    return json.dumps({**told, "route": asdict(task.route), "budget": asdict(task.budget)}).encode() + b"\n"


def serve() -> None:
    """Carry out the task that stands on the first line of the input."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a component prints is no answer

    def say(told: dict[str, Any]) -> None:
        print(json.dumps(told, separators=(",", ":")), file=out, flush=True)

    told = json.loads(sys.stdin.readline())
    Thread(target=_end_with_input, daemon=True).start()
    try:
        subject = open_subject(told["component"]).only(told["numbers"])
        before, others = ([Leg.of(leg) for leg in told[which]] for which in ("before", "others"))
        budget, route = Budget(**told["budget"]), Route(**told["route"])
        if others:
            say({"leg": shared(subject, route, budget, others).as_data()})
        else:
            for leg in explored(subject, route, budget, before, lambda: say({})):
                say({"leg": leg.as_data()})
    except BaseException as error:  # noqa: BLE001 - whatever a component raises
        say({"error": f"{told['route']['version']}, {told['route']['part']}: {explain(error)}"})


def _end_with_input() -> None:
    sys.stdin.read()
    os._exit(0)
