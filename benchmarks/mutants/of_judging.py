"""Mutants of what is asked of a run, and of what may go wrong in it: invariants, faults, limits."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

INVARIANT: Final = "convexsim/invariants/invariant.py"
GENERIC: Final = "convexsim/invariants/generic.py"
VIEW: Final = "convexsim/invariants/view.py"
RUN: Final = "convexsim/simulation/run.py"
REPORT: Final = "convexsim/explore/report.py"
FAULTS: Final = "convexsim/faults.py"
CONNECTION: Final = "convexsim/actors/connection.py"
OUTSIDE: Final = "convexsim/actors/outside.py"
LIMITS: Final = "convexsim/database/limits.py"

CHRONICLE: Final = "components/batch_processor/properties/chronicle.py"
OF_GENERIC: Final = ("tests/test_invariants_generic.py",)
OF_PAST: Final = ("tests/test_invariants_past.py",)
OF_ASKING: Final = ("tests/test_invariants_asked.py",)
OF_SERIAL: Final = ("tests/test_serializable.py",)
OF_FAULTS: Final = ("tests/test_faults.py",)
OF_LIMITS: Final = ("tests/functions/test_limits.py", "tests/functions/test_budgets.py")
OF_REPORTS: Final = ("tests/test_invariants_asked.py", "tests/explore/test_doubts.py")

MUTANTS: Final = (
    # ---------------------------------------------------------------------------------------------- how they are asked
    Mutant(
        INVARIANT,
        'return _invariant(predicate, "always")',
        'return _invariant(predicate, "eventually")',
        "what must always hold is asked at the end alone",
        OF_ASKING,
    ),
    Mutant(
        INVARIANT,
        'return _invariant(predicate, "eventually")',
        'return _invariant(predicate, "always")',
        "what must hold at the end is asked on the way",
        OF_ASKING,
    ),
    Mutant(
        INVARIANT,
        'return _invariant(predicate, "sometimes")',
        'return _invariant(predicate, "eventually")',
        "what must happen sometimes must happen in each run",
        OF_ASKING,
    ),
    Mutant(
        INVARIANT,
        "    except (UsageError, RefusedError):\n        raise\n    except Exception",
        "    except (UsageError, RefusedError):\n        return None\n    except Exception",
        "an invariant that is misspelt holds",
        OF_ASKING,
    ),
    Mutant(
        INVARIANT,
        '        msg = f"The invariant {invariant.name} itself failed: {type(error).__name__}: {error}."\n'
        '        raise UsageError(msg, next_step="An invariant returns a bool or asserts.") from error\n',
        "        return Violation(invariant.name, str(error), step)\n",
        "an invariant with a bug passes for one that was broken",
        OF_ASKING,
    ),
    Mutant(
        INVARIANT,
        "if holds is None or isinstance(holds, bool):",
        "if True:",
        "an invariant that returns 0 or an empty list holds",
        ("tests/explore/test_doubts.py",),
    ),
    Mutant(
        INVARIANT,
        "isinstance(invariant, HistoryInvariant) for",
        "False for",
        "no history is taken down for who looks at it",
        OF_SERIAL,
    ),
    Mutant(
        RUN,
        "        if self._looks_back:\n            self._last = view\n",
        "",
        "a view has no past",
        OF_PAST,
    ),
    Mutant(
        RUN,
        '            if invariant.when == "sometimes":\n',
        "            if False:\n",
        "a run in which what happens sometimes did not is broken",
        OF_ASKING,
    ),
    Mutant(
        REPORT,
        'run.ending == "quiet" and invariant.name not in run.unseen',
        "invariant.name not in run.unseen",
        "a run that did not end has shown what happens sometimes",
        OF_REPORTS,
    ),
    Mutant(
        REPORT,
        "return self.finding is None and not self.unreached and self.runs > 0",
        "return self.finding is None and self.runs > 0",
        "a scenario holds that never reaches what it claims to",
        OF_REPORTS,
    ),
    Mutant(
        REPORT,
        "return self.finding is None and not self.unreached and self.runs > 0",
        "return self.finding is None and not self.unreached",
        "a report of no runs holds",
        OF_REPORTS,
    ),
    Mutant(
        REPORT,
        "if self.calls and sum(self.failed_calls.values()) == self.calls:",
        "if False:",
        "a report does not say that every call failed",
        OF_REPORTS,
    ),
    Mutant(
        REPORT,
        "        self.failed_functions.update(run.view.failed_functions())\n",
        "",
        "a report does not say which scheduled functions threw",
        OF_REPORTS,
    ),
    # ------------------------------------------------------------------------------------------------- the ready ones
    Mutant(
        GENERIC,
        "assert cycle is None, tell_cycle(view.history, cycle)",
        "assert True",
        "every history is serializable",
        OF_SERIAL,
    ),
    Mutant(
        GENERIC,
        "        if call.outcome is None:\n",
        "        if False:\n",
        "a world with a call that has not come back is at rest",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        "        if fate.state in _UNFINISHED:\n            yield",
        "        if False:\n            yield",
        "a world in which functions wait is at rest",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        '_FINE: Final = ("success", "canceled")',
        '_FINE: Final = ("success", "canceled", "failed")',
        "a scheduled function that failed is not left behind",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        '_FINE: Final = ("success", "canceled")',
        '_FINE: Final = ("success", "canceled", "born canceled")',
        "a function that was born canceled is not left behind",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        '_FINE: Final = ("success", "canceled")',
        '_FINE: Final = ("success",)',
        "a function that somebody has canceled is left behind",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        'fate.state == "inProgress" or fate.due_ms > view.now',
        'fate.state == "inProgress"',
        "what is not due when the time is over is left behind",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        'view.ends_at < inf and (fate.state == "inProgress" or fate.due_ms > view.now)',
        "view.ends_at < inf",
        "what is due when the time is over, and waits, is not left behind",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        "assert each.attempts <= attempts, told",
        "assert each.attempts < attempts, told",
        "a budget of retries is spent one attempt too soon",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        "if type(attempts) is not int or attempts < 1:",
        "if type(attempts) is not int or attempts < 0:",
        "there may be a budget of no attempts",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        "view.now - since > within_ms:",
        "view.now - since >= within_ms:",
        "what comes in the last moment of its time is late",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        "    if since is not None and view.now - since > within_ms:\n".replace("    if", "        if", 1),
        "        if False:\n",
        "what comes too late has come",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        "return _Owed(view.now) if since is None and judge(one, view, 0) is None else owed",
        "return _Owed(view.now) if judge(one, view, 0) is None else owed",
        "what is owed is owed anew as long as its cause holds",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        "        if judge(other, view, 0) is None:\n            return _Owed()\n",
        "        if since is not None and judge(other, view, 0) is None:\n            return _Owed()\n",
        "what is there already is owed",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        "rests = view.ends_at == inf or not (view.has_crons or any(_left(view)))",
        "rests = view.ends_at == inf",
        "in a world at rest before its end what is owed may still come",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        "not (view.has_crons or any(_left(view)))",
        "not any(_left(view))",
        "what a cron may still bring never comes",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        "owed.since + within_ms <= view.ends_at",
        "owed.since + within_ms < view.ends_at",
        "what should have come in the last moment of a world is not late",
        OF_GENERIC,
    ),
    Mutant(
        GENERIC,
        "        if owed.late is not None:\n            return owed\n",
        "",
        "what was late once is forgotten",
        OF_GENERIC,
    ),
    # --------------------------------------------------------------------------------------------------- what they see
    Mutant(
        VIEW,
        "found = [answered for answered in self._answers() if answered.function == label][skip:]",
        "found = [answered for answered in self._answers()[skip:] if answered.function == label]",
        "skip counts the answers of other functions",
        (*OF_PAST, *OF_GENERIC, "tests/test_runtime.py", "tests/test_faults.py", "tests/components/test_invariants.py"),
    ),
    Mutant(
        VIEW,
        ".entries[: self._appended[name]]\n\n    def contents",
        ".entries\n\n    def contents",
        "a view of the past shows what was appended outside since",
        OF_PAST,
    ),
    Mutant(
        VIEW,
        "return self._environment.answers[: self._answered]",
        "return self._environment.answers",
        "a view of the past shows answers that came later",
        OF_PAST,
    ),
    Mutant(
        VIEW,
        "self._environment.network.requests[: self._requested]",
        "self._environment.network.requests",
        "a view of the past shows requests that were sent later",
        OF_PAST,
    ),
    Mutant(
        VIEW,
        "return self._environment.struck[: self._struck]",
        "return self._environment.struck",
        "a view of the past shows faults that struck later",
        OF_PAST,
    ),
    Mutant(
        VIEW,
        "in self._environment.retried[: self._retried]}",
        "in self._environment.retried}",
        "a view of the past shows retries that came later",
        OF_PAST,
    ),
    Mutant(
        VIEW,
        "for each in reversed(moments):",
        "for each in moments:",
        "the past is folded from its end",
        OF_PAST,
    ),
    Mutant(
        VIEW,
        'call.activity.startswith(f"{client}.")',
        "call.activity.startswith(client)",
        "alice's calls are those of alice2 too",
        OF_ASKING,
    ),
    Mutant(
        VIEW,
        "and root_of(answered.activity) == answered.activity",
        "",
        "what a scheduled action calls counts as a scheduled function that threw",
        OF_REPORTS,
    ),
    Mutant(
        VIEW,
        '        self.looked["network"] = None\n',
        "",
        "to a reduced search nobody looks at the network",
        ("tests/explore/test_dpor.py",),
    ),
    # --------------------------------------------------------------------------------------------------------- faults
    Mutant(
        FAULTS,
        "return self.plan.budget(fault) - self.left.get(fault, 0)",
        "return self.left.get(fault, 0)",
        "the backend counts the restarts that are left for those that were",
        OF_FAULTS,
    ),
    Mutant(
        FAULTS,
        '    if type(value) is not int or value < 0:\n        msg = f"Faults(',
        '    if type(value) is not int:\n        msg = f"Faults(',
        "a fault may strike less than never",
        OF_FAULTS,
    ),
    Mutant(
        FAULTS,
        "or not -inf < skew < inf or not skew:",
        "or not -inf < skew < inf:",
        "a clock that is right counts as skewed",
        OF_FAULTS,
    ),
    Mutant(
        FAULTS,
        "        if fault not in self.left:\n            return 0\n",
        "",
        "a fault that is not planned may strike",
        OF_FAULTS,
    ),
    Mutant(
        FAULTS,
        "            self._struck.append(Struck(fault, named[way - 1], activity))\n",
        "",
        "nobody hears that a fault has struck",
        OF_FAULTS,
    ),
    Mutant(
        FAULTS,
        '"disconnect": "disconnects",',
        '"disconnect": "restarts",',
        "clients lose connections as often as the backend dies",
        OF_FAULTS,
    ),
    Mutant(
        CONNECTION,
        "            if not way:\n                stage.in_flight",
        "            if True:\n                stage.in_flight",
        "an answer that is lost arrives",
        OF_FAULTS,
    ),
    Mutant(
        CONNECTION,
        "                stage.in_flight.pop(activity, None)\n",
        "",
        "a restart loses answers that have arrived",
        OF_FAULTS,
        "an answer that has been given refuses to be given again, and that is passed over",
    ),
    Mutant(
        CONNECTION,
        "                self._failures = 0\n",
        "",
        "the delay before connecting again never begins anew",
        OF_FAULTS,
    ),
    Mutant(
        CONNECTION,
        "_LONGEST_RECONNECT_MS: Final = 16_000",
        "_LONGEST_RECONNECT_MS: Final = 32_000",
        "the delay before connecting again grows beyond 16 s",
        OF_FAULTS,
    ),
    Mutant(
        OUTSIDE,
        "        if way:\n            self.stage.restart()\n",
        "        if way == 1:\n            self.stage.restart()\n",
        "a backend that dies after it has used the outside lives on",
        OF_FAULTS,
    ),
    # ---------------------------------------------------------------------------------------------------------- limits
    Mutant(
        LIMITS,
        "if self._system_rows > limits.system_rows or self._system_bytes > limits.system_bytes:",
        "if self._system_rows >= limits.system_rows or self._system_bytes > limits.system_bytes:",
        "the last row of the budget of system rows is refused",
        OF_LIMITS,
    ),
    Mutant(
        LIMITS,
        "if self._system_rows > limits.system_rows or self._system_bytes > limits.system_bytes:",
        "if self._system_rows > limits.system_rows:",
        "the bytes of system rows do not count",
        OF_LIMITS,
    ),
    Mutant(
        LIMITS,
        "if self.documents_written > limits.documents_written or self.bytes_written > limits.bytes_written:",
        "if self.documents_written > limits.documents_written:",
        "the bytes that are written do not count",
        OF_LIMITS,
    ),
    Mutant(
        LIMITS,
        "if self.documents_read > limits.documents_read or self.bytes_read > limits.bytes_read:",
        "if self.documents_read > limits.documents_read:",
        "the bytes that are read do not count",
        OF_LIMITS,
    ),
    Mutant(
        LIMITS,
        "self.functions_scheduled + 1, limits.functions_scheduled)",
        "self.functions_scheduled, limits.functions_scheduled)",
        "one scheduled function more than allowed is allowed",
        OF_LIMITS,
    ),
    Mutant(
        LIMITS,
        "        self.scheduled_args_bytes = total\n",
        "        self.scheduled_args_bytes = args_size\n",
        "only the arguments of the last scheduled function count",
        OF_LIMITS,
    ),
    Mutant(
        LIMITS,
        '{"remaining": max(0, most - used), "used": used}',
        '{"remaining": most - used, "used": used}',
        "less than nothing may remain",
        OF_LIMITS,
    ),
    Mutant(
        LIMITS,
        "limits = self._system_limits\n",
        "limits = self.limits\n",
        "the budget of system rows is lifted with the limits",
        OF_LIMITS,
    ),
    *(
        Mutant(
            LIMITS,
            f"    {name}: int = _most({default})\n",
            f"    {name}: int = _most({wrong})\n",
            f"Convex's own limit of {name} is another one",
            ("tests/functions/test_limits.py", "tests/test_action_time.py"),
        )
        for name, default, wrong in (
            ("read_intervals", "4_096", "4_097"),
            ("documents_written", "16_000", "8_192"),
            ("functions_scheduled", "1_000", "1_001"),
            ("document_size", "1 << 20", "1 << 24"),
            ("document_nesting", "16", "17"),
            ("action_ms", "1_800_000", "600_000"),
        )
    ),
    # ------------------------------------------------------------------------------------ the properties of a component
    Mutant(
        CHRONICLE,
        "    return row_id is None or any(",
        "    return True or any(",
        "an admission is late though another one has taken its row",
        ("tests/components/test_properties_hardened.py",),
    ),
    Mutant(
        CHRONICLE,
        "    if accumulating != told.seen:\n        return told\n",
        "",
        "an add that lost to flushes is taken for one that lost to adds alone",
        ("tests/components/test_properties_timing.py",),
    ),
)
