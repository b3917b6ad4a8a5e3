"""Mutants of the matrix of properties and versions: its workloads, what becomes of them, and what a cell says."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

MATRIX: Final = "convexsim/testing/matrix.py"
SMALLER: Final = "convexsim/testing/smaller.py"
WORKLOAD: Final = "convexsim/testing/workload.py"

OF_MATRIX: Final = ("tests/testing/test_matrix.py",)
OF_WORKLOADS: Final = ("tests/testing/test_workload.py",)

MUTANTS: Final = (
    Mutant(
        WORKLOAD,
        "int(self._next() * (high - low + 1))",
        "int(self._next() * (high - low))",
        "the highest number is never drawn",
        OF_WORKLOADS,
    ),
    Mutant(
        WORKLOAD,
        "clients={name: done for name, done in clients.items() if done})",
        "clients=clients)",
        "a client that does nothing is left in a smaller workload",
        OF_WORKLOADS,
    ),
    Mutant(
        WORKLOAD,
        "(each.owner, each.at) == (name, at)",
        "each.at == at",
        "with the pause of one call those of other clients' calls are left out",
        ("tests/testing/test_smaller.py", "tests/testing/test_workload.py"),
    ),
    Mutant(
        WORKLOAD,
        'wait_ms=0 if any(place.kind == "pause" for place in out) else entry.wait_ms',
        "wait_ms=entry.wait_ms",
        "a pause that is left out stays",
        OF_WORKLOADS,
    ),
    Mutant(
        WORKLOAD,
        "    if kind not in _KINDS:\n",
        "    if False:\n",
        "a client may guess in a workload",
        OF_WORKLOADS,
    ),
    Mutant(
        MATRIX,
        "found = min(broken, key=lambda each: subject.rank(each.models))",
        "found = max(broken, key=lambda each: subject.rank(each.models))",
        "a cell says the strongest models that break a property",
        OF_MATRIX,
    ),
    Mutant(
        MATRIX,
        '"holds" if runs else "not explored"',
        '"holds"',
        "what nobody has explored holds",
        OF_MATRIX,
    ),
    Mutant(
        MATRIX,
        "        whole = [number for number in whole if number not in leg.found]\n",
        "",
        "a property that broke is looked for again under stronger models",
        OF_MATRIX,
    ),
    Mutant(
        MATRIX,
        "                if len(leg.found) == len(asked):\n                    break\n",
        "",
        "workloads are explored though all that was asked is known",
        OF_MATRIX,
    ),
    Mutant(
        MATRIX,
        "        if at < len(before):\n",
        "        if False:\n",
        "legs that are known are explored again",
        OF_MATRIX,
    ),
    Mutant(
        MATRIX,
        'Draw(f"{budget.seed}:{leg.part}',
        'Draw(f"{leg.part}',
        "another seed gives the same workloads",
        OF_MATRIX,
    ),
    Mutant(
        MATRIX,
        "return [each for each in sets if each != models and judged(each)]",
        "return [each for each in sets if each != models]",
        "models under which a property is not judged count as weaker ones",
        OF_MATRIX,
    ),
    Mutant(
        MATRIX,
        "subject.rank(found.models) < known and",
        "subject.rank(found.models) <= known and",
        "what would say no more is tried in other versions",
        OF_MATRIX,
    ),
    Mutant(
        SMALLER,
        "            is_less = self._leave_out_each(_likely)\n",
        "            is_less = False\n",
        "a failure is called minimal though nobody has tried to leave anything out",
        ("tests/testing/test_smaller.py",),
    ),
    Mutant(
        SMALLER,
        "is_broken = breaks_like(self.run, run)",
        "is_broken = bool(run.violations)",
        "a failure is made smaller into one that breaks something else",
        ("tests/testing/test_smaller.py", "tests/testing/test_matrix.py"),
    ),
)
