"""Mutants of what is told of a run that broke something (`convexsim/explore/explain.py` and what it asks)."""

from __future__ import annotations

from typing import Final

from benchmarks.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

METER: Final = "convexsim/explore/meter.py"
SHARES: Final = "convexsim/explore/shares.py"
GIST: Final = "convexsim/explore/gist.py"
COUNTERFACTUALS: Final = "convexsim/explore/counterfactuals.py"
FOLLOWING: Final = "convexsim/explore/following.py"
EXPLANATION: Final = "convexsim/explore/explanation.py"
RETRIES: Final = "convexsim/trace/retries.py"

OF_SHARES: Final = ("tests/explore/test_shares.py",)
OF_STORIES: Final = ("tests/explore/test_explain.py",)
OF_WHAT_IFS: Final = ("tests/explore/test_counterfactuals.py",)
OF_RETRIES: Final = ("tests/trace/test_retries.py",)

MUTANTS: Final = (
    Mutant(
        SHARES,
        "behind = (behind + sum(others)) / count",
        "behind = (behind + sum(others)) / 2",
        "every choice of a failing run is taken for one among two",
        OF_SHARES,
    ),
    Mutant(
        SHARES,
        "Fraction(1, prod(count for _, count in onward))",
        "Fraction(1, 2 ** len(onward))",
        "a way to go on counts as if each of its choices were among two",
        OF_SHARES,
    ),
    Mutant(
        METER,
        "doubt = (1 - confidence) / 2\n    return",
        "doubt = 1 - confidence\n    return",
        "an interval with two ends errs at each as often as it may at both",
        OF_SHARES,
    ),
    Mutant(
        SHARES,
        "while together < unknown and run.indexes[:together] == self._failing.indexes[:together]:",
        "while together < unknown:",
        "a way that has gone elsewhere counts at later choices of the failing run",
        OF_SHARES,
    ),
    Mutant(
        GIST,
        "[*_chosen(retold), *_failed(retold), *settling]",
        "[*_chosen(retold), *settling]",
        "a story leaves out whoever failed",
        OF_STORIES,
    ),
    Mutant(
        GIST,
        "[*_chosen(retold), *_failed(retold), *settling]",
        "[*_chosen(retold), *_failed(retold)]",
        "a story leaves out at whose step the failure was settled",
        OF_STORIES,
    ),
    Mutant(
        COUNTERFACTUALS,
        "Following((*failing.indexes[: asked.position], index), later)",
        "Following(failing.indexes[: asked.position], later)",
        "what is forced later may come in the place of what is turned round",
        OF_WHAT_IFS,
    ),
    Mutant(
        COUNTERFACTUALS,
        "if key not in seen and turn.is_turned(run):",
        "if turn.is_turned(run):",
        "orders of steps that commute are told as so many what-ifs",
        OF_WHAT_IFS,
    ),
    Mutant(
        COUNTERFACTUALS,
        "after = places.index(other) + 1",
        "after = places.index(other)",
        "of two steps that race the earlier one still comes first",
        OF_WHAT_IFS,
    ),
    Mutant(
        FOLLOWING,
        "self._strike_out([CLOCK])",
        "pass",
        "in another order time passes again and again where it passed once",
        OF_WHAT_IFS,
    ),
    Mutant(
        EXPLANATION,
        "if each.growth > 0 and not _may_be_equal(each.before, each.after)]",
        "if each.growth > 0]",
        "a step is called decisive by shares that are not told apart",
        OF_STORIES,
    ),
    Mutant(
        RETRIES,
        "before = reversed(events[:at])",
        "before = events[:at]",
        "every attempt is said to have begun when the first one did",
        OF_RETRIES,
    ),
    Mutant(
        RETRIES,
        'if (low, high) == (b"", prefix_end(b"")):',
        "if False:",
        "who has read a whole index is told that it was a range of it",
        OF_RETRIES,
    ),
)
