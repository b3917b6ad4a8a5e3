"""The mutation check: is every way to be wrong noticed by a test? Run it with `make mutants`.

It tries each row of `table.py` against the tests that are to notice it, in copies of the repository, and writes the
kill table to docs/mutants.md. With words after the command it tries only the rows whose file or description holds one
of them, and prints without writing. With ``--rules COUNT`` it tries so many mutants of each of the files named instead,
by the rules of `operators.py`, against the tests named after ``--tests``: a survivor is either equivalent, or a hole in
the tests and worth a row of the table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from benchmarks.mutants.operators import sampled
from benchmarks.mutants.table import MUTANTS
from benchmarks.mutants.trial import ROOT, Tree, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from benchmarks.mutants.mutant import Mutant

PAGE: Final = ROOT / "docs" / "mutants.md"
_SECONDS: Final = 60
_ABOUT: Final = """\
# Mutants

Each row is one way to break the platform, the search or the component, and the test that noticed it. Written by
`make mutants`, which puts one mutant at a time into a copy of the repository and runs the tests that are to notice it;
the rows are data in `benchmarks/mutants/`. A mutant is *equivalent* if nobody could notice it; then the row says why.
"""


def tried(mutants: Sequence[Mutant], trees: Sequence[Tree]) -> Iterator[Trial]:
    """Try mutants side by side, one in each copy at a time; yield what came of them, in their order."""
    free: SimpleQueue[Tree] = SimpleQueue()
    for tree in trees:
        free.put(tree)

    def trial(mutant: Mutant) -> Trial:
        tree = free.get()
        try:
            return tree.tried(mutant)
        finally:
            free.put(tree)

    with ThreadPoolExecutor(len(trees)) as pool:
        yield from pool.map(trial, mutants)


def verdict_of(trial: Trial) -> str:
    """Return what the table says of a mutant."""
    if trial.killer is not None and trial.mutant.equivalent:
        return f"called equivalent, but noticed by {trial.killer}"
    if trial.killer is not None:
        return f"`{trial.killer.removeprefix('tests/')}`"
    return f"equivalent: {trial.mutant.equivalent}" if trial.mutant.equivalent else "**nobody noticed**"


def is_well(trial: Trial) -> bool:
    """Whether a mutant was noticed, or is equivalent as it is said to be."""
    return (trial.killer is None) == bool(trial.mutant.equivalent)


def page_of(trials: Sequence[Trial]) -> str:
    """Return the kill table."""
    equivalent = sum(trial.killer is None and is_well(trial) for trial in trials)
    survivors = sum(not is_well(trial) for trial in trials)
    noticed = len(trials) - equivalent - survivors
    counts = f"{len(trials)} mutants: {noticed} noticed, {equivalent} equivalent, {survivors} to be looked into."
    lines = [_ABOUT, counts]
    file = ""
    for trial in trials:
        if trial.mutant.file != file:
            file = trial.mutant.file
            lines += ["", f"## {file}", "", "| what it does wrong | noticed by |", "|---|---|"]
        lines.append(f"| {_cell(trial.mutant.what)} | {_cell(verdict_of(trial))} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def watched(trials: Iterator[Trial], count: int) -> list[Trial]:
    """Collect trials, and tell how far it is and who has not been noticed."""
    collected: list[Trial] = []
    began = time.monotonic()
    for trial in trials:
        collected.append(trial)
        left = (time.monotonic() - began) / len(collected) * (count - len(collected)) / _SECONDS
        survived = f": {verdict_of(trial)}" if trial.killer is None else ""
        print(
            f"{len(collected)}/{count}, {left:.0f} min left  {trial.mutant.file}: {trial.mutant.what}{survived}",
            flush=True,
        )
    return collected


def main() -> None:
    """Try, show how far it is, and write or print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants", description="Is every mutant noticed?")
    parser.add_argument("only", nargs="*", help="try the rows whose file or description holds one of these; or files")
    parser.add_argument("--workers", type=int, default=2, help="how many mutants at once")
    parser.add_argument("--rules", type=int, metavar="COUNT", help="try so many mutants by rule of each file instead")
    parser.add_argument("--tests", nargs="+", default=(), help="who is to notice those")
    given = parser.parse_args()
    if given.rules is not None:
        sources = {file: (ROOT / file).read_text(encoding="utf-8") for file in given.only}
        chosen = [each for at in sources for each in sampled(at, sources[at], given.rules, tuple(given.tests))]
    else:
        chosen = [each for each in MUTANTS if any(word in f"{each.file} {each.what}" for word in given.only or [""])]
    with ExitStack() as stack:
        places = [stack.enter_context(tempfile.TemporaryDirectory()) for _ in range(given.workers)]
        trees = [Tree(Path(place)) for place in places]
        trials = watched(tried(chosen, trees), len(chosen))
        killers = dict.fromkeys(trial.killer for trial in trials if trial.killer and "::" in trial.killer)
        failing = trees[0].failing(killers) if killers else None
    if failing is not None:
        sys.exit(f"{failing} fails without any mutant, so nothing above can be believed")
    if given.only:
        print(page_of(trials))
    else:
        PAGE.write_text(page_of(trials), encoding="utf-8")
        print(f"written: {PAGE.relative_to(ROOT)}")
    sys.exit(not all(map(is_well, trials)))


if __name__ == "__main__":
    main()
