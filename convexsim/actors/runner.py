"""The runner: takes a function from its call to its answer. The middle of the walk.

Owns what transactions a call consists of: one for a query or mutation, none of its own for an action, and those around
a scheduled function or a cron's run (convex-semantics 3.3, 4). The loop around each of them stands in `transact.py`, a
transaction's rules in `functions/perform.py`, and what an action asks for in `action.py`.

Every handler here is a coroutine that awaits messages, so one runner carries many executions side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from convexsim.actors.action import ActionFrame, Mortal
from convexsim.actors.messages import (
    CancelFunction,
    Collect,
    Collected,
    CronDone,
    Deploy,
    Invoke,
    Push,
    RunCron,
    RunScheduled,
    ScheduledDone,
    ScheduleFunction,
)
from convexsim.actors.retry import RESCHEDULE, RETRY, SYSTEM_ERROR, TRANSIENT_ERROR, timed_out
from convexsim.actors.stage import RuntimeActor, note, skew_ms, strikes
from convexsim.actors.transact import Purpose, jittered, transact
from convexsim.errors import PlatformError
from convexsim.functions.action_context import ActionCtx
from convexsim.functions.cron_rows import finish_cron, is_deployed, start_cron
from convexsim.functions.environment import Answered
from convexsim.functions.executor import drive_action
from convexsim.functions.outcome import Outcome, Returned, Threw, outcome_of, outcome_of_awaitable
from convexsim.functions.perform import checked_args, checked_result, perform
from convexsim.functions.retention import collect_finished
from convexsim.functions.scheduled import (
    cancel_function,
    finish_function,
    reschedule_function,
    schedule_function,
    start_function,
)
from convexsim.functions.session_requests import perform_once
from convexsim.trace import event
from convexsim.values import thaw

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from convexsim.functions.catalog import Target
    from convexsim.functions.cron_rows import Cron
    from convexsim.functions.execution import Execution
    from convexsim.functions.scheduled import ScheduledFunction

__all__ = ["Runner"]

_NOT_PENDING = Returned(value="not pending")
"""What the start of a scheduled function answers when there is nothing to start any more."""
_LOST = Returned(value="lost")
"""What the start of an action answers when it has been started before: a node died, and with it what came of it."""


class Runner(RuntimeActor):
    """Answers `Invoke`, `Push`, `ScheduleFunction` and `CancelFunction`; sees `RunScheduled` and `RunCron` out."""

    def on_receive(self, message: Any) -> Awaitable[Any]:
        """Handle a message; the returned coroutine is the execution."""
        if type(message) is Invoke:
            return self._run(message)
        if type(message) is Push:
            return self._push(message)
        if type(message) is RunScheduled:
            return self._run_scheduled(message.scheduled)
        if type(message) is RunCron:
            return self._run_cron(message.cron)
        if type(message) is Collect:
            return self._collect(message.activity)
        if type(message) is ScheduleFunction:
            return self._schedule(message)
        assert type(message) is CancelFunction, f"a runner cannot handle {message!r}"
        return self._cancel(message)

    # What clients and actions call

    async def _run(self, call: Invoke) -> Outcome:
        target = call.target
        kind = target.definition.kind
        note(self.stage, event.Called, call.activity, target.label, kind, call.args)
        if kind == "action":
            outcome = await self._act(call.activity, target, call.args, call.parent)
        else:

            def body(execution: Execution) -> Outcome:
                if call.request is not None and kind == "mutation":
                    return perform_once(execution, call.request, target, call.args)
                return perform(execution, target, call.args)

            policy = None if kind == "query" else RETRY[call.caller]
            given = (call.args, call.request)
            purpose = Purpose(call.activity, target.label, call.parent, runs_handler=True, given=given)
            outcome = await transact(self.stage, purpose, body, policy)
        self._end(call.activity, target, call.args, outcome)
        return outcome

    async def _push(self, message: Push) -> Outcome:
        """Have an app deployed: the committer does it, in one step."""
        note(self.stage, event.Called, message.activity, message.label, "deploy", {})
        deploy = Deploy(message.activity, message.catalog)
        outcome: Outcome = await self.stage.committer.ask(deploy, block=False)
        note(self.stage, event.Ended, message.activity, message.label, outcome)
        return outcome

    async def _act(self, activity: str, called: Target, args: Any, parent: ScheduledFunction | None) -> Outcome:
        """Run an action's handler to its end; every await in it is a message, so others run in between.

        It answers `SYSTEM_ERROR` if the action has died before. If its time is over it ends where it waits: in the
        middle of a sleep, but of a call only when that is answered.
        """
        stage = self.stage
        limits = stage.environment.platform.limits
        tables = stage.database.snapshot.components[called.mounted.path]  # as of now: an action has no snapshot

        def entered() -> tuple[Target, dict[str, Any]]:
            target = stage.environment.catalog.current(called)
            return target, checked_args(target, args, limits, tables)

        begun = outcome_of(entered)
        if isinstance(begun, Threw):
            return begun
        target, checked = begun.value
        if strikes(stage, "crash", activity):
            return SYSTEM_ERROR
        frame = ActionFrame(stage, target.mounted, activity, parent, ahead_ms=skew_ms(stage, activity))
        definition = target.definition

        async def handler() -> Any:
            if definition.foreign is not None:
                executor = definition.foreign.new_executor()
                return await drive_action(executor, frame, checked, f"{activity}#action")
            return await definition.call(ActionCtx(frame), thaw(checked))

        outcome = await outcome_of_awaitable(lambda: Mortal(handler(), frame) if frame.is_mortal else handler())
        if frame.crashed:
            return SYSTEM_ERROR
        if not frame.lives():
            return timed_out(limits.action_ms)
        if isinstance(outcome, Threw):
            return outcome
        tables = stage.database.snapshot.components[target.mounted.path]
        return outcome_of(lambda: checked_result(target, outcome.value, limits, tables))

    # What actions ask for besides calls: each a transaction of its own

    async def _schedule(self, message: ScheduleFunction) -> Outcome:
        def body(execution: Execution) -> Outcome:
            facts = (message.mounted, message.at_ms, message.target, message.args)
            return outcome_of(lambda: schedule_function(execution, *facts))

        given = (message.mounted.path, message.at_ms, message.args)
        purpose = Purpose(message.activity, f"schedule {message.target.label}", message.parent, given=given)
        return await transact(self.stage, purpose, body, RETRY["internal"])

    async def _cancel(self, message: CancelFunction) -> Outcome:
        root = self.stage.environment.catalog.components[""]

        def body(execution: Execution) -> Outcome:
            return outcome_of(lambda: cancel_function(execution, root, message.scheduled_id))

        purpose = Purpose(message.activity, "cancel a scheduled function", given=message.scheduled_id)
        return await transact(self.stage, purpose, body, RETRY["internal"])

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
        activity, label = scheduled.activity, target.label

        def body(execution: Execution) -> Outcome:
            if start_function(execution, scheduled) != "pending":
                return _NOT_PENDING
            outcome = perform(execution, target, scheduled.args)
            if isinstance(outcome, Returned):
                finish_function(execution, scheduled)
            return outcome

        note(self.stage, event.Called, activity, label, "mutation", scheduled.args)
        purpose = Purpose(activity, label, scheduled, runs_handler=True, given=scheduled.id)
        outcome = await transact(self.stage, purpose, body, RETRY["scheduled"])
        if outcome is _NOT_PENDING:
            note(self.stage, event.StateChanged, activity, label, "not pending any more")
        elif outcome is SYSTEM_ERROR:
            await self._reschedule(scheduled, label)
        else:
            self._end(activity, target, scheduled.args, outcome)
            if isinstance(outcome, Threw):
                await self._end_scheduled(scheduled, label, outcome)

    async def _run_scheduled_action(self, scheduled: ScheduledFunction, target: Target) -> None:
        """Commit the start, run at most once, commit the end.

        One that is found in progress was lost, by a node that died; that is its end.
        """
        activity, label = scheduled.activity, target.label

        def start(execution: Execution) -> Outcome:
            state = start_function(execution, scheduled)
            return Returned(None) if state == "pending" else _LOST if state == "inProgress" else _NOT_PENDING

        purpose = Purpose(activity, f"start {label}", given=scheduled.id)
        started = await transact(self.stage, purpose, start, RETRY["scheduled"])
        if started is SYSTEM_ERROR:
            await self._reschedule(scheduled, label)
            return
        if started is _NOT_PENDING:
            note(self.stage, event.StateChanged, activity, label, "not pending any more")
            return
        outcome: Outcome = TRANSIENT_ERROR
        if started is not _LOST:
            note(self.stage, event.Called, activity, label, "action", scheduled.args)
            outcome = _known(await self._act(activity, target, scheduled.args, scheduled))
        self._end(activity, target, scheduled.args, outcome)
        await self._end_scheduled(scheduled, label, outcome)

    async def _end_scheduled(self, scheduled: ScheduledFunction, what: str, outcome: Outcome) -> None:
        error = outcome.failure.message if isinstance(outcome, Threw) else None

        def end(execution: Execution) -> Outcome:
            return Returned(finish_function(execution, scheduled, error))

        purpose = Purpose(scheduled.activity, f"end {what}", given=(scheduled.id, error))
        ended = await transact(self.stage, purpose, end, RETRY["ending"])
        assert isinstance(ended, Returned), "recording the end of a scheduled function cannot fail"
        note(self.stage, event.StateChanged, scheduled.activity, what, ended.value)

    async def _reschedule(self, scheduled: ScheduledFunction, what: str) -> None:
        """Put a function back into its queue after a system error: it has not run yet (convex-semantics 3.3)."""
        delay_ms = jittered(self.stage, scheduled.activity, RESCHEDULE.ceiling_ms(scheduled.system_errors + 1))

        def body(execution: Execution) -> Outcome:
            return Returned(reschedule_function(execution, scheduled, delay_ms))

        given = (scheduled.id, scheduled.system_errors, delay_ms)
        purpose = Purpose(scheduled.activity, f"reschedule {what}", given=given)
        await transact(self.stage, purpose, body, RETRY["ending"])

    async def _collect(self, activity: str) -> None:
        """Forget finished functions, some at a time."""

        def body(execution: Execution) -> Outcome:
            return Returned(collect_finished(execution))

        purpose = Purpose(activity, "forget finished functions", given=())
        outcome = await transact(self.stage, purpose, body, RETRY["ending"])
        assert isinstance(outcome, Returned), "nothing can be wrong with rows that nobody changes"
        self.stage.scheduler.tell(Collected(activity, outcome.value))

    # Crons (convex-semantics 4); what they run is under no scheduled function

    async def _run_cron(self, cron: Cron) -> None:
        target = cron.target(self.stage.environment.catalog)
        following: Cron | None = None
        if target is not None:
            run = self._run_cron_mutation if target.definition.kind == "mutation" else self._run_cron_action
            following = await run(cron, target)
        self.stage.crons.tell(CronDone(cron.activity, following))

    async def _run_cron_mutation(self, cron: Cron, target: Target) -> Cron | None:
        """Run and set the next run in one transaction; a throw is logged by a second one, and the schedule goes on."""
        activity, args = cron.activity, target.mounted.crons[cron.identifier].args

        def body(execution: Execution) -> Outcome:
            if not is_deployed(execution, cron):
                return _NOT_PENDING
            outcome = perform(execution, target, args)
            if isinstance(outcome, Threw):
                return outcome
            return Returned((outcome.value, finish_cron(execution, cron)))

        note(self.stage, event.Called, activity, target.label, "mutation", args)
        purpose = Purpose(activity, target.label, runs_handler=True, given=cron)
        outcome = await transact(self.stage, purpose, body, RETRY["cron"])
        if isinstance(outcome, Threw):
            self._end(activity, target, args, outcome)
            return await self._end_cron(cron, target, outcome)
        if outcome is _NOT_PENDING:
            return None
        following: Cron | None
        value, following = outcome.value
        self._end(activity, target, args, Returned(value))
        return following

    async def _run_cron_action(self, cron: Cron, target: Target) -> Cron | None:
        """Commit the start, run at most once, commit the end; a run that is found in progress was lost."""
        activity, args = cron.activity, target.mounted.crons[cron.identifier].args

        def start(execution: Execution) -> Outcome:
            if not is_deployed(execution, cron):
                return _NOT_PENDING
            return Returned(None) if start_cron(execution, cron) else _LOST

        outcome: Outcome = TRANSIENT_ERROR
        purpose = Purpose(activity, f"start {target.label}", given=cron)
        started = await transact(self.stage, purpose, start, RETRY["cron"])
        if started is _NOT_PENDING:
            return None
        if started is not _LOST:
            note(self.stage, event.Called, activity, target.label, "action", args)
            outcome = _known(await self._act(activity, target, args, None))
        self._end(activity, target, args, outcome)
        return await self._end_cron(cron, target, outcome)

    async def _end_cron(self, cron: Cron, target: Target, outcome: Outcome) -> Cron | None:
        error = outcome.failure.message if isinstance(outcome, Threw) else None

        def end(execution: Execution) -> Outcome:
            return Returned(finish_cron(execution, cron, error) if is_deployed(execution, cron) else None)

        purpose = Purpose(cron.activity, f"end {target.label}", given=(cron, error))
        ended = await transact(self.stage, purpose, end, RETRY["cron"])
        assert isinstance(ended, Returned), "recording the end of a cron's run cannot fail"
        following: Cron | None = ended.value
        return following

    def _end(self, activity: str, target: Target, args: Any, outcome: Outcome) -> None:
        """Keep the answer for whoever asks about the run."""
        answered = Answered(activity, target.label, args, outcome)
        self.stage.environment.answers.append(answered)
        if self.stage.footprints is not None:
            self.stage.footprints.answered(answered)
        note(self.stage, event.Ended, activity, target.label, outcome)


def _known(outcome: Outcome) -> Outcome:
    """Return how the platform records what became of an action: of one that died it knows only that it began."""
    return TRANSIENT_ERROR if outcome is SYSTEM_ERROR else outcome
