"""The yardstick of `component.py`: a world's functions run by plain coroutines, without an actor or a message.

The handlers, transactions, rows of scheduled functions, retries and the virtual clock are those of the runtime, and so
are the places where others may come in between: before a begin, before a commit, before the outside is used. So the
same choices lead to the same documents, which the tests hold it to. Missing is what the benchmarks' worlds never need:
faults, crons, queries of clients, scheduled mutations, more than eight scheduled functions at a time; and what the
runtime does besides: messages, a record of the choices, answers kept for invariants, limits of steps and time.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Sequence
from heapq import heapify, heappop, heappush
from itertools import count
from math import floor
from types import coroutine
from typing import Any, cast

from attrs import define

from convexsim.actors.retry import JITTER_STEPS, RETRY, Backoff, RetryPolicy, occ_failure
from convexsim.actors.transact import Purpose
from convexsim.choices import Choices, activity_below
from convexsim.database.commit import Committed, Database
from convexsim.database.transaction import FinalTransaction
from convexsim.functions.action_context import ActionCtx
from convexsim.functions.catalog import SCHEDULED_FUNCTIONS, Catalog, Mounted, Target
from convexsim.functions.environment import Environment, External, Platform
from convexsim.functions.execution import Execution
from convexsim.functions.outcome import GaveUp, Outcome, Returned, Threw, outcome_of, outcome_of_awaitable
from convexsim.functions.perform import checked_args, checked_result, perform
from convexsim.functions.scheduled import ScheduledFunction, finish_function, scheduled_of, start_function
from convexsim.functions.syscalls import ActionSyscalls, ExternalVerb
from convexsim.values import freeze, thaw

__all__ = ["PlainWorld", "Task"]

Running = Coroutine[float, None, Any]
"""What runs until it lets others run: for 0 ms, or until so much virtual time has passed."""


@coroutine
def pause(delay_ms: float = 0) -> Generator[float, None, None]:
    """Let others run."""
    yield delay_ms


@define(eq=False)
class Task:
    """A client or a scheduled function: one of the options when it is chosen who goes on."""

    activity: str
    running: Running
    number: int
    phase: str = "go on"


class PlainWorld:
    """One run; see the module.

    Args:
        catalog: of the app.
        externals: the names of the outside objects.
        choices: who goes on, and how long who lost a commit waits.

    """

    def __init__(self, catalog: Catalog, externals: Sequence[str], choices: Choices) -> None:
        self.environment = Environment(catalog, Platform(), {name: External(name) for name in externals})
        self.database = Database(beginning=catalog.beginning)
        self.now = 0.0
        self._choose = choices.choose
        self._number = 0
        self._ready: list[Task] = []
        self._timers: list[tuple[float, int, Task]] = []

    def run(self, calls: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        """Have clients make one mutation each, and go on until nothing is left to do."""
        for client, path, args in calls:
            target = self.environment.catalog.resolve_public(path)
            self._start(f"{client}.1", self.call(Purpose(f"{client}.1", target.label), target, freeze(args), "client"))
        while self._ready or self._timers:
            if not self._ready:
                self.now = self._timers[0][0]
                while self._timers and self._timers[0][0] == self.now:
                    self._go_on(heappop(self._timers)[2])
            else:
                self._go_on(self._ready.pop(self._choose("step", self._ready) if len(self._ready) > 1 else 0))

    def _start(self, activity: str, running: Running, due_ms: float = 0) -> None:
        self._number += 1
        task = Task(activity, running, self._number)
        if due_ms > self.now:
            heappush(self._timers, (due_ms, task.number, task))
        else:
            self._go_on(task)

    def _go_on(self, task: Task) -> None:
        try:
            delay_ms = task.running.send(None)
        except StopIteration:
            return
        if delay_ms:
            self._number += 1
            heappush(self._timers, (self.now + delay_ms, self._number, task))
        else:
            self._ready.append(task)

    async def call(self, purpose: Purpose, target: Target, args: Any, caller: str) -> Outcome:
        """Run a function that a client or an action has called."""
        if target.definition.kind == "action":
            return await self._act(purpose, target, args)
        policy = None if target.definition.kind == "query" else RETRY[caller]
        return await self._transact(purpose, lambda execution: perform(execution, target, args), policy)

    async def _transact(
        self, purpose: Purpose, body: Callable[[Execution], Outcome], policy: RetryPolicy | None
    ) -> Outcome:
        """Begin, run the body, commit; on a conflict begin again as the policy allows; without one, do not commit."""
        for attempt in count(1):
            await pause()
            begun = (purpose.activity, attempt), floor(self.now)
            execution = Execution(self.environment, self.database.snapshot, *begun, purpose.parent)
            outcome = body(execution)
            execution.transaction.close()
            if isinstance(outcome, Threw):
                return outcome
            final = execution.transaction.finalize()
            if policy is None or not final.writes:
                return outcome
            await pause()
            verdict = self.database.commit(final, f"{purpose.what} ({purpose.activity})", self.now)
            if isinstance(verdict, Committed):
                self._publish(final)
                return outcome
            if not policy.allows(attempt):
                return GaveUp(occ_failure(purpose.what, verdict))
            waits = [policy.ceiling_ms(attempt) * step / JITTER_STEPS for step in range(JITTER_STEPS)]
            options = [Backoff(purpose.activity, delay_ms, step) for step, delay_ms in enumerate(waits)]
            if delay_ms := waits[self._choose("backoff", options)]:
                await pause(delay_ms)
        raise AssertionError

    def _publish(self, final: FinalTransaction) -> None:
        """Start what has been scheduled, each at its time, and forget what has been canceled."""
        for write in final.writes:
            if write.table.name != SCHEDULED_FUNCTIONS or write.new is None:
                continue
            scheduled, kind = scheduled_of(write.new), write.new.value["state"]["kind"]
            if kind == "pending":
                self._start(scheduled.activity, self._run_scheduled(scheduled), scheduled.due_ms)
            elif kind == "canceled":
                for _, _, task in self._timers:
                    if task.activity == scheduled.activity:
                        task.running.close()
                self._timers = [timer for timer in self._timers if timer[2].activity != scheduled.activity]
                heapify(self._timers)

    async def _run_scheduled(self, scheduled: ScheduledFunction) -> None:
        """Commit the start of a scheduled action, run it, commit its end."""
        catalog, activity = self.environment.catalog, scheduled.activity
        target = catalog.resolve(catalog.components[scheduled.component], scheduled.handle)
        assert target.definition.kind == "action", f"{target.label} is scheduled, but the yardstick has only actions"

        def start(execution: Execution) -> Outcome:
            return Returned(start_function(execution, scheduled))

        started = await self._transact(Purpose(activity, f"start {target.label}"), start, RETRY["scheduled"])
        if started.unwrap() != "pending":
            return
        outcome = await self._act(Purpose(activity, target.label, scheduled), target, scheduled.args)
        error = outcome.failure.message if isinstance(outcome, Threw) else None

        def end(execution: Execution) -> Outcome:
            return Returned(finish_function(execution, scheduled, error))

        await self._transact(Purpose(activity, f"end {target.label}"), end, RETRY["ending"])

    async def _act(self, purpose: Purpose, target: Target, args: Any) -> Outcome:
        limits, tables = self.environment.platform.limits, self.database.snapshot.components[target.mounted.path]
        checked = outcome_of(lambda: checked_args(target, args, limits, tables))
        if isinstance(checked, Threw):
            return checked
        ctx = ActionCtx(cast("ActionSyscalls", PlainFrame(self, target.mounted, purpose)))
        outcome = await outcome_of_awaitable(lambda: target.definition.call(ctx, thaw(checked.value)))
        if isinstance(outcome, Threw):
            return outcome
        return outcome_of(lambda: checked_result(target, outcome.value, limits, tables))


class PlainFrame:
    """One running action's view of the platform: of `ActionSyscalls` what the component's actions ask for."""

    def __init__(self, world: PlainWorld, mounted: Mounted, purpose: Purpose) -> None:
        self._world = world
        self._mounted = mounted
        self._purpose = purpose
        self._calls = 0

    def now(self) -> float:
        """Return live time in whole ms."""
        return floor(self._world.now)

    async def run(self, kind: Any, name: Any, args: Any) -> Any:
        """Call a function; a call of its own, below the action's."""
        self._calls += 1
        activity = activity_below(self._purpose.activity, f".{self._calls}")
        target = self._world.environment.catalog.resolve(self._mounted, name).as_kind(kind, "Call it with run_{kind}.")
        purpose = Purpose(activity, target.label, self._purpose.parent)
        return (await self._world.call(purpose, target, freeze(args, "args"), "action")).unwrap()

    async def external(self, name: str, use: ExternalVerb, value: Any) -> Any:
        """Use an outside object; others may come in before."""
        self._calls += 1
        frozen = freeze(value, name)
        await pause()
        _, result = self._world.environment.external(name).use(use, frozen)
        return thaw(freeze(result))
