"""Mutants of what runs recall of each other: `database/sights.py`, `functions/memory.py`, and who tells them."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

SIGHTS: Final = "convexsim/database/sights.py"
MEMORY: Final = "convexsim/functions/memory.py"
TRANSACTION: Final = "convexsim/database/transaction.py"

OF_SIGHTS: Final = ("tests/database/test_sights.py",)
OF_RECALL: Final = ("tests/explore/test_recall.py",)

MUTANTS: Final = (
    Mutant(
        "convexsim/actors/action.py",
        "frame.goes_on()",
        "pass",
        "what an action changes in Python is not noticed",
        ("tests/explore/test_switches_in_python.py",),
    ),
    Mutant(
        "convexsim/functions/perform.py",
        "own.transaction.stale.append(beside.transaction.reads)",
        "pass",
        "what is seen of a stale snapshot leaves no footprint",
        ("tests/explore/test_dpor.py",),
    ),
    Mutant(
        SIGHTS,
        "yield (table, position, low, high), None",
        "pass",
        "rows that have come behind those that were seen are not noticed",
        OF_SIGHTS,
    ),
    Mutant(
        SIGHTS,
        "high = row.keys[position]",
        "pass",
        "of rows seen from the end on only the last one is looked at",
        OF_SIGHTS,
    ),
    Mutant(
        SIGHTS,
        "one.keys == other.keys and equal(one.value, other.value)",
        "one.keys == other.keys",
        "another revision of a document is taken for the one that was seen",
        OF_SIGHTS,
    ),
    Mutant(
        SIGHTS,
        "equal(one.value, other.value)",
        "one.value == other.value",
        "a revision that holds true is taken for one that holds 1",
        OF_SIGHTS,
    ),
    Mutant(
        SIGHTS,
        "if snapshot.components is self._components else iter(())",
        "",
        "a table that somebody has made meanwhile is not noticed",
        OF_SIGHTS,
    ),
    Mutant(
        SIGHTS,
        "for low, high in [_ALL] if position is None else intervals:",
        "for low, high in intervals:",
        "a request that has been served is looked for in the wrong index",
        OF_RECALL,
    ),
    Mutant(
        MEMORY,
        "if all(newest.get(table, -inf) == before for table, (before, _) in attempted.stamps.items()):",
        "if True:",
        "documents are recalled with the creation times of another order",
        OF_RECALL,
    ),
    Mutant(MEMORY, "self._asked % ASKED == 0", "False", "ways of attempts are never forgotten", OF_RECALL),
    Mutant(
        TRANSACTION,
        "begin_ts=begin_ts, changed=None",
        "begin_ts=begin_ts",
        "what is recalled from another snapshot takes that snapshot's tables with it",
        OF_RECALL,
    ),
    Mutant(
        TRANSACTION,
        "begin_ts=begin_ts, changed=None",
        "changed=None",
        "what is recalled from another snapshot is judged from there on",
        OF_RECALL,
    ),
    Mutant(
        "convexsim/functions/perform.py",
        "own.transaction.is_bound = True",
        "pass",
        "what looked at a stale snapshot is recalled by what it has read",
        OF_RECALL,
    ),
    Mutant(
        "convexsim/functions/retention.py",
        "execution.transaction.is_bound = True",
        "pass",
        "what the collector of finished functions found is recalled by what it has deleted",
        OF_RECALL,
    ),
    Mutant(
        "convexsim/database/history.py",
        "self.is_bound = True",
        "self.is_bound = False",
        "a history tells of revisions of another run",
        OF_RECALL,
    ),
)
