"""Mutants of what user code sees: `convexsim/functions/`."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

SCHEDULED: Final = "convexsim/functions/scheduled.py"
PERFORM: Final = "convexsim/functions/perform.py"
DOCUMENTS: Final = "convexsim/functions/documents.py"
EXECUTION: Final = "convexsim/functions/execution.py"
QUERY: Final = "convexsim/functions/query.py"
FILTER: Final = "convexsim/functions/filter.py"
PAGES: Final = "convexsim/functions/pagination.py"
CRON_ROWS: Final = "convexsim/functions/cron_rows.py"
RETENTION: Final = "convexsim/functions/retention.py"
REQUESTS: Final = "convexsim/functions/session_requests.py"
MEMORY: Final = "convexsim/functions/memory.py"

OF_SCHEDULED: Final = ("tests/functions/test_scheduled.py", "tests/functions/test_cancel.py")
OF_COPIES: Final = ("tests/functions/test_copies.py",)
OF_NESTED: Final = ("tests/functions/test_nested.py",)
OF_DOCUMENTS: Final = ("tests/functions/test_database_api.py", "tests/functions/test_documents.py")
OF_PAGES: Final = ("tests/functions/test_pagination.py",)
OF_FILTER: Final = ("tests/functions/test_filter.py",)
OF_FAULTS: Final = ("tests/test_faults.py",)
OF_CRONS: Final = ("tests/test_crons.py", "tests/functions/test_crons.py")

MUTANTS: Final = (
    # ------------------------------------------------------------------------------------------ scheduled functions
    Mutant(
        SCHEDULED,
        "born_canceled = parent is not None and",
        "born_canceled = False and parent is not None and",
        "what is scheduled under a canceled parent runs",
        OF_SCHEDULED,
    ),
    Mutant(
        SCHEDULED,
        'return _set_state(execution, row, "canceled") if state in _UNFINISHED else state',
        'return _set_state(execution, row, "canceled") if state == "pending" else state',
        "a running function cannot be canceled",
        OF_SCHEDULED,
    ),
    Mutant(
        SCHEDULED,
        'return _set_state(execution, row, "canceled") if state in _UNFINISHED else state',
        'return _set_state(execution, row, "canceled")',
        "a function that has ended can be canceled",
        OF_SCHEDULED,
    ),
    Mutant(
        SCHEDULED,
        "if row is None or _state(row) not in _UNFINISHED:",
        "if row is None:",
        "the end of a canceled function overwrites that it was canceled",
        OF_SCHEDULED,
    ),
    Mutant(
        SCHEDULED,
        'if row is not None and state == "pending":\n',
        "if row is not None:\n",
        "the start of a canceled function makes it run again",
        OF_SCHEDULED,
    ),
    Mutant(
        SCHEDULED,
        '"nextTs": max(at_ms, execution.now),',
        '"nextTs": at_ms,',
        "what is scheduled for the past overtakes what is due",
        OF_SCHEDULED,
    ),
    Mutant(
        SCHEDULED,
        "return (self.due_ms, self.component,",
        "return (self.component, self.due_ms,",
        "functions that are due do not start in the order of their times",
        OF_SCHEDULED,
    ),
    Mutant(
        SCHEDULED,
        "if parent is not None and (parent.component, parent.id) == (scheduled.component, scheduled.id):",
        "if False:",
        "a function that cancels itself is canceled like any other on every platform",
        OF_SCHEDULED,
    ),
    Mutant(
        SCHEDULED,
        "if abs(at_ms - now) > _FARTHEST_MS:",
        "if at_ms - now > _FARTHEST_MS:",
        "a function can be scheduled for any time in the past",
        OF_SCHEDULED,
    ),
    Mutant(
        SCHEDULED,
        '"systemErrors": scheduled.system_errors + 1}',
        '"systemErrors": 1}',
        "the back-off after system errors does not grow",
        (*OF_FAULTS, *OF_SCHEDULED),
    ),
    Mutant(
        SCHEDULED,
        '"activity": run_anew(scheduled.activity)}',
        '"activity": scheduled.activity}',
        "a function that runs anew has the path, and so the ids, of the run before",
        OF_FAULTS,
    ),
    Mutant(
        SCHEDULED,
        "if row is not None and state in _UNFINISHED:\n",
        "if row is not None:\n",
        "a function that was canceled is put back into its queue",
        OF_FAULTS,
    ),
    Mutant(
        SCHEDULED,
        '_UNFINISHED: Final = ("pending", "inProgress")',
        '_UNFINISHED: Final = ("pending",)',
        "functions in progress are forgotten by cancel, by their end and by a restart",
        OF_SCHEDULED,
    ),
    Mutant(
        SCHEDULED,
        '"scheduledTime": execution.begin_ms if born_canceled else at_ms,',
        '"scheduledTime": execution.begin_ms,',
        "a scheduled function does not say for when",
        OF_SCHEDULED,
    ),
    Mutant(
        RETENTION,
        'row.value["completedTime"] + RETENTION_MS <= now',
        'row.value["completedTime"] + RETENTION_MS < now',
        "a finished function is kept longer than a week",
        ("tests/functions/test_retention.py",),
    ),
    Mutant(
        RETENTION,
        'finished = [row for row in rows if "completedTime" in row.value]',
        "finished = rows",
        "functions that have not run are forgotten",
        ("tests/functions/test_retention.py",),
    ),
    # --------------------------------------------------------------------------------------------------- performing
    Mutant(
        PERFORM,
        "        if isinstance(outcome, Threw):\n            transaction.rollback(savepoint)\n",
        "        if isinstance(outcome, Threw):\n",
        "the writes of a nested call that threw stay",
        OF_NESTED,
    ),
    Mutant(
        PERFORM,
        "            usage.limits = outer",
        "            pass",
        "the limits of a nested call hold on after it",
        ("tests/functions/test_budgets.py",),
    ),
    Mutant(
        PERFORM,
        "execution = self._on_snapshot() if stale else self._execution",
        "execution = self._execution",
        "a stale query sees the writes before it, and what it reads can conflict",
        ("tests/functions/test_documents.py", "tests/functions/test_guards.py"),
    ),
    Mutant(
        PERFORM,
        "own.now, own.parent)",
        "own.now, None)",
        "a stale query has no parent",
        OF_NESTED,
        "a query schedules nothing, and the parent is only looked at by what schedules",
    ),
    Mutant(
        PERFORM,
        "if self._depth + 1 > MAX_CALL_DEPTH:",
        "if self._depth > MAX_CALL_DEPTH:",
        "calls nest one level deeper",
        (*OF_NESTED, "tests/functions/test_limits.py"),
    ),
    Mutant(
        PERFORM,
        "if self._depth + 1 > MAX_CALL_DEPTH:",
        "if self._depth + 1 >= MAX_CALL_DEPTH:",
        "calls nest one level less",
        (*OF_NESTED, "tests/functions/test_limits.py"),
    ),
    Mutant(
        PERFORM,
        'seed = f"{self.seed}>{self._children}"',
        "seed = self.seed",
        "a nested call draws the random numbers of its caller",
        (*OF_NESTED, "tests/functions/test_derivation.py"),
    ),
    Mutant(
        PERFORM,
        'validator.check(frozen, "args", tables.names)',
        "pass",
        "arguments are not validated",
        ("tests/functions/test_define.py", "tests/functions/test_boundaries.py", "tests/functions/test_errors.py"),
    ),
    Mutant(
        PERFORM,
        'validator.check(frozen, "returns", tables.names)',
        "pass",
        "results are not validated",
        ("tests/functions/test_define.py", "tests/functions/test_boundaries.py", "tests/functions/test_errors.py"),
    ),
    Mutant(
        PERFORM,
        "if size > limits.function_args or size > limits.value_size:",
        "if size > limits.value_size:",
        "arguments may be as large as any value",
        ("tests/functions/test_limits.py",),
    ),
    Mutant(
        PERFORM,
        "definition.call(_CTX[definition.kind](frame), thaw(args))",
        "definition.call(_CTX[definition.kind](frame), args)",
        "a handler is handed the very arguments that were checked",
        ("tests/functions/test_derivation.py", "tests/functions/test_edges.py", "tests/functions/test_executor.py"),
        "the check has made a copy of its own, which nobody else holds",
    ),
    Mutant(
        PERFORM,
        "self._execution.transaction.is_pending = True",
        "pass",
        "a commit timestamp that was asked for is never resolved",
        ("tests/functions/test_commit_ts.py",),
    ),
    Mutant(
        PERFORM,
        "self._execution.environment.uses += 1",
        "pass",
        "the use of an outside object is recalled, not made anew",
        ("tests/explore/test_recall.py",),
    ),
    # ---------------------------------------------------------------------------------------------------- documents
    Mutant(
        DOCUMENTS,
        'if self._kind != "mutation":',
        "if False:",
        "a query may write",
        ("tests/functions/test_contexts.py", "tests/functions/test_executor.py", "tests/functions/test_guards.py"),
    ),
    Mutant(
        DOCUMENTS,
        "        if equal(old.value, value):\n            return\n",
        "",
        "a patch that changes nothing is a write",
        OF_DOCUMENTS,
    ),
    Mutant(
        DOCUMENTS,
        "            value.pop(name, None)\n",
        "            pass\n",
        "a patch does not remove fields",
        OF_DOCUMENTS,
    ),
    Mutant(
        DOCUMENTS,
        "self._replace(old, {**own, **_fields(value)})",
        "self._replace(old, {**old.value, **own, **_fields(value)})",
        "a replace keeps the other fields",
        OF_DOCUMENTS,
    ),
    Mutant(
        DOCUMENTS,
        "if table.definition is None or not table.enforced:",
        "if True:",
        "documents are not validated",
        (*OF_DOCUMENTS, "tests/functions/test_edges.py"),
    ),
    Mutant(
        DOCUMENTS,
        "self._check(old.table, value)\n        self._execution.replace",
        "self._execution.replace",
        "documents are validated only when they are inserted",
        (*OF_DOCUMENTS, "tests/functions/test_edges.py"),
    ),
    Mutant(
        DOCUMENTS,
        "return (row for row in rows if matches(selection.filters, row))",
        "return rows",
        "filters keep everything",
        OF_FILTER,
    ),
    Mutant(
        DOCUMENTS,
        "self._has_paginated = True",
        "self._has_paginated = False",
        "a function may paginate twice",
        OF_PAGES,
    ),
    Mutant(
        EXECUTION,
        "newest + _STAMP_MS, nextafter(newest, inf))",
        "newest)",
        "documents of one moment share their creation time",
        ("tests/functions/test_derivation.py", "tests/functions/test_database_api.py"),
    ),
    Mutant(
        EXECUTION,
        'return f"{self.activity}#{self.attempt}"',
        "return self.activity",
        "a retry makes the ids of the attempt before",
        ("tests/functions/test_derivation.py",),
    ),
    Mutant(
        EXECUTION,
        "if document.size > limits.document_size:",
        "if document.size > limits.document_size + 1:",
        "a document may be one byte larger",
        ("tests/functions/test_limits.py",),
    ),
    # ---------------------------------------------------------------------------------------- queries, filters, pages
    Mutant(
        QUERY,
        "if len(taken) == count:",
        "if len(taken) > count:",
        "take returns a row too many",
        OF_DOCUMENTS,
    ),
    Mutant(QUERY, "rows = self.take(2)", "rows = self.take(1)", "unique does not see the second row", OF_DOCUMENTS),
    Mutant(
        QUERY,
        'descending=direction == "desc"',
        'descending=direction == "asc"',
        "orders are turned round",
        OF_DOCUMENTS,
    ),
    Mutant(
        QUERY,
        "return [thaw(row) for row in self._rows()]",
        "return list(self._rows())",
        "who changes what collect returned changes the document",
        OF_COPIES,
    ),
    Mutant(
        QUERY,
        "taken.append(thaw(row))",
        "taken.append(row)",
        "who changes what take returned changes the document",
        OF_COPIES,
    ),
    Mutant(
        QUERY,
        "yield thaw(row)",
        "yield row",
        "who changes a row in a loop changes the document",
        OF_COPIES,
    ),
    Mutant(
        QUERY,
        "thaw(self._syscalls.paginate(self._selection, options))",
        "self._syscalls.paginate(self._selection, options)",
        "who changes a page changes the documents",
        OF_COPIES,
    ),
    Mutant(
        DOCUMENTS,
        'frozen = freeze_pending(value, "document")',
        "frozen = value",
        "who changes what he has written changes the document",
        OF_COPIES,
    ),
    Mutant(
        PERFORM,
        'target, freeze(args, "args"))',
        "target, args)",
        "who changes what he has scheduled changes its arguments",
        OF_COPIES,
    ),
    Mutant(
        "convexsim/functions/outcome.py",
        "return thaw(self.value)",
        "return self.value",
        "who changes a result changes it for whoever asks next",
        OF_COPIES,
    ),
    Mutant(
        "convexsim/functions/environment.py",
        "return [thaw(entry) for entry in self._entries]",
        "return list(self._entries)",
        "whoever looks at an outside object can change it",
        OF_COPIES,
    ),
    Mutant(
        FILTER,
        '"lt": lambda left, right: left < right',
        '"lt": lambda left, right: left <= right',
        "lt takes equal values in",
        OF_FILTER,
    ),
    Mutant(
        FILTER,
        '"gte": lambda left, right: left >= right',
        '"gte": lambda left, right: left > right',
        "gte leaves equal values out",
        OF_FILTER,
    ),
    Mutant(
        FILTER,
        "return any(_truth(operand, document) for operand in operands)",
        "return any([_truth(operand, document) for operand in operands])",
        "or looks at what comes after the first true operand",
        OF_FILTER,
    ),
    Mutant(
        FILTER,
        "1 if (left < 0) == (right < 0) else -1",
        "1",
        "an int64 divided by one of the other sign is positive",
        OF_FILTER,
    ),
    Mutant(
        PAGES,
        "at = min(max(after(key), low), high)",
        "at = min(max(key, low), high)",
        "the last row of a page is the first one of the next",
        OF_PAGES,
    ),
    Mutant(
        PAGES,
        "len(page) < options.num_items:",
        "len(page) <= options.num_items:",
        "a page has a row too many",
        OF_PAGES,
    ),
    Mutant(
        PAGES,
        "if cursor is not None and cursor.fingerprint != fingerprint:",
        "if False:",
        "the cursor of another query is accepted",
        OF_PAGES,
    ),
    Mutant(
        PAGES,
        '"isDone": last.key is None,',
        '"isDone": not page,',
        "a last page with rows is not the last",
        OF_PAGES,
    ),
    # ------------------------------------------------------------------------------------ crons, sessions and memory
    Mutant(
        PAGES,
        "size > min(options.maximum_bytes or most_bytes, most_bytes) * 3 // 4",
        "size > min(options.maximum_bytes or most_bytes, most_bytes) * 4 // 4",
        "a page that has nearly read all its bytes recommends no split",
        OF_PAGES,
    ),
    Mutant(
        QUERY,
        "frozen = value if value is UNDEFINED else freeze_pending(value, field)",
        "frozen = value",
        "the value of a bound is no value like any other",
        ("tests/functions/test_database_api.py",),
    ),
    Mutant(
        CRON_ROWS,
        '    if row.value["state"]["kind"] == "inProgress":\n        return False\n',
        "",
        "the run of a cron that died runs again",
        (*OF_CRONS, *OF_FAULTS),
    ),
    Mutant(
        CRON_ROWS,
        '"nextMs": due_ms, "prevMs": cron.due_ms, "run": cron.number + 1}',
        '"nextMs": due_ms, "prevMs": cron.due_ms, "run": cron.number}',
        "the row of a cron does not count its runs",
        (*OF_CRONS, *OF_FAULTS),
    ),
    Mutant(
        CRON_ROWS,
        "log[-_LOG_ROWS:]",
        "log[-_LOG_ROWS - 1 :]",
        "a cron remembers a run more",
        OF_CRONS,
    ),
    Mutant(
        CRON_ROWS,
        "if isinstance(timing, Interval) else 0\n    if skipped:",
        "if isinstance(timing, Interval) else 0\n    if False:",
        "runs of a cron that were skipped are not logged",
        OF_CRONS,
    ),
    Mutant(
        REQUESTS,
        '        return Returned(row.value["result"])\n',
        "        break\n",
        "a mutation that a client sends again happens again",
        OF_FAULTS,
    ),
    Mutant(
        REQUESTS,
        "    if isinstance(outcome, Returned):\n",
        "    if not isinstance(outcome, Returned):\n",
        "a mutation that threw is remembered as done, one that returned is not",
        OF_FAULTS,
    ),
    Mutant(
        MEMORY,
        "self._is_lost = self._shared.value() != self._first",
        "pass",
        "runs recall what handlers did before they changed what they share",
        ("tests/explore/test_recall.py",),
    ),
    Mutant(
        MEMORY,
        "key = self.snapshot, (self.snapshot, final, now_ms)",
        "key = self.snapshot, (final, now_ms)",
        "the verdict of a commit is recalled whatever was committed before",
        ("tests/test_memory.py", "tests/explore/test_recall.py"),
    ),
)
