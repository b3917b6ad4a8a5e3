"""Mutants of who does it, one message at a time: `convexsim/actors/`, `faults.py`, `invariants.py`, `simulation/`."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

COMMITTER: Final = "convexsim/actors/committer.py"
RUNNER: Final = "convexsim/actors/runner.py"
TRANSACT: Final = "convexsim/actors/transact.py"
RETRY: Final = "convexsim/actors/retry.py"
SCHEDULER: Final = "convexsim/actors/scheduler.py"
QUEUE: Final = "convexsim/actors/due_queue.py"
ACTION: Final = "convexsim/actors/action.py"
CLOCK: Final = "convexsim/actors/clock.py"
CLIENT: Final = "convexsim/actors/client.py"
CONNECTION: Final = "convexsim/actors/connection.py"
CRONS: Final = "convexsim/actors/crons.py"
DISPATCHER: Final = "convexsim/actors/dispatcher.py"
STEPPED: Final = "convexsim/actors/stepped.py"
OUTSIDE: Final = "convexsim/actors/outside.py"
GATHER: Final = "convexsim/actors/gather.py"
FUTURE: Final = "convexsim/actors/future.py"
FAULTS: Final = "convexsim/faults.py"
CHOICES: Final = "convexsim/choices.py"
VIEW: Final = "convexsim/invariants/view.py"
INVARIANT: Final = "convexsim/invariants/invariant.py"
RUN: Final = "convexsim/simulation/run.py"
SIMULATION: Final = "convexsim/simulation/simulation.py"
SERIAL: Final = "convexsim/trace/serial_order.py"

OF_COPIES: Final = ("tests/functions/test_copies.py",)
OF_RUNTIME: Final = ("tests/test_runtime.py", "tests/test_walk.py")
OF_SCHEDULED: Final = ("tests/functions/test_scheduled.py", "tests/functions/test_cancel.py")
OF_FAULTS: Final = ("tests/test_faults.py",)
OF_CRONS: Final = ("tests/test_crons.py",)
OF_DISPATCHER: Final = ("tests/actors/test_dispatcher.py",)
OF_TIME: Final = ("tests/test_action_time.py",)

MUTANTS: Final = (
    # -------------------------------------------------------------------------------------------- begins and commits
    Mutant(
        COMMITTER,
        'return after == "pending" or before == after == "inProgress"',
        'return after == "pending"',
        "a function that was lost in progress is never picked up again",
        (*OF_SCHEDULED, *OF_FAULTS),
    ),
    Mutant(
        COMMITTER,
        "pending = tuple(scheduled_of(write.new) for write in rows",
        "pending = tuple(scheduled_of(write.new) for write in rows[:1]",
        "of several functions that a mutation schedules all but the first are lost",
        (*OF_SCHEDULED, *OF_RUNTIME),
    ),
    Mutant(
        COMMITTER,
        "        if pending or canceled:\n",
        "        if pending:\n",
        "the scheduler does not hear of a cancel",
        OF_SCHEDULED,
    ),
    Mutant(
        COMMITTER,
        "            return None  # whoever asked is no more\n",
        "",
        "after a restart whoever died gets a snapshot",
        OF_FAULTS,
    ),
    Mutant(
        COMMITTER,
        "return stage.database.judge(message.final) is None and bool(",
        "return bool(",
        "a write from outside strikes who would lose anyway",
        OF_FAULTS,
    ),
    Mutant(
        TRANSACT,
        "            if not policy.allows(attempt):\n                return GaveUp(occ_failure(what, verdict))\n        await",
        "            if policy.max_retries is not None:\n                return GaveUp(occ_failure(what, verdict))\n        await",
        "a mutation that loses is not retried",
        OF_RUNTIME,
    ),
    Mutant(
        TRANSACT,
        "                return GaveUp(occ_failure(what, verdict))\n        await _back_off(stage, activity, policy.ceiling_ms(attempt))\n",
        "                return GaveUp(occ_failure(what, verdict))\n",
        "a loser tries again without a back-off",
        OF_RUNTIME,
    ),
    Mutant(
        TRANSACT,
        "if ready.is_throttled and purpose.runs_handler and policy is not None:",
        "if False:",
        "a world may write as much as it likes in a second",
        ("tests/test_write_rate.py",),
    ),
    Mutant(
        TRANSACT,
        "if policy is None or not policy.outlives_system_errors:",
        "if policy is None:",
        "a system error in a mutation of a client is retried",
        OF_FAULTS,
    ),
    Mutant(
        TRANSACT,
        "return resolved(outcome, verdict.commit_ns) if final.is_pending else outcome",
        "return outcome",
        "a client is answered an unresolved commit timestamp",
        ("tests/functions/test_commit_ts.py",),
    ),
    Mutant(
        TRANSACT,
        "ceiling_ms * step / JITTER_STEPS, step)",
        "ceiling_ms * (step + 1) / JITTER_STEPS, step)",
        "there is no back-off of 0",
        OF_RUNTIME,
    ),
    Mutant(
        TRANSACT,
        "begin_ms = now = floor(stage.now)",
        "begin_ms = now = stage.now",
        "in a transaction Date.now() has fractions",
        OF_RUNTIME,
    ),
    Mutant(
        TRANSACT,
        "call = (purpose.activity, purpose.what,",
        "call = (purpose.what,",
        "what one client's mutation did is recalled for another's",
        ("tests/explore/test_recall.py", "tests/test_memory.py"),
    ),
    Mutant(RETRY, "attempt <= self.max_retries", "attempt < self.max_retries", "a retry less", OF_RUNTIME),
    Mutant(RETRY, "2.0**doublings", "2.0 * doublings", "the back-off does not double", OF_RUNTIME),
    Mutant(
        TRANSACT,
        '        if strikes(stage, "system error", activity):\n            over(stage, seen)\n',
        '        if strikes(stage, "system error", activity):\n',
        "an attempt that met a system error is not in the history",
        ("tests/test_serializable.py::test_who_met_a_system_error_stands_in_the_history_too",),
    ),
    Mutant(
        TRANSACT,
        "            if isinstance(outcome, Threw):\n                over(stage, seen)\n",
        "            if isinstance(outcome, Threw):\n",
        "an attempt that threw is not in the history",
        ("tests/test_serializable.py::test_losers_and_throwers_stand_in_the_history_too",),
    ),
    Mutant(
        ACTION,
        'return Invoke(activity, target, freeze(args, "args"),',
        "return Invoke(activity, target, args,",
        "what an action changes after it was sent arrives changed",
        OF_COPIES,
    ),
    Mutant(
        ACTION,
        "frozen = freeze(value, name)",
        "frozen = value",
        "what an action changes after it has noted it outside is noted changed",
        OF_COPIES,
    ),
    Mutant(
        VIEW,
        "thaw(shown(row)) for",
        "shown(row) for",
        "whoever looks at the documents of a run can change them",
        OF_COPIES,
    ),
    Mutant(
        VIEW,
        "thaw(answered.args)",
        "answered.args",
        "whoever looks at the calls of a run can change them",
        OF_COPIES,
    ),
    Mutant(
        RETRY,
        "return min(self.initial_ms * 2.0**doublings, self.max_ms)",
        "return self.initial_ms * 2.0**doublings",
        "the back-off grows for ever",
        OF_RUNTIME,
    ),
    Mutant(
        RETRY,
        '"client": RetryPolicy(4, 100, 2_000)',
        '"client": RetryPolicy(4, 50, 2_000)',
        "clients wait half as long",
        OF_RUNTIME,
    ),
    Mutant(
        RETRY,
        '"action": RetryPolicy(4, 100, 2_000)',
        '"action": RetryPolicy(5, 100, 2_000)',
        "calls of actions are retried once more",
        OF_RUNTIME,
    ),
    Mutant(
        RETRY,
        '"scheduled": RetryPolicy(None, 100,',
        '"scheduled": RetryPolicy(4, 100,',
        "scheduled mutations give up",
        ("tests/test_faults.py::test_a_scheduled_mutation_is_retried_without_end",),
    ),
    Mutant(
        RETRY,
        '"internal": RetryPolicy(2, 10,',
        '"internal": RetryPolicy(1, 10,',
        "an action's schedule is retried once",
        OF_RUNTIME,
    ),
    Mutant(
        RETRY,
        '"ending": RetryPolicy(None, 500,',
        '"ending": RetryPolicy(4, 500,',
        "the end of an action may never be recorded",
        ("tests/test_faults.py::test_recording_how_an_action_ended_is_tried_for_ever",),
    ),
    Mutant(
        RETRY,
        "RESCHEDULE: Final = RetryPolicy(None, 500,",
        "RESCHEDULE: Final = RetryPolicy(None, 250,",
        "a function waits half as long after a system error",
        OF_FAULTS,
    ),
    # ----------------------------------------------------------------------------------------------- what runs, and how often
    Mutant(
        RUNNER,
        '_LOST if state == "inProgress" else _NOT_PENDING',
        'Returned(None) if state == "inProgress" else _NOT_PENDING',
        "an action that died runs again: more than at most once",
        OF_FAULTS,
    ),
    Mutant(
        RUNNER,
        '            if start_function(execution, scheduled) != "pending":\n                return _NOT_PENDING\n',
        "            start_function(execution, scheduled)\n",
        "a canceled mutation runs",
        OF_SCHEDULED,
    ),
    Mutant(
        RUNNER,
        "            if isinstance(outcome, Returned):\n                finish_function(execution, scheduled)\n",
        "",
        "a scheduled mutation stays in progress",
        OF_SCHEDULED,
    ),
    Mutant(
        RUNNER,
        "purpose = Purpose(activity, label, scheduled, runs_handler=True, given=scheduled.id)",
        "purpose = Purpose(activity, label, None, runs_handler=True, given=scheduled.id)",
        "a scheduled mutation is nobody's parent",
        OF_SCHEDULED,
    ),
    Mutant(
        RUNNER,
        "await self._act(activity, target, scheduled.args, scheduled))",
        "await self._act(activity, target, scheduled.args, None))",
        "a scheduled action is nobody's parent",
        OF_SCHEDULED,
    ),
    Mutant(
        RUNNER,
        "            if isinstance(outcome, Threw):\n                await self._end_scheduled(scheduled, label, outcome)\n",
        "",
        "a scheduled mutation that threw is never marked failed",
        OF_SCHEDULED,
    ),
    Mutant(
        RUNNER,
        "        elif outcome is SYSTEM_ERROR:\n            await self._reschedule(scheduled, label)\n",
        "        elif outcome is SYSTEM_ERROR:\n            pass\n",
        "a scheduled mutation that met a system error is lost",
        OF_FAULTS,
    ),
    Mutant(
        RUNNER,
        "        if started is SYSTEM_ERROR:\n            await self._reschedule(scheduled, label)\n            return\n",
        "        if started is SYSTEM_ERROR:\n            return\n",
        "a scheduled action that met a system error is lost",
        OF_FAULTS,
    ),
    Mutant(
        RUNNER,
        "RESCHEDULE.ceiling_ms(scheduled.system_errors + 1)",
        "RESCHEDULE.ceiling_ms(1)",
        "the wait after a system error does not grow",
        OF_FAULTS,
    ),
    Mutant(
        RUNNER,
        "return TRANSIENT_ERROR if outcome is SYSTEM_ERROR else outcome",
        "return outcome",
        "a scheduled action that died has another error than Convex tells",
        OF_FAULTS,
    ),
    Mutant(
        RUNNER,
        "if call.request is not None and kind ==",
        "if False and kind ==",
        "a mutation that a websocket client sends again happens twice",
        OF_FAULTS,
    ),
    Mutant(
        RUNNER,
        'policy = None if kind == "query" else RETRY[call.caller]',
        'policy = None if kind == "query" else RETRY["scheduled"]',
        "what a client calls is retried for ever",
        OF_RUNTIME,
    ),
    Mutant(
        RUNNER,
        "return Returned((outcome.value, finish_cron(execution, cron)))",
        "return Returned((outcome.value, cron))",
        "a cron's mutation does not set its next run",
        OF_CRONS,
    ),
    Mutant(
        ACTION,
        'return Invoke(activity, target, freeze(args, "args"), "action", self._parent)',
        'return Invoke(activity, target, freeze(args, "args"), "action")',
        "what a scheduled action calls forgets its parent",
        OF_SCHEDULED,
    ),
    Mutant(
        ACTION,
        'at_ms, target, freeze(args, "args"), self._parent)',
        'at_ms, target, freeze(args, "args"), None)',
        "what a scheduled action schedules forgets its parent",
        OF_SCHEDULED,
    ),
    Mutant(
        ACTION,
        "        receiver = stage.outside if",
        "        self._may_die()\n        if self.crashed:\n            return Answer(stage.sleep(0))\n        receiver = stage.outside if",
        "an action dies before it sends: what was on its way is lost",
        OF_FAULTS,
    ),
    Mutant(
        ACTION,
        "        if self.crashed:\n            return Answer(stage.sleep(0))  # nobody",
        "        if False:\n            return Answer(stage.sleep(0))  # nobody",
        "the dead go on to send",
        (*OF_FAULTS, "tests/actors/test_gather.py"),
    ),
    Mutant(
        ACTION,
        "self._stage.now < self._end_ms",
        "self._stage.now <= self._end_ms",
        "an action has time to its last moment and beyond",
        OF_TIME,
    ),
    Mutant(
        ACTION,
        "floor(self._stage.now + self._ahead_ms))",
        "floor(self._stage.now))",
        "a skewed clock is right in an action",
        OF_FAULTS,
    ),
    Mutant(
        ACTION,
        "if self._stage.now > self._asked_at and self.lives():",
        "if False:",
        "no action dies while it waits",
        OF_FAULTS,
    ),
    Mutant(
        ACTION,
        "self._calls += 1",
        "self._calls = 1",
        "the calls of an action share a path",
        ("tests/functions/test_derivation.py", *OF_RUNTIME),
    ),
    # --------------------------------------------------------------------------------------------- timers and queues
    Mutant(
        QUEUE,
        "if first.due_ms > stage.now:",
        "if first.due_ms > stage.now + 1:",
        "functions start a millisecond early",
        OF_SCHEDULED,
    ),
    Mutant(
        QUEUE,
        "self._running < stage",
        "self._running <= stage",
        "one function more than there are places runs",
        OF_SCHEDULED,
    ),
    Mutant(
        QUEUE,
        "        self._running -= 1",
        "        self._running -= 0",
        "places are never given back",
        (*OF_SCHEDULED, *OF_CRONS),
    ),
    Mutant(QUEUE, "if entry.id not in ids]", "]", "a canceled function waits on for its time", OF_SCHEDULED),
    Mutant(
        QUEUE,
        "insort(self._entries, entry, key=_order)",
        "self._entries.append(entry)",
        "what was scheduled first starts first",
        OF_SCHEDULED,
    ),
    Mutant(
        QUEUE,
        "            self._timer.cancel()\n",
        "",
        "a timer wakes its actor although it has been set anew",
        OF_SCHEDULED,
    ),
    Mutant(
        SCHEDULER,
        "tuple(left), ()))",
        "tuple(left[:-1]), ()))",
        "a restart loses a function",
        OF_FAULTS,
    ),
    Mutant(
        SCHEDULER,
        'run_anew(each.activity, stage.faults.times("restart"))',
        "each.activity",
        "after a restart a function has the path of the run that died",
        OF_FAULTS,
    ),
    Mutant(
        CLOCK,
        "if deadline <= self.now:",
        "if deadline <= self.now + 1:",
        "timers fire a millisecond early",
        OF_SCHEDULED,
    ),
    Mutant(
        CLOCK,
        "return (self.deadline, self.number) < (other.deadline, other.number)",
        "return (self.deadline, -self.number) < (other.deadline, -other.number)",
        "timers of one moment fire last set first",
        OF_DISPATCHER,
    ),
    Mutant(
        CLOCK,
        "while (timers := self._next_timers()) and",
        "if (timers := self._next_timers()) and",
        "of the timers of a moment one fires",
        OF_DISPATCHER,
    ),
    Mutant(CLOCK, "if timer.owner is owner:", "if False:", "the timers of the dead fire", (*OF_FAULTS, *OF_DISPATCHER)),
    Mutant(
        CLOCK,
        "self._timers[0].deadline <= self.end",
        "self._timers[0].deadline < self.end",
        "the last moment of a world does not belong to it",
        (*OF_DISPATCHER, *OF_CRONS, *OF_RUNTIME),
    ),
    Mutant(
        CRONS,
        "            self._queue.add(message.following)\n",
        "",
        "a cron runs once",
        OF_CRONS,
    ),
    Mutant(
        CRONS,
        'start_executor(stage, "restart", [evolve(cron, restarts=stage.faults.times("restart")) for cron in crons])',
        'start_executor(stage, "restart", crons)',
        "after a restart a cron's run has the path of the one that died",
        (*OF_FAULTS, *OF_CRONS),
    ),
    # ------------------------------------------------------------------------------------------ clients and the outside
    Mutant(
        CLIENT,
        'if entry.kind == "action" and self._connection.actions_in_parallel:',
        "if self._connection.actions_in_parallel:",
        "the queries of a websocket client race with its mutations",
        ("tests/test_faults.py::test_a_websocket_clients_query_waits_for_what_its_script_says_before",),
    ),
    Mutant(
        CLIENT,
        "        if self._mutates:\n",
        "        if False:\n",
        "the mutations that a script gathers race",
        ("tests/actors/test_gather.py", "tests/test_script.py"),
    ),
    Mutant(
        CLIENT,
        "self._mutates = bool(self._waiting)  #",
        "self._mutates = False  #",
        "a mutation gets in between those that wait",
        ("tests/actors/test_gather.py", "tests/test_script.py"),
    ),
    Mutant(
        CONNECTION,
        '        if target.definition.kind == "action":\n            return',
        "        if False:\n            return",
        "a websocket client sends actions again",
        OF_FAULTS,
    ),
    Mutant(
        CONNECTION,
        "return outcome if self._closed == socket else CONNECTION_LOST",
        "return outcome",
        "an answer arrives on a socket that has closed",
        OF_FAULTS,
    ),
    Mutant(
        CONNECTION,
        "            path = run_anew(path)\n",
        "",
        "what is sent again has the path of the first sending",
        OF_FAULTS,
    ),
    Mutant(
        CONNECTION, "self._failures - 1, 64)", "0, 64)", "the delay before connecting again does not grow", OF_FAULTS
    ),
    Mutant(
        CONNECTION,
        "        if way != _REQUEST_LOST:\n",
        "        if True:\n",
        "a request that is lost arrives",
        OF_FAULTS,
    ),
    Mutant(
        OUTSIDE,
        "outcome = None if way == 1 else outcome_of",
        "outcome = outcome_of",
        "a backend that dies before it uses the outside has used it",
        OF_FAULTS,
    ),
    Mutant(
        STEPPED,
        "        dispatcher.withdraw(dispatcher.actor(self.committer.actor_urn))\n",
        "",
        "a restart does not lose the commits that wait",
        OF_FAULTS,
    ),
    Mutant(STEPPED, "        resume_scheduled(self)\n", "", "a restart loses all scheduled functions", OF_FAULTS),
    Mutant(
        STEPPED,
        "                answer.set(CONNECTION_LOST)",
        "                pass",
        "clients wait for ever for the answer of a dead backend",
        OF_FAULTS,
    ),
    Mutant(STEPPED, "        resume_crons(self)\n", "", "a restart ends all crons", OF_FAULTS),
    Mutant(
        GATHER,
        "            if not self._has_failed:\n",
        "            if True:\n",
        "the last failure of what is gathered is thrown",
        ("tests/actors/test_gather.py",),
    ),
    # -------------------------------------------------------------------------------------------------- the dispatcher
    Mutant(
        DISPATCHER,
        "if ready[0].root != self._last_root:",
        "if False:",
        "whoever has waited longest goes on, not whoever is at work",
        OF_DISPATCHER,
    ),
    Mutant(
        DISPATCHER,
        "EVERY_LEVEL) < self.level:",
        "EVERY_LEVEL) <= self.level:",
        "begins are no choices at level 3",
        OF_DISPATCHER,
    ),
    Mutant(
        DISPATCHER,
        "            insort(ready, lane[0], key=_number)\n",
        "            ready.append(lane[0])\n",
        "what an activity has sent counts as sent when its turn comes",
        OF_DISPATCHER,
    ),
    Mutant(
        DISPATCHER,
        "return deadline - sent_at <= self.late_ms",
        "return deadline - sent_at < self.late_ms",
        "steps are never as late as they may be",
        ("tests/explore/test_timed.py", *OF_DISPATCHER, "tests/test_runtime.py"),
    ),
    # ------------------------------------------------------------------------------- faults, choices, runs, invariants
    Mutant(
        FAULTS,
        "            self.left[fault] -= 1\n            if not self.left[fault]:\n                del self.left[fault]\n",
        "",
        "a fault strikes again and again",
        OF_FAULTS,
    ),
    Mutant(
        FAULTS,
        "self._struck.append(Struck(fault, named[way - 1], activity))",
        "self._struck.append(Struck(fault, named[0], activity))",
        "a fault is told as its first way",
        OF_FAULTS,
    ),
    Mutant(
        CHOICES,
        "if index >= len(options):",
        "if index > len(options):",
        "a choice that does not fit is taken",
        ("tests/explore/test_replay.py", "tests/test_determinism.py", "tests/explore/test_shrink.py"),
    ),
    Mutant(
        CHOICES,
        "int(again or 0) + by",
        "by",
        "what runs anew twice has the path of what ran anew once",
        ("tests/test_activities.py", *OF_FAULTS),
    ),
    Mutant(
        RUN,
        "if moment != self._judged:",
        "if moment[0] != self._judged[0]:",
        "always is not asked when the outside was used",
        ("tests/test_runtime.py", "tests/test_invariants_past.py", "tests/explore/test_dpor.py"),
    ),
    Mutant(
        RUN,
        'if run.ending == "quiet" and self.always_holds():',
        "if self.always_holds():",
        "a run that did not end is judged as if it had",
        OF_RUNTIME,
    ),
    Mutant(RUN, 'elif run.ending == "max_steps":', "elif False:", "a run that does not end is fine", OF_RUNTIME),
    Mutant(
        SIMULATION,
        "while not looks or monitor.always_holds():",
        "while True:",
        "what must always hold is judged at the end",
        (*OF_RUNTIME, "tests/test_invariants_past.py"),
    ),
    Mutant(
        SIMULATION,
        "if dispatcher.steps >= self.max_steps:",
        "if dispatcher.steps > self.max_steps:",
        "a run may take a step too many",
        OF_RUNTIME,
    ),
    Mutant(
        INVARIANT,
        "return Violation(invariant.name, invariant.sentence, step) if holds is False else None",
        "return None",
        "an invariant that returns False holds",
        OF_RUNTIME,
    ),
    Mutant(
        SERIAL,
        "        if missed is None:\n            return None\n",
        "        return None\n",
        "what was not found explains nothing",
        ("tests/trace/test_serial_order.py", "tests/test_serializable.py"),
    ),
    Mutant(
        SERIAL,
        "certain = [*versions.written(), *_callers_order(attempts)]",
        "certain = [*versions.written()]",
        "a caller's calls may be explained in any order",
        ("tests/trace/test_serial_order.py", "tests/test_serializable.py"),
    ),
)
