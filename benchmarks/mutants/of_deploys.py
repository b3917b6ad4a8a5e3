"""Mutants of what changes or recurs while a world goes on: deploys and crons."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

DEPLOY: Final = "convexsim/functions/deploy.py"
DEPLOYING: Final = "convexsim/actors/deploy.py"
CRON_ROWS: Final = "convexsim/functions/cron_rows.py"
CRONS: Final = "convexsim/functions/crons.py"
CRON_SCHEDULE: Final = "convexsim/functions/cron_schedule.py"
EXECUTOR: Final = "convexsim/actors/crons.py"

OF_DEPLOYS: Final = ("tests/test_deploys.py",)
OF_TIMES: Final = ("tests/functions/test_crons.py",)
OF_CRONS: Final = ("tests/test_crons.py",)

MUTANTS: Final = (
    # -------------------------------------------------------------------------------------------------------- deploys
    Mutant(
        DEPLOYING,
        "    environment.deploy(deployed.catalog, stage.database.snapshot.ts + 1)\n",
        "",
        "a deploy leaves the old handlers in place",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOYING,
        "environment.deploy(deployed.catalog, stage.database.snapshot.ts + 1)",
        "environment.deploy(deployed.catalog, stage.database.snapshot.ts)",
        "who has begun before a deploy runs its code",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOYING,
        "    if isinstance(made.outcome, Threw):\n        return made.outcome\n    deployed",
        "    if isinstance(made.outcome, Threw):\n        return Returned(None)\n    deployed",
        "a deploy that was refused is said to be done",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOYING,
        "    if footprints is not None:\n        footprints.touch(APP)\n",
        "",
        "to a reduced search a deploy commutes with what looks up functions",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOYING,
        "    if footprints is not None:\n        footprints.judged(made.final, verdict)\n",
        "",
        "to a reduced search a deploy writes nothing",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOYING,
        "    if had_executor:\n        change_crons(stage, activity, deployed.crons)\n    elif",
        "    if had_executor:\n        pass\n    elif",
        "a deploy leaves the crons as they were",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOYING,
        "    elif deployed.catalog.has_crons:\n        start_executor(stage, activity, deployed.crons.waiting)\n",
        "",
        "the first crons that are deployed never run",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOYING,
        "writes=(*verdict.writes, *indexed)",
        "writes=verdict.writes",
        "a history does not know which documents were indexed anew",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOY,
        "if table.definition is not None and table.enforced:",
        "if False:",
        "what is stored need not fit the new schema",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOY,
        "if table.definition is not None and table.enforced:",
        "if table.definition is not None:",
        "a schema that is not enforced refuses a deploy",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOY,
        "one.definition == other.definition and one.enforced == other.enforced",
        "one.definition == other.definition",
        "a schema that is enforced from now on does not look at what was never checked",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOY,
        "tables[name] = was if _is_same(was, table) else evolve(table, number=was.number)",
        "tables[name] = was if _is_same(was, table) else table",
        "a table that changes gets another number, and its documents other ids",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOY,
        "table if numbers is None or table.is_system else evolve(table, number=next(numbers))",
        "table",
        "a new table takes the number of one that is there",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOY,
        "tables[name] = was if was.definition is None else make_table(mounted.path, name, was.number)",
        "pass",
        "a table that no schema names any more is gone",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOY,
        "was if was.definition is None else make_table(mounted.path, name, was.number)",
        "was",
        "a table that no schema names any more keeps its indexes",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOY,
        "table.document(document.value)))",
        "document))",
        "an index that is new is built with the keys of the old ones",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOY,
        "    if unmounted:\n",
        "    if False:\n",
        "a component can be unmounted, and what it has scheduled is nowhere",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOY,
        "after[label] is not before[label]",
        "after[label] is before[label]",
        "a trace counts as changed the functions that have stayed",
        OF_DEPLOYS,
    ),
    Mutant(
        DEPLOY,
        "for one, other in ((after, before), (before, after))",
        "for one, other in ((before, after), (after, before))",
        "a trace tells what is new as gone",
        OF_DEPLOYS,
    ),
    # ------------------------------------------------------------------------------------------ crons that are deployed
    Mutant(
        CRON_ROWS,
        "        execution.transaction.delete(_row(execution, gone))\n",
        "",
        "the row of a cron that is gone stays",
        OF_DEPLOYS,
    ),
    Mutant(
        CRON_ROWS,
        "        execution.transaction.delete(_row(execution, gone))\n        over.append(gone.id)\n",
        "        execution.transaction.delete(_row(execution, gone))\n",
        "a cron that is gone is still waited for",
        OF_DEPLOYS,
    ),
    Mutant(
        CRON_ROWS,
        "crons[identifier].timing != definition.timing:",
        "crons[identifier] != definition:",
        "a cron that calls another function is timed anew",
        OF_DEPLOYS,
    ),
    Mutant(
        CRON_ROWS,
        'next_run(definition.timing, row.value["prevMs"], execution.begin_ms)',
        "next_run(definition.timing, None, execution.begin_ms)",
        "a cron whose interval is changed forgets when it last ran",
        OF_DEPLOYS,
    ),
    Mutant(
        EXECUTOR,
        "if cron.id not in message.over or cron.id in waited:",
        "if True:",
        "a cron that runs while a deploy times it anew is waited for twice",
        OF_DEPLOYS,
    ),
    Mutant(
        CRON_ROWS,
        "if self.identifier not in mounted.crons:\n            return None",
        "if False:\n            return None",
        "who starts a cron that is gone finds out too late",
        OF_DEPLOYS,
    ),
    # ----------------------------------------------------------------------------------------------------------- crons
    Mutant(
        CRON_ROWS,
        'if row.value["state"]["kind"] == "inProgress":\n        return False\n',
        "if False:\n        return False\n",
        "an action of a cron that was started before a restart is started again",
        ("tests/test_faults.py", *OF_CRONS),
    ),
    Mutant(
        CRON_ROWS,
        '{"kind": "success"} if error is None else {"error": error, "kind": "err"}',
        '{"kind": "success"}',
        "a cron logs an error as a success",
        OF_CRONS,
    ),
    Mutant(
        CRON_ROWS,
        "    execution.transaction.usage.limits = UNLIMITED\n",
        "",
        "what the platform reads for a cron counts against its function",
        ("tests/functions/test_budgets.py",),
    ),
    Mutant(
        CRON_ROWS,
        "// timing.period_ms - 1 if",
        "// timing.period_ms if",
        "a cron logs a run as skipped that was not",
        OF_CRONS,
    ),
    Mutant(
        CRONS,
        "previous + timing.period_ms * max(1, -(-behind // timing.period_ms))",
        "previous + timing.period_ms",
        "a cron makes up for every run that it has missed",
        OF_TIMES,
    ),
    Mutant(
        CRONS,
        "max(1, -(-behind // timing.period_ms))",
        "max(1, behind // timing.period_ms)",
        "a cron that is late is due in the past",
        OF_TIMES,
    ),
    Mutant(
        CRONS,
        "max(1, -(-behind // timing.period_ms))",
        "max(1, behind // timing.period_ms + 1)",
        "a cron skips the run that is due just now",
        OF_TIMES,
    ),
    Mutant(
        CRONS,
        "floor(now) - timing.splay_ms)",
        "floor(now))",
        "a splayed cron that has not run yet this time is skipped",
        (*OF_TIMES, *OF_CRONS),
    ),
    Mutant(
        CRONS,
        "ms // _MINUTE_MS + 1,",
        "ms // _MINUTE_MS,",
        "a cron runs again in the minute in which it has run",
        OF_TIMES,
    ),
    Mutant(
        CRONS,
        "from_minute = minute if day == first_day else 0",
        "from_minute = minute",
        "a cron that has to wait for another day runs too late on it",
        OF_TIMES,
    ),
    Mutant(
        CRONS,
        "by_day or by_weekday or",
        "(by_day and by_weekday) or",
        "where day and weekday are given a cron needs both",
        OF_TIMES,
    ),
    Mutant(CRONS, "(day + 4) % 7", "(day + 3) % 7", "the weekdays of crons are one off", OF_TIMES),
    Mutant(
        CRONS,
        "[*range(start, allowed.high + 1), *range(allowed.low, end + 1)][::step]",
        "[*range(start, allowed.high + 1, step), *range(allowed.low, end + 1, step)]",
        "a range that wraps around begins its steps anew",
        OF_TIMES,
    ),
    Mutant(
        CRONS,
        "if dash else allowed.high if slash else start",
        "if dash else start",
        "5/15 is only 5",
        OF_TIMES,
    ),
    Mutant(
        CRONS,
        "_LONGEST_GAP_DAYS: Final = 8 * 366",
        "_LONGEST_GAP_DAYS: Final = 366",
        "29 February never comes",
        OF_TIMES,
    ),
    Mutant(CRONS, "* (drawn % timing.splay_below_s)", "* drawn", "a splay may be longer than an hour", OF_TIMES),
    Mutant(
        CRON_SCHEDULE,
        'splay_below_s=_SPLAY_S if "minuteUTC" in schedule else _UNPINNED_SPLAY_S',
        "splay_below_s=_SPLAY_S",
        "crons that name no minute run all in the first one",
        OF_CRONS,
    ),
    Mutant(
        CRON_SCHEDULE,
        "if identifier in self.definitions:",
        "if False:",
        "of two crons of one name the first is lost",
        OF_CRONS,
    ),
    Mutant(
        CRON_SCHEDULE,
        '"minutes": 60_000, "hours": 3_600_000',
        '"minutes": 60_000, "hours": 360_000',
        "an hour has six minutes",
        OF_CRONS,
    ),
    Mutant(
        CRON_SCHEDULE,
        '_RANGES: Final = {"minuteUTC": (0, 59), "hourUTC": (0, 23), "day": (1, 31)}',
        '_RANGES: Final = {"minuteUTC": (0, 59), "hourUTC": (0, 24), "day": (0, 31)}',
        "a cron may run at hour 24 and on day 0",
        OF_CRONS,
    ),
)
