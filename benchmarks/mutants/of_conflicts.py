"""Mutants of the conflict report: who loses to whom, which read is to blame, and the model of traffic."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

CONTENTION: Final = "convexsim/explore/contention.py"
REPORT: Final = "convexsim/explore/conflicts.py"
ARRIVALS: Final = "convexsim/explore/arrivals.py"

OF_REPORT: Final = ("tests/explore/test_conflicts.py",)
OF_ARRIVALS: Final = ("tests/explore/test_arrivals.py",)

MUTANTS: Final = (
    Mutant(
        CONTENTION, "tally.calls += began.attempt == 1", "tally.calls += 1", "each attempt counts as a call", OF_REPORT
    ),
    Mutant(CONTENTION, " or [conflicted.conflict]", "", "a write from outside hits nothing", OF_REPORT),
    Mutant(CONTENTION, "[: self._newest - began.begin_ts]", "", "commits after the verdict count as met", OF_REPORT),
    Mutant(
        CONTENTION,
        "entry.ts in hit",
        "bool(hit)",
        "whoever was met on the way to a conflict counts as its cause",
        OF_REPORT,
    ),
    Mutant(
        CONTENTION,
        "if written.before is not None",
        "if written.before is None",
        "who inserts counts as one who changes",
        OF_REPORT,
    ),
    Mutant(
        REPORT,
        "sum(len(loss.hits) == 1 for loss in losses)",
        "len(losses)",
        "a read counts as decisive though another one was hit too",
        OF_REPORT,
    ),
    Mutant(
        REPORT,
        "loss.hits.keys() <= both",
        "loss.hits.keys() >= both",
        "two places count as to blame that have not caused it all",
        OF_REPORT,
    ),
    Mutant(
        REPORT,
        "_badness(tally) > _badness(known.tally)",
        "_badness(tally) < _badness(known.tally)",
        "the best run is told as the worst",
        OF_REPORT,
    ),
    Mutant(
        REPORT,
        "if is_sample:\n                _add",
        "if True:\n                _add",
        "means are of the lockstep run too",
        OF_REPORT,
    ),
    Mutant(ARRIVALS, "at <= begins", "at < begins", "who begins at the moment of a commit loses to it", OF_ARRIVALS),
    Mutant(ARRIVALS, "-2 * longest", "-longest / 1_000", "a call comes before the stream flows", OF_ARRIVALS),
    Mutant(ARRIVALS, "odds > 0 and draw() < odds", "odds > 0", "who may lose always loses", OF_ARRIVALS),
)
