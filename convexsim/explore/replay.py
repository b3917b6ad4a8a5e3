"""Replay: from a run to its string, and from a string to the run, also if the code has been edited a little since.

Owns what a string means. How it is spelled stands in `spelling.py`. If the choices at the recorded places do not make
the recorded run any more, the string has *drifted*, and its forced choices are looked for by their labels, one after
the other: where the same is offered instead of the same, else where it is offered instead of something else, else where
any step of the same owner is offered instead of one of the same. Of several such places the one nearest to where it
was, counted from the last one, comes first; if that does not break what the recorded run broke, others are tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from convexsim.choices import ListedChoices, label_of
from convexsim.errors import UsageError
from convexsim.explore.spelling import Mark, ReplayString, checksum, label_check, parse
from convexsim.explore.switches import switches_of, words_of
from convexsim.simulation import Run, Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from convexsim.choices import Kind, Option
    from convexsim.explore.switches import Switch
    from convexsim.simulation import Scenario

__all__ = ["MAX_ALIGNMENT_RUNS", "Moved", "Replayed", "encode", "replay", "without_trailing_zeros"]

MAX_ALIGNMENT_RUNS: Final = 500
"""Runs that may be spent on finding out what a string means after an edit."""


@frozen
class Moved:
    """A forced choice that stands elsewhere than it was recorded, or is not quite the same.

    Attributes:
        switch: which, as it is now.
        before: the number of the choice, as recorded, from 1.
        now: the number of the choice that it is now.
        is_the_same: whether the same is taken instead of the same; if not, the step or the other one is new.

    """

    switch: Switch
    before: int
    now: int
    is_the_same: bool

    def __str__(self) -> str:
        place = f"choice {self.now}" if self.now == self.before else f"choice {self.now}, was {self.before}"
        return f"{self.switch} ({place}{'' if self.is_the_same else '; not quite what it was'})"


@frozen(eq=False)
class Replayed:
    """What a replay string means now.

    Attributes:
        run: the run, with its events.
        string: what repeats exactly this run: the given string, or a new one if it has drifted.
        is_exact: whether it is the recorded run; otherwise it has *drifted*.
        moved: the forced choices that stand elsewhere now, or are not quite the same. There may be none, and yet the
            run differ in what comes by itself.
        breaks_the_same: whether the same invariants break as did when it was recorded.

    """

    run: Run
    string: str
    is_exact: bool
    moved: tuple[Moved, ...]
    breaks_the_same: bool

    @property
    def drift(self) -> list[str]:
        """How the run differs from the recorded one, in lines for people; none if it does not."""
        if self.is_exact:
            return []
        if self.breaks_the_same:
            verdict = "the same breaks" if self.run.violations else "nothing breaks, as before"
        else:
            verdict = "something else breaks" if self.run.violations else "what broke then does not break any more"
        lines = [f"drifted: the code has changed since the string was recorded; {verdict}"]
        return lines + [f"  moved: {moved}" for moved in self.moved]


def encode(run: Run) -> str:
    """Return the string that repeats a run."""
    marks: list[Mark] = []
    last = -1
    for forced in run.record.forced:
        marks.append(Mark(forced.position - last, forced.index, label_check(forced.taken, forced.passed)))
        last = forced.position
    return str(ReplayString(run.scenario.name, run.level, tuple(marks), _verdict(run), _course(run)))


def replay(scenarios: Sequence[Scenario], text: str) -> Replayed:
    """Repeat a run, with its events; after a change of the code, the run that comes closest to it.

    Raises:
        UsageError: the string is none, names a scenario that is not there, or a choice that is never offered.

    """
    wanted = parse(text)
    found = [scenario for scenario in scenarios if scenario.name == wanted.scenario]
    if not found:
        names = ", ".join(scenario.name for scenario in scenarios)
        msg = f"The string was recorded on the scenario {wanted.scenario!r}, which is not here."
        raise UsageError(msg, code="StaleReplayString", next_step=f"Here are: {names}.")
    choices = ListedChoices(wanted.indexes)
    run = Simulation(found[0], choices, level=wanted.level).run()
    fits = not choices.misfits and not choices.unused
    if fits and (_verdict(run), _course(run)) == (wanted.verdict, wanted.course):
        return Replayed(run, text.strip(), is_exact=True, moved=(), breaks_the_same=True)
    alignment = _Alignment(found[0], wanted)
    aligned = alignment.best()
    if aligned is None:
        assert alignment.dead_end is not None
        raise _stale(wanted, *alignment.dead_end)
    same = _verdict(aligned) == wanted.verdict
    return Replayed(aligned, encode(aligned), is_exact=False, moved=_moved(wanted, aligned), breaks_the_same=same)


def _moved(wanted: ReplayString, run: Run) -> tuple[Moved, ...]:
    before = [at + 1 for at, index in enumerate(wanted.indexes) if index]
    now = parse(encode(run))
    return tuple(
        Moved(switch, was, forced.position + 1, is_the_same=mark.label == marked.label)
        for switch, was, forced, mark, marked in zip(
            switches_of(run), before, run.record.forced, wanted.marks, now.marks, strict=True
        )
        if forced.position + 1 != was or mark.label != marked.label
    )


def without_trailing_zeros(indexes: Sequence[int]) -> tuple[int, ...]:
    """Return a list of choices without the zeros at its end: they are what comes anyway."""
    end = len(indexes)
    while end and indexes[end - 1] == 0:
        end -= 1
    return tuple(indexes[:end])


def _verdict(run: Run) -> str:
    """Return a check of which invariants a run broke."""
    return checksum(" ".join(broken.invariant for broken in run.violations), 2)


def _course(run: Run) -> str:
    """Return a check of a run: the scenario's name, every choice as it was taken, and how it ended."""
    taken = [f"{each.kind} {each.index}/{each.count} {each.activity} {each.phase}" for each in run.record.labelled()]
    return checksum("\n".join([f"{run.scenario.name} {run.ending} {run.steps} {run.now:g}", *taken]), 4)


class _Alignment:
    """The search for the run that a string means after an edit, in at most so many runs.

    Attributes:
        dead_end: the first choice that was not offered, by its number, and the look for it.

    """

    def __init__(self, scenario: Scenario, wanted: ReplayString) -> None:
        self.dead_end: tuple[int, _Look] | None = None
        self._scenario = scenario
        self._wanted = wanted
        self._left = MAX_ALIGNMENT_RUNS

    def best(self) -> Run | None:
        """Return the likeliest run that breaks the same, else the likeliest, else None."""
        runs = self._runs((), 0)
        likeliest = next(runs, None)
        if likeliest is None or _verdict(likeliest) == self._wanted.verdict:
            return likeliest
        return next((run for run in runs if _verdict(run) == self._wanted.verdict), likeliest)

    def _runs(self, indexes: tuple[int, ...], placed: int) -> Iterator[Run]:
        """Yield the runs in which all forced choices have a place, likeliest first."""
        self._left -= 1
        if placed == len(self._wanted.marks):
            yield Simulation(self._scenario, ListedChoices(indexes), level=self._wanted.level).run()
            return
        look = _Look(indexes, self._wanted.marks[placed])
        Simulation(self._scenario, look, level=self._wanted.level, trace=False).run()
        if not look.places and self.dead_end is None:
            self.dead_end = placed + 1, look
        for _, at, index in sorted(look.places):
            if self._left <= 0:
                return
            yield from self._runs(indexes + (0,) * (at - len(indexes)) + (index,), placed + 1)


class _Look:
    """Choices that only look where a forced choice is offered, after those that have their places.

    Attributes:
        places: where it is: how unlike what was recorded, which choice, which option.
        expected: which choice it should be.
        offered: what is offered there, in words.

    """

    def __init__(self, indexes: tuple[int, ...], mark: Mark) -> None:
        self.places: list[tuple[tuple[int, int, int], int, int]] = []
        self.expected = len(indexes) + mark.gap - 1
        self.offered: list[str] = []
        self._indexes = indexes
        self._mark = mark
        self._at = 0

    def choose(self, kind: Kind, options: Sequence[Option]) -> int:
        """Take what has its place, then go on as simply as possible."""
        at, self._at = self._at, self._at + 1
        if at < len(self._indexes):
            return self._indexes[at]
        labels = [label_of(option) for option in options]
        if at == self.expected:
            self.offered = [words_of(label) for label in labels]
        for index, label in enumerate(labels[1:], 1):
            unlike = _unlike(self._mark.label, label_check(label, labels[0]))
            if unlike is not None:
                distance = abs(at - self.expected), abs(index - self._mark.index)
                self.places.append(((unlike, *distance), at, index))
        return 0


def _unlike(recorded: str, label: str) -> int | None:
    """Return how unlike a label is to what was recorded, 0 if not at all; None if it is not the same choice.

    It is the same if the same step of the same owner is taken, or any step of the same one over one of the same.
    """
    # An abbreviated label says nothing of what it leaves out.
    taker, passed, step, over = (was == now for was, now in zip(recorded + label[len(recorded) :], label, strict=True))
    if not taker or not (step or passed):
        return None
    return (not over) + 2 * (not passed) + 4 * (not step)


def _stale(wanted: ReplayString, number: int, look: _Look) -> UsageError:
    mark = wanted.marks[number - 1]
    which = f"Forced choice {number} of {len(wanted.marks)} of the string, {mark}, is never offered any more"
    expected = f"It was expected as choice {look.expected + 1}, "
    there = f"where there is now: {'; or '.join(look.offered)}." if look.offered else "but the run has fewer."
    advice = "The scenario or the component has changed too much since; explore again."
    return UsageError(f"{which}. {expected}{there}", code="StaleReplayString", next_step=advice)
