"""Mutants of the matrix of properties and versions: its workloads, what becomes of them, and what a cell says."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

MATRIX: Final = "convexsim/testing/matrix.py"
SMALLER: Final = "convexsim/testing/smaller.py"
KEPT_ORDER: Final = "convexsim/testing/kept_order.py"
OF_COMPONENT: Final = "components/batch_processor/matrix.py"
WORKLOADS: Final = "components/batch_processor/workloads.py"
WORKLOAD: Final = "convexsim/testing/workload.py"

OF_MATRIX: Final = ("tests/testing/test_matrix.py",)
OF_GENERATED: Final = ("tests/components/test_workloads.py",)
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
        "            if not self._leave_out_each(_likely):\n",
        "            if True:\n",
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
    Mutant(
        SMALLER,
        "                most *= 2\n",
        "",
        "a long order is never shrunk to its end",
        ("tests/testing/test_smaller.py",),
    ),
    Mutant(
        SMALLER,
        "        kept = max(self._left - most, 0)\n",
        "        kept = 0\n",
        "one stage of the search for a smaller failure may spend all",
        ("tests/testing/test_smaller.py",),
    ),
    Mutant(
        SMALLER,
        "        yield KeptOrder(run.record, calls)\n",
        "",
        "a smaller workload is not tried in the order that broke the larger one",
        ("tests/testing/test_smaller.py",),
    ),
    Mutant(
        KEPT_ORDER,
        'if Place("call", client, at) not in out]',
        "]",
        "calls keep their numbers though earlier ones have been left out",
        ("tests/testing/test_smaller.py",),
    ),
    Mutant(
        KEPT_ORDER,
        'calls.get(call[0], "")',
        "calls.get(call[0], call[0])",
        "what came from a call that is left out is taken for that of another call",
        ("tests/testing/test_smaller.py",),
    ),
    Mutant(
        KEPT_ORDER,
        "                del self._rest[at]\n",
        "",
        "what has happened in the kept order is awaited again",
        ("tests/testing/test_smaller.py",),
    ),
    Mutant(
        KEPT_ORDER,
        "offered = [(kind, option.activity, option.phase) for option in options]",
        'offered = [(kind, option.activity, self._rest[0][2] if self._rest else "") for option in options]',
        "a begin is taken for a commit of the same activity",
        ("tests/testing/test_smaller.py",),
    ),
    Mutant(
        KEPT_ORDER,
        "return name and name + activity[call.end() :]",
        "return name",
        "what a call has caused is taken for the call",
        ("tests/testing/test_smaller.py",),
    ),
    Mutant(
        OF_COMPONENT,
        'if version in UPGRADES:\n        return one.half == "accumulator" and not is_about_timers',
        'if False:\n        return one.half == "accumulator" and not is_about_timers',
        "upgrades are asked for what jobs do",
        OF_GENERATED,
    ),
    Mutant(
        OF_COMPONENT,
        '    if number in _OF_M:\n        return "M" in models\n',
        "",
        "who cancels himself is looked for where nothing comes of it",
        OF_GENERATED,
    ),
    Mutant(
        OF_COMPONENT,
        "any(letter in one.lifted for letter in models)",
        "bool(one.lifted)",
        "the hardened version is excused of what it promises where nothing goes wrong",
        OF_GENERATED,
    ),
    Mutant(
        OF_COMPONENT,
        'judged = version.rpartition("→")[2]',
        'judged = version.partition("→")[0]',
        "after an upgrade documents are judged by the older version",
        OF_GENERATED,
    ),
    Mutant(
        WORKLOADS,
        "if _BRINGS[name] in models}",
        "}",
        "a workload that is restricted to weaker models keeps its faults",
        OF_GENERATED,
    ),
    Mutant(
        WORKLOADS,
        '    if "U" not in models:\n',
        "    if False:\n",
        "callbacks fail though the model has none that do",
        OF_GENERATED,
    ),
    Mutant(
        WORKLOADS,
        '    if "C" not in models:\n',
        "    if False:\n",
        "callbacks hang though actions do not die",
        OF_GENERATED,
    ),
    Mutant(
        WORKLOADS,
        "return all(needed <= {*config} <= fields for config in configs)",
        "return all(needed <= {*config} for config in configs)",
        "a workload is tried in versions that refuse its configs",
        OF_GENERATED,
    ),
    Mutant(
        WORKLOADS,
        "        return _AFTER_HANGING_MS\n",
        "        return _UNTIL_MS\n",
        "a world ends before an action that hangs has died",
        OF_GENERATED,
    ),
    Mutant(
        WORKLOADS,
        'return {"config": config, **args} if function',
        'return {**args, "config": config} if function',
        "an add with a config of its own is given that of the app",
        OF_GENERATED,
    ),
    Mutant(
        WORKLOADS,
        "first, self._made = self._made, self._made + count",
        "first, self._made = self._made, self._made + 1",
        "items of two adds cannot be told apart",
        OF_GENERATED,
    ),
    Mutant(
        WORKLOADS,
        "        done = [[evolve(first, wait_ms=begin_ms), *others] for first, *others in crowd]\n",
        "        done = crowd\n",
        "a crowd never waits until something is due",
        OF_GENERATED,
    ),
    Mutant(
        WORKLOADS,
        "return draw.pick([(), (draw.pick(takes),) * 8])",
        "return ()",
        "where nothing fails deliveries take no time",
        OF_GENERATED,
    ),
)
