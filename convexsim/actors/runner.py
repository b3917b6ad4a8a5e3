"""The runner: takes a function from its call to its answer. The middle of the walk.

Owns the life of an execution: begin, run the handler, commit, and begin again after a conflict; and the order of
transactions around a scheduled function (convex-semantics 3.3). A transaction's rules stand in `functions/perform.py`,
the verdict in `database/commit.py`, the waiting in `retry.py`, and what an action asks for in `action.py`.

Every handler here is a coroutine that awaits messages, so one runner carries many executions side by side.
"""

from __future__ import annotations

from itertools import count
from math import floor
from typing import TYPE_CHECKING, Any

from convexsim.actors.action import ActionFrame
from convexsim.actors.messages import (
    CancelFunction,
    Commit,
    CronDone,
    Invoke,
    RequestSnapshot,
    RunCron,
    RunScheduled,
    ScheduledDone,
    ScheduleFunction,
)
from convexsim.actors.retry import JITTER_STEPS, RETRY, Backoff, RetryPolicy, occ_failure
from convexsim.actors.stage import RuntimeActor
from convexsim.database.commit import Committed
from convexsim.errors import PlatformError
from convexsim.functions.context import ActionCtx
from convexsim.functions.cron_rows import finish_cron, start_cron
from convexsim.functions.environment import Answered
from convexsim.functions.execution import Execution
from convexsim.functions.executor import drive_action
from convexsim.functions.outcome import Outcome, Returned, Threw, outcome_of, outcome_of_awaitable
from convexsim.functions.perform import checked_args, checked_result, perform
from convexsim.functions.scheduled import cancel_function, finish_function, schedule_function, start_function
from convexsim.trace import event
from convexsim.values import thaw

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from convexsim.actors.messages import SnapshotReady
    from convexsim.functions.component import Target
    from convexsim.functions.cron_rows import Cron
    from convexsim.functions.scheduled import ScheduledFunction

__all__ = ["Runner"]

_NOT_PENDING = Returned(value="not pending")
"""What the start of a scheduled function answers when there is nothing to start any more."""


class Runner(RuntimeActor):
    """Runs functions: answers `Invoke`, `ScheduleFunction`, `CancelFunction`; sees `RunScheduled`, `RunCron` out."""

    def on_receive(self, message: Any) -> Awaitable[Any]:
        """Handle a message; the returned coroutine is the execution."""
        if type(message) is Invoke:
            return self._run(message)
        if type(message) is RunScheduled:
            return self._run_scheduled(message.scheduled)
        if type(message) is RunCron:
            return self._run_cron(message.cron)
        if type(message) is ScheduleFunction:
            return self._schedule(message)
        assert type(message) is CancelFunction, f"a runner cannot handle {message!r}"
        return self._cancel(message)

    # What clients and actions call

    async def _run(self, call: Invoke) -> Outcome:
        target = call.target
        kind = target.definition.kind
        self._note(event.Called, call.activity, target.label, kind, call.args)
        if kind == "action":
            outcome = await self._act(call.activity, target, call.args, call.parent)
        else:

            def body(execution: Execution) -> Outcome:
                return perform(execution, target, call.args)

            policy = None if kind == "query" else RETRY[call.caller]
            outcome = await self._transact(call.activity, target.label, body, policy, call.parent)
        self._end(call.activity, target, call.args, outcome)
        return outcome

    async def _act(self, activity: str, target: Target, args: Any, parent: ScheduledFunction | None) -> Outcome:
        """Run an action's handler to its end; every await in it is a message, so others run in between."""
        limits = self.stage.environment.platform.limits
        checked = outcome_of(lambda: checked_args(target, args, limits))
        if isinstance(checked, Threw):
            return checked
        frame = ActionFrame(self.stage, target.mounted, activity, parent)
        definition = target.definition

        async def handler() -> Any:
            if definition.foreign is not None:
                executor = definition.foreign.new_executor()
                return await drive_action(executor, frame, checked.value, f"{activity}#action")
            return await definition.call(ActionCtx(frame), thaw(checked.value))

        outcome = await outcome_of_awaitable(handler)
        if isinstance(outcome, Threw):
            return outcome
        return outcome_of(lambda: checked_result(target, outcome.value, limits))

    # What actions ask for besides calls: each a transaction of its own

    async def _schedule(self, message: ScheduleFunction) -> Outcome:
        def body(execution: Execution) -> Outcome:
            facts = (message.mounted, message.at_ms, message.target, message.args)
            return outcome_of(lambda: schedule_function(execution, *facts))

        what = f"schedule {message.target.label}"
        return await self._transact(message.activity, what, body, RETRY["internal"], message.parent)

    async def _cancel(self, message: CancelFunction) -> Outcome:
        root = self.stage.environment.catalog.components[""]

        def body(execution: Execution) -> Outcome:
            return outcome_of(lambda: cancel_function(execution, root, message.scheduled_id))

        what = "cancel a scheduled function"
        return await self._transact(message.activity, what, body, RETRY["internal"], None)

    # Scheduled functions

    async def _run_scheduled(self, scheduled: ScheduledFunction) -> None:
        outcome = outcome_of(lambda: self._scheduled_target(scheduled))
        if isinstance(outcome, Threw):
            await self._end_scheduled(scheduled, scheduled.handle, outcome)
        elif outcome.value.definition.kind == "mutation":
            await self._run_scheduled_mutation(scheduled, outcome.value)
        else:
            await self._run_scheduled_action(scheduled, outcome.value)
        self.stage.scheduler.tell(ScheduledDone(scheduled.activity))

    def _scheduled_target(self, scheduled: ScheduledFunction) -> Target:
        catalog = self.stage.environment.catalog
        target = catalog.resolve(catalog.components[scheduled.component], scheduled.handle)
        if target.definition.kind == "query":
            msg = f"{target.label} is a query; only mutations and actions can be scheduled."
            raise PlatformError(msg, code="InvalidFunctionKind")
        return target

    async def _run_scheduled_mutation(self, scheduled: ScheduledFunction, target: Target) -> None:
        """Start, run and finish in one transaction: exactly once; a throw is recorded by a second one."""

        def body(execution: Execution) -> Outcome:
            if not start_function(execution, scheduled):
                return _NOT_PENDING
            outcome = perform(execution, target, scheduled.args)
            if isinstance(outcome, Returned):
                finish_function(execution, scheduled)
            return outcome

        self._note(event.Called, scheduled.activity, target.label, "mutation", scheduled.args)
        outcome = await self._transact(scheduled.activity, target.label, body, RETRY["scheduled"], scheduled)
        if outcome is _NOT_PENDING:
            self._note(event.StateChanged, scheduled.activity, target.label, "not pending any more")
        else:
            self._end(scheduled.activity, target, scheduled.args, outcome)
            if isinstance(outcome, Threw):
                await self._end_scheduled(scheduled, target.label, outcome)

    async def _run_scheduled_action(self, scheduled: ScheduledFunction, target: Target) -> None:
        """Commit the start, run at most once, commit the end."""

        def start(execution: Execution) -> Outcome:
            return Returned(None) if start_function(execution, scheduled) else _NOT_PENDING

        started = await self._transact(scheduled.activity, f"start {target.label}", start, RETRY["scheduled"], None)
        if started is _NOT_PENDING:
            self._note(event.StateChanged, scheduled.activity, target.label, "not pending any more")
            return
        self._note(event.Called, scheduled.activity, target.label, "action", scheduled.args)
        outcome = await self._act(scheduled.activity, target, scheduled.args, scheduled)
        self._end(scheduled.activity, target, scheduled.args, outcome)
        await self._end_scheduled(scheduled, target.label, outcome)

    async def _end_scheduled(self, scheduled: ScheduledFunction, what: str, outcome: Outcome) -> None:
        error = outcome.failure.message if isinstance(outcome, Threw) else None

        def end(execution: Execution) -> Outcome:
            return Returned(finish_function(execution, scheduled, error))

        ended = await self._transact(scheduled.activity, f"end {what}", end, RETRY["scheduled"], None)
        assert isinstance(ended, Returned), "recording the end of a scheduled function cannot fail"
        self._note(event.StateChanged, scheduled.activity, what, ended.value)

    # Crons (convex-semantics 4); what they run is under no scheduled function

    async def _run_cron(self, cron: Cron) -> None:
        target = cron.target(self.stage.environment.catalog)
        run = self._run_cron_mutation if target.definition.kind == "mutation" else self._run_cron_action
        following = await run(cron, target)
        self.stage.crons.tell(CronDone(cron.activity, following))

    async def _run_cron_mutation(self, cron: Cron, target: Target) -> Cron:
        """Run and set the next run in one transaction; a throw is logged by a second one, and the schedule goes on."""
        activity, args = cron.activity, target.mounted.crons[cron.identifier].args
        following: list[Cron] = []

        def body(execution: Execution) -> Outcome:
            outcome = perform(execution, target, args)
            if isinstance(outcome, Returned):
                following[:] = [finish_cron(execution, cron)]
            return outcome

        self._note(event.Called, activity, target.label, "mutation", args)
        outcome = await self._transact(activity, target.label, body, RETRY["cron"], None)
        self._end(activity, target, args, outcome)
        return following[0] if isinstance(outcome, Returned) else await self._end_cron(cron, target, outcome)

    async def _run_cron_action(self, cron: Cron, target: Target) -> Cron:
        """Commit the start, run at most once, commit the end."""
        activity, args = cron.activity, target.mounted.crons[cron.identifier].args

        def start(execution: Execution) -> Outcome:
            start_cron(execution, cron)
            return Returned(None)

        await self._transact(activity, f"start {target.label}", start, RETRY["cron"], None)
        self._note(event.Called, activity, target.label, "action", args)
        outcome = await self._act(activity, target, args, None)
        self._end(activity, target, args, outcome)
        return await self._end_cron(cron, target, outcome)

    async def _end_cron(self, cron: Cron, target: Target, outcome: Outcome) -> Cron:
        error = outcome.failure.message if isinstance(outcome, Threw) else None

        def end(execution: Execution) -> Outcome:
            return Returned(finish_cron(execution, cron, error))

        ended = await self._transact(cron.activity, f"end {target.label}", end, RETRY["cron"], None)
        assert isinstance(ended, Returned), "recording the end of a cron's run cannot fail"
        following: Cron = ended.value
        return following

    # The loop around every transaction

    async def _transact(
        self,
        activity: str,
        what: str,
        body: Callable[[Execution], Outcome],
        policy: RetryPolicy | None,
        parent: ScheduledFunction | None,
    ) -> Outcome:
        """Begin, run the body, commit; on a conflict begin again as the policy allows (convex-semantics 2).

        A body that throws is reported from its snapshot without being judged; one that writes nothing is never judged.
        Without a policy the transaction is a query: it ends with its handler.
        """
        stage = self.stage
        for attempt in count(1):
            request = RequestSnapshot(activity, what, attempt)
            ready: SnapshotReady = await stage.committer.ask(request, block=False)
            execution = Execution(stage.environment, ready.snapshot, (activity, attempt), floor(stage.now), parent)
            outcome = body(execution)
            execution.transaction.close()
            self._note_effects(execution)
            if isinstance(outcome, Threw):
                self._note(event.Aborted, activity, what, attempt)
                return outcome
            final = execution.transaction.finalize()
            if policy is None or not final.writes:
                assert policy is not None or not final.writes, f"the query {what} wrote"
                return outcome
            verdict = await stage.committer.ask(Commit(activity, what, attempt, final), block=False)
            if isinstance(verdict, Committed):
                return outcome
            if not policy.allows(attempt):
                return Threw(occ_failure(what, verdict))
            await self._back_off(activity, policy.ceiling_ms(attempt))
        raise AssertionError

    async def _back_off(self, activity: str, ceiling_ms: float) -> None:
        options = [Backoff(activity, ceiling_ms * step / JITTER_STEPS, step) for step in range(JITTER_STEPS)]
        chosen = options[self.stage.choose("backoff", options)]
        self._note(event.Waited, activity, chosen.delay_ms)
        if chosen.delay_ms:
            await self.stage.sleep(chosen.delay_ms)

    def _end(self, activity: str, target: Target, args: Any, outcome: Outcome) -> None:
        """Keep the answer for whoever asks about the run."""
        self.stage.environment.answers.append(Answered(activity, target.label, args, outcome))
        self._note(event.Ended, activity, target.label, outcome)

    def _note(self, kind: Callable[..., event.Event], activity: str, *facts: Any) -> None:
        stage = self.stage
        if stage.trace is not None:
            stage.trace.add(kind(stage.steps, stage.now, activity, *facts))

    def _note_effects(self, execution: Execution) -> None:
        for effect in execution.effects:
            self._note(event.Did, execution.activity, effect)
